import { createHash } from 'node:crypto'
import type { RecordName } from '../../ports/record-store.ts'
import type { Fact } from '../../ports/topic-store.ts'
import { linePieces, type NewMessage } from '../segments/message.ts'
import type { Turns } from '../turns.ts'
import type { OpenRange, PendingAppend } from './conditions.ts'

/** The append with an idempotency key (log §6.6). The version of its record is the last offset of the append's range. */
export interface KeyRecord {
  readonly writer: string
  /** How many offsets the whole range has. */
  readonly rangeCount: number
  /** The range's last offset minus the append's. */
  readonly back: number
  /** How many messages the append has. */
  readonly count: number
  /** Of the messages, by {@link hashMessages}. */
  readonly hash: string
  /** When the range was reserved, by the store's clock as known to the writer, seconds. */
  readonly timeS: number
  /** Whether it is known that the segment was stored. */
  readonly stands: boolean
}

/** The text: a JSON array of the members in this order, `stands` as 0 or 1. */
export function encodeKey ({ writer, rangeCount, back, count, hash, timeS, stands }: KeyRecord): string {
  return JSON.stringify([writer, rangeCount, back, count, hash, timeS, stands ? 1 : 0])
}

type KeyMembers = [writer: string, rangeCount: number, back: number, count: number, hash: string, timeS: number, stands: 0 | 1]

export function decodeKey (text: string): KeyRecord {
  const [writer, rangeCount, back, count, hash, timeS, stands] = JSON.parse(text) as KeyMembers
  return { writer, rangeCount, back, count, hash, timeS, stands: stands === 1 }
}

/** Whether the record of a key says that its segment was stored. @throws Error if another program has changed the record */
export function isKnownToStand ({ text }: Fact): boolean {
  return decodeKey(text).stands
}

export function keyName (topic: string, id: string): RecordName {
  return { kind: 'key', topic, id }
}

export function rangeOfKey ({ rangeCount, writer, timeS }: KeyRecord, last: number): OpenRange {
  return { first: last - rangeCount + 1, last, writer, timeS }
}

/** SHA-256 of the messages in their stored form, with offsets from 0 and the timestamp 0. Large ones are hashed in slices. */
export async function hashMessages (messages: readonly NewMessage[], turns: Turns, sliceChars: number): Promise<string> {
  const hash = createHash('sha256')
  for (const piece of linePieces(messages, 0, '0', sliceChars)) {
    hash.update(piece)
    if (piece.length >= sliceChars) await turns.next()
  }
  return hash.digest('base64url')
}

/**
 * The records of a group's keys, by append.
 * @param appends all appends of the group, in their order
 * @param range the group's: `count` is the number of its offsets
 */
export function keyRecords<Append extends PendingAppend> (
  appends: readonly Append[], { count, writer, timeS }: { readonly count: number, readonly writer: string, readonly timeS: number }
): Map<Append, KeyRecord> {
  const records = new Map<Append, KeyRecord>()
  let upTo = 0
  for (const append of appends) {
    const { conditions, messages } = append
    upTo += messages.length
    if (conditions.key === undefined) continue
    const { hash } = append.keySeen!
    records.set(append, { writer, rangeCount: count, back: count - upTo, count: messages.length, hash, timeS, stands: false })
  }
  return records
}
