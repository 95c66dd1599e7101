import { type ClientOptions, jsonText, type Message, type NewMessage, StreamsError, type Topic } from '../../clients/typescript/src/index.ts'
import { charsMax, charsOf, gathered, messagesMax } from './batches.ts'
import type { Connection } from './connection.ts'
import { CommandError } from './failures.ts'
import { Sequence, type SequencedBatch } from './sequence.ts'
import type { Session } from './session.ts'

/** Messages with the offsets that they have somewhere else, ascending. */
export interface Source {
  /** For people. */
  readonly name: string
  /** Those at and above an offset. */
  messages (from: number): AsyncIterable<Message<string>>
}

export interface Copied {
  /** How many this run has stored. */
  messages: number
  /** The last offset of the source that the destination has. */
  position: number
}

export interface CopyOptions {
  readonly deliveryMs: number
  /** Whether each message gets headers that say where and when it was in the source. */
  readonly origin: boolean
  readonly onStored: (copied: Copied) => void
  /** Called when it is known where the copying begins: after which offset. */
  readonly onBegin: (position: number) => void | Promise<void>
}

export interface Destination {
  readonly connection: Connection
  readonly topic: string
}

interface CopyBatch extends SequencedBatch {
  /** Of its last message in the source. */
  readonly last: number
  readonly expectedOffset: number | undefined
}

/** One for all, so that of two copiers into a topic the later one shuts out the other, whatever their sources are called. */
const producerId = 'streams-copy'
/** With the headers of the origin. */
const gathering = { itemsMax: messagesMax, charsMax, charsOf: (message: Message<string>) => charsOf(message) + 80, lingerMs: 20 }
const beginningsMax = 20

/**
 * Copies a source into a topic, each message once and in order, whatever is killed and however often it is begun again.
 *
 * The destination knows how far it is: each append has as its `order` the offset of its last message in the source, and the service
 * refuses one that is not above the last. So asking is an append of the source's first message alone, which is refused with the
 * position if the message, or a later one, is there. From then on batches have the seqs of a producer. The first of them is stored
 * only if nothing was appended since before the position was asked for; and as soon as it is stored, the producer's new epoch keeps out
 * every other copier.
 */
export async function copyInto (session: Session, to: Destination, source: Source, options: CopyOptions): Promise<Copied> {
  const topicWith = (client: Partial<ClientOptions>): Topic<string> => (
    session.clientWith(client, to.connection).topic<string>(to.topic, { codec: jsonText }))
  const topic = topicWith({ timeoutMs: options.deliveryMs })
  const topicOnce = topicWith({ retry: false })
  const copied: Copied = { messages: 0, position: 0 }
  let epoch = Date.now() * 1_000 + Math.floor(Math.random() * 1_000)
  for (let beginning = 1; ; beginning++) {
    const found = await findPosition(session, topic, source, options, copied)
    if (found === undefined) return copied
    if (beginning === 1) await options.onBegin(copied.position)
    const before = copied.messages
    try {
      await copyAfter(session, topicOnce, source, options, copied, { epoch, expectedOffset: found })
      return copied
    } catch (error) {
      const code = error instanceof StreamsError ? error.code : undefined
      // Once a batch is stored, a refusal means another copier.
      const again = beginning < beginningsMax && copied.messages === before
      if (code === 'offset_mismatch' && again) continue
      if (code !== 'producer_fenced' || !again) throw error
      // The clock of the copier before was ahead.
      epoch = Number((error as StreamsError).problem['epoch']) + 1
    }
  }
}

/**
 * Finds out how far the destination is; stores the first message if it has none.
 * @returns the end of the destination at a time when it was at the position, or before it; `undefined` if the source has nothing
 */
async function findPosition (
  { signal }: Session, topic: Topic<string>, source: Source, { origin, onStored }: CopyOptions, copied: Copied
): Promise<number | undefined> {
  const end = await endOf(topic, signal)
  const [first] = await take(source.messages(copied.position + 1))
  if (first === undefined) return undefined
  try {
    const { offset } = await topic.appendBatch([outputOf(first, origin)], { order: orderOf(first.offset), signal })
    copied.position = first.offset
    copied.messages++
    onStored(copied)
    return offset + 1
  } catch (error) {
    if (!(error instanceof StreamsError && error.code === 'out_of_order')) throw error
    copied.position = positionOf(error, topic.name)
    return end
  }
}

async function copyAfter (
  session: Session, topic: Topic<string>, source: Source, { deliveryMs, origin, onStored }: CopyOptions, copied: Copied,
  { epoch, expectedOffset }: { readonly epoch: number, readonly expectedOffset: number }
): Promise<void> {
  const { signal } = session
  const sequence = new Sequence<CopyBatch>({
    append: ({ messages, seq, last, expectedOffset }) => topic.appendBatch(messages, {
      producer: { id: producerId, epoch, seq }, order: orderOf(last), expectedOffset, timeoutMs: 30_000
    }),
    onStored: ({ messages, last }) => {
      copied.messages += messages.length
      copied.position = last
      onStored(copied)
    },
    deliveryMs,
    signal,
    onRetry: (error, delayMs) => { session.tellOfRetry(error, delayMs) }
  })
  let seq = 0
  try {
    for await (const batch of gathered(source.messages(copied.position + 1), gathering)) {
      const messages = batch.map((message) => outputOf(message, origin))
      await sequence.add({ seq, messages, last: batch.at(-1)!.offset, expectedOffset: seq === 0 ? expectedOffset : undefined })
      seq++
    }
  } catch (error) {
    // What is on its way still counts, whatever is wrong with the source.
    await sequence.finish().catch(() => {})
    throw error
  }
  await sequence.finish()
}

function outputOf ({ payload, key, headers, offset, timestamp }: Message<string>, origin: boolean): NewMessage<string> {
  if (!origin) return { payload, key, headers }
  return { payload, key, headers: { ...headers, 'origin-offset': String(offset), 'origin-timestamp': String(timestamp) } }
}

/** Compared as bytes, so it has always the same length: that of the largest offset. */
function orderOf (offset: number): string {
  return String(offset).padStart(16, '0')
}

/** @throws CommandError if the topic's order is none of ours */
function positionOf ({ problem }: StreamsError, topic: string): number {
  const { order } = problem
  if (typeof order === 'string' && /^\d{16}$/.test(order)) return Number(order)
  throw new CommandError(`${topic}: its last append has the order ${JSON.stringify(order)}, which is not one of a copy`, {
    exit: 'conflict', code: 'not_a_copy', hint: 'copy into a topic that nobody else writes with an order'
  })
}

async function endOf (topic: Topic<string>, signal: AbortSignal): Promise<number> {
  try {
    return (await topic.describe({ signal })).end
  } catch (error) {
    if (error instanceof StreamsError && error.code === 'topic_not_found') return 1
    throw error
  }
}

async function take (messages: AsyncIterable<Message<string>>): Promise<Array<Message<string>>> {
  for await (const message of messages) return [message]
  return []
}
