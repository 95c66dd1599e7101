import { hasCode, StreamsError } from './errors.ts'
import type { ConsumeOptions, Handler } from './consumer.ts'
import { type Message, MessageFormat, type NewMessage } from './messages.ts'
import { jsonOf, pathOf, type Transport } from './transport.ts'

/** A message for another topic. */
export interface Output extends NewMessage {
  readonly topic: string
}

/** What a handler of `process` returns: nothing, a message, or several; or a promise of it. */
export type Outputs = Output | readonly Output[] | undefined | void | Promise<Output | readonly Output[] | undefined | void>

export interface ProcessOptions extends ConsumeOptions {
  /**
   * Names a deliberate repetition, say after `seek` with a handler that was mended: its outputs are stored beside those of other runs.
   * Without a new name, the first ones stand for 24 hours. ASCII without spaces; all workers of a run give the same.
   */
  readonly run?: string
  /**
   * Called when another run of the handler has written other outputs for the message: those stand, and the new ones are dropped.
   * By default nobody hears of it. What this throws fails the message, as what the handler throws does.
   */
  readonly onConflict?: (message: Message, error: StreamsError) => unknown
}

const keyCharsMax = 256

/**
 * A handler that appends the outputs, then lets its message be acknowledged.
 *
 * The outputs of a message for one topic are one append, whose `Idempotency-Key` is the message's place: `topic/group/offset`, or
 * `topic/group/run/offset`. So a redelivery, to this worker or to another, does not write them twice. A producer with seqs would not
 * do: it would need one worker and one order, and a redelivery has neither.
 */
export function processor<Payload> (
  transport: Transport,
  name: string,
  handler: (...args: Parameters<Handler<Payload>>) => Outputs,
  { run, onConflict }: ProcessOptions
): Handler<Payload> {
  if (run !== undefined && !/^[!-~]+$/.test(run)) throw new RangeError(`run: expected ASCII characters without spaces, got ${run}`)
  const place = run === undefined ? name : `${name}/${run}`
  const format = new MessageFormat<unknown, unknown>({}, transport.hooks)
  return async (message, context) => {
    const outputs: Output[] = [await handler(message, context) ?? []].flat()
    const byTopic = new Map<string, string[]>()
    for (const { topic, ...output } of outputs) {
      const texts = byTopic.get(topic) ?? []
      texts.push(format.encode(output))
      byTopic.set(topic, texts)
    }
    const key = await keyOf(`${place}/${message.offset}`)
    await Promise.all([...byTopic].map(async ([topic, texts]) => {
      try {
        await append(transport, topic, texts, key, context.signal)
      } catch (error) {
        if (!(hasCode(error, 'idempotency_conflict'))) throw error
        await onConflict?.(message, error)
      }
    }))
  }
}

async function append (transport: Transport, topic: string, texts: readonly string[], key: string, signal: AbortSignal): Promise<void> {
  await transport.send({
    operation: 'produce',
    method: 'POST',
    path: pathOf('topics', topic, 'produce'),
    headers: { 'idempotency-key': key },
    body: `{"messages":[${texts.join(',')}]}`,
    appends: true
  }, jsonOf, { signal })
}

/** Names of topic, group and run together may be longer than a key: then their hash stands for them. */
async function keyOf (name: string): Promise<string> {
  if (name.length <= keyCharsMax) return name
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
