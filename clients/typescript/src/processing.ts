import { StreamsError } from './errors.ts'
import type { ConsumeOptions, Handler } from './consumer.ts'
import { MessageFormat, type NewMessage } from './messages.ts'
import { jsonOf, pathOf, type Transport } from './transport.ts'

/** A message for another topic. */
export interface Output extends NewMessage {
  readonly topic: string
}

/** What a handler of `process` returns: nothing, a message, or several; or a promise of it. */
export type Outputs = Output | readonly Output[] | undefined | void | Promise<Output | readonly Output[] | undefined | void>

export type ProcessOptions = ConsumeOptions

const keyCharsMax = 256

/**
 * A handler that appends the outputs, then lets its message be acknowledged.
 *
 * The outputs of a message for one topic are one append, whose `Idempotency-Key` is the message's place: `topic/group/offset`. So a
 * redelivery, to this worker or to another, does not write them twice. A producer with seqs would not do: it would need one worker
 * and one order, and a redelivery has neither.
 */
export function processor<Payload> (
  transport: Transport, name: string, handler: (...args: Parameters<Handler<Payload>>) => Outputs
): Handler<Payload> {
  const format = new MessageFormat<unknown, unknown>({}, transport.hooks)
  return async (message, context) => {
    const outputs: Output[] = [await handler(message, context) ?? []].flat()
    const byTopic = new Map<string, string[]>()
    for (const { topic, ...output } of outputs) {
      const texts = byTopic.get(topic)
      const text = format.encode(output)
      if (texts === undefined) byTopic.set(topic, [text])
      else texts.push(text)
    }
    const key = await keyOf(`${name}/${message.offset}`)
    await Promise.all([...byTopic].map(([topic, texts]) => append(transport, topic, texts, key, context.signal)))
  }
}

async function append (transport: Transport, topic: string, texts: readonly string[], key: string, signal: AbortSignal): Promise<void> {
  try {
    await transport.send({
      operation: 'produce',
      method: 'POST',
      path: pathOf('topics', topic, 'produce'),
      headers: { 'idempotency-key': key },
      body: `{"messages":[${texts.join(',')}]}`,
      repeatable: true,
      appends: true
    }, jsonOf, { signal })
  } catch (error) {
    // An earlier run of the handler has written other outputs for this message. Those stand.
    if (!(error instanceof StreamsError && error.code === 'idempotency_conflict')) throw error
  }
}

/** Names of topic and group together may be longer than a key: then their hash stands for them. */
async function keyOf (name: string): Promise<string> {
  if (name.length <= keyCharsMax) return name
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name))
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
