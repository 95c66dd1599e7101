import type { Clock } from '../../ports/clock.ts'
import type { CopyStore, Scanned, SegmentRestore } from '../../ports/copy-store.ts'
import type { GroupStore } from '../../ports/group-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { CallOptions, NamedSegmentStore } from '../../ports/segment-store.ts'
import type { TokenStore } from '../../ports/token-store.ts'
import type { TopicStore } from '../../ports/topic-store.ts'
import { forEachBounded, type StoreCalls } from '../store-calls.ts'
import type { Room } from './room.ts'

/** All stores of one place: a data folder, or a bucket and a table. */
export interface CopyableStores {
  readonly segments: NamedSegmentStore & SegmentRestore
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly records: RecordStore
  readonly tokens: TokenStore
  readonly copies: CopyStore
}

/** What was copied so far; in a dry run, what would be. */
export interface CopyCounts {
  topics: number
  segments: number
  /** Of the segments, as stored. */
  bytes: number
  /** Segments that an interrupted copy had copied before. */
  present: number
  groups: number
  /** Of producers and idempotency keys. */
  records: number
  tokens: number
  /** Segments that are damaged in the source. They are copied as they are. */
  damaged: number
}

export function noCounts (): CopyCounts {
  return { topics: 0, segments: 0, bytes: 0, present: 0, groups: 0, records: 0, tokens: 0, damaged: 0 }
}

/** The copy cannot be made. The message tells the operator what to do. */
export class CopyError extends Error {
  override readonly name = 'CopyError'
}

export interface CopyContext {
  readonly source: CopyableStores
  readonly target: CopyableStores
  readonly clock: Clock
  readonly calls: StoreCalls
  readonly counts: CopyCounts
  readonly room: Room
  /** Nothing is written. */
  readonly dryRun: boolean
  /** The target may have segments already. */
  readonly resumed: boolean
  readonly randomHex: (bytes: number) => string
  /** Gets what the operator should know, in words. */
  readonly notice: (text: string) => void
}

/** Topics, groups and records that are copied at one time. */
const ITEMS_AT_ONCE = 16

/** Works on everything that a scan finds. */
export async function forEachScanned<T> (
  { calls }: Pick<CopyContext, 'calls'>,
  scan: (after: string | undefined, options: CallOptions) => Promise<Scanned<T>>,
  work: (found: T) => Promise<void>
): Promise<void> {
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const from = after
    const { found, next } = await calls.make('list', 'the source', (signal) => scan(from, { signal }))
    await forEachBounded(found, ITEMS_AT_ONCE, work)
    after = next
  }
}

/** For items that were there when a copy should have made them, and are not what it would have put. */
export function isNotAlone (what: string): CopyError {
  return new CopyError(`${what} has appeared in the target while it was copied: another copy or a server works on the target. ` +
    'Stop it, and run the copy again')
}
