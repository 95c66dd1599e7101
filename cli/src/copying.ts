import {
  type ClientOptions, jsonText, type Message, type NewMessage, StreamsError, type Topic
} from '../../clients/typescript/src/index.ts'
import { charsMax, charsOf, gathered, messagesMax } from './batches.ts'
import type { Connection } from './connection.ts'
import { CommandError } from './failures.ts'
import { preferSmallHeap } from './memory.ts'
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
 * refuses one that is not above the last. So asking is an append of the first message alone: it is refused, with the position, if the
 * message or a later one is there.
 *
 * An order alone would not keep two copiers apart, as the batch of one may begin below what the other has stored meanwhile. So appends
 * have a producer, whose epoch is new for each beginning: what is stored first under it shuts out all copiers before. That is either the
 * append that asks, or the first batch, and that one is stored only if nothing was appended since before the position was asked for.
 */
export async function copyInto (session: Session, to: Destination, source: Source, options: CopyOptions): Promise<Copied> {
  preferSmallHeap()
  const topicWith = (client: Partial<ClientOptions>): Topic<string> => (
    session.clientWith(client, to.connection).topic<string>(to.topic, { codec: jsonText }))
  const topic = topicWith({ timeoutMs: options.deliveryMs })
  const topicOnce = topicWith({ retry: false })
  const copied: Copied = { messages: 0, position: 0 }
  let epoch = Date.now() * 1_000 + Math.floor(Math.random() * 1_000)
  for (let beginning = 1; ; beginning++) {
    const before = copied.messages
    try {
      const place = await findPlace(session, topic, source, options, copied, epoch)
      if (place === undefined) return copied
      if (beginning === 1) await options.onBegin(copied.position)
      await copyAfter(session, topicOnce, source, options, copied, place)
      return copied
    } catch (error) {
      // Once something of this run is stored, a refusal means another copier: that one goes on.
      if (!(error instanceof StreamsError) || beginning >= beginningsMax || copied.messages > before) throw error
      // The clock of the copier before was ahead.
      if (error.code === 'producer_fenced') epoch = Number(error.problem['epoch']) + 1
      else if (error.code !== 'offset_mismatch') throw error
    }
  }
}

/** Where the batches of a beginning go on. */
interface Place {
  readonly epoch: number
  /** Of the first batch. */
  readonly seq: number
  /** What the first batch expects, if nothing is stored under the epoch: the end at a time when the position was not higher. */
  readonly expectedOffset?: number
}

/** Finds out how far the destination is; stores one message if that is the next one. @returns `undefined` if the source is at its end */
async function findPlace (
  { signal }: Session, topic: Topic<string>, source: Source, { origin, onStored }: CopyOptions, copied: Copied, epoch: number
): Promise<Place | undefined> {
  const expectedOffset = await endOf(topic, signal)
  const first = await firstOf(source.messages(copied.position + 1))
  if (first === undefined) return undefined
  try {
    await topic.appendBatch([outputOf(first, origin)], {
      producer: { id: producerId, epoch, seq: 0 }, order: orderOf(first.offset), signal
    })
    copied.position = first.offset
    copied.messages++
    onStored(copied)
    return { epoch, seq: 1 }
  } catch (error) {
    if (!(error instanceof StreamsError && error.code === 'out_of_order')) throw error
    copied.position = positionOf(error, topic.name)
    return { epoch, seq: 0, expectedOffset }
  }
}

async function copyAfter (
  session: Session, topic: Topic<string>, source: Source, { deliveryMs, origin, onStored }: CopyOptions, copied: Copied,
  { epoch, seq: firstSeq, expectedOffset }: Place
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
  let seq = firstSeq
  try {
    for await (const batch of gathered(source.messages(copied.position + 1), gathering)) {
      const messages = batch.map((message) => outputOf(message, origin))
      await sequence.add({ seq, messages, last: batch.at(-1)!.offset, expectedOffset: seq === firstSeq ? expectedOffset : undefined })
      seq++
    }
  } catch (error) {
    // What is on its way still counts, whatever is wrong with the source.
    await sequence.finish().catch(() => {})
    throw error
  }
  await sequence.finish()
}

/** A message that is copied a second time keeps the headers of its first origin. */
function outputOf ({ payload, key, headers, offset, timestamp }: Message<string>, origin: boolean): NewMessage<string> {
  if (!origin) return { payload, key, headers }
  // A file that somebody else has made may have no timestamps.
  const time = Number.isFinite(timestamp) ? { 'origin-timestamp': String(timestamp) } : {}
  return { payload, key, headers: { 'origin-offset': String(offset), ...time, ...headers } }
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

async function firstOf (messages: AsyncIterable<Message<string>>): Promise<Message<string> | undefined> {
  const iterator = messages[Symbol.asyncIterator]()
  const first = await iterator.next()
  await iterator.return?.()
  return first.done === true ? undefined : first.value
}
