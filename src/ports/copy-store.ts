/** What a copy of all data needs of the stores beside the other ports (log §8). */
import type { GroupName } from './group-store.ts'
import type { RecordName } from './record-store.ts'
import type { CallOptions, SegmentObject } from './segment-store.ts'
import type { Fact, TopicItem } from './topic-store.ts'
import type { Ms, Offset } from './units.ts'

/** Some of what a store has, in the store's own order. May be empty though there is more. */
export interface Scanned<T> {
  readonly found: readonly T[]
  /** To be passed as `after` to get the next ones; absent after the last ones. */
  readonly next: string | undefined
}

export interface StoredRecord {
  readonly name: RecordName
  readonly record: Fact
  readonly expiresAtMs: Ms
}

/** Whether a copy may be put into the store. `used`: other data is there. `unfinished`: a copy was begun there, and has not ended. */
export type CopyState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'used' }
  | { readonly kind: 'unfinished', readonly source: string }

/** Which copy is being made. It is kept in the store until the copy is complete, and until then no server starts on the store. */
export interface CopyMark {
  /** Where the data comes from. A copy that was interrupted is continued only from the same source. */
  readonly source: string
  /** Random, of the process that makes the copy. */
  readonly run: string
}

/**
 * The topics' items, consumer groups, records and access tokens of a store, to be copied one by one. Scans are strongly
 * consistent: they have everything that was there when they began and is still there.
 */
export interface CopyStore {
  /** The names of all topics' items, those of deleted topics included. @throws StoreError as `TopicStore.read` */
  scanTopics (after: string | undefined, options?: CallOptions): Promise<Scanned<string>>
  /** @throws StoreError as `TopicStore.read` */
  scanGroups (after: string | undefined, options?: CallOptions): Promise<Scanned<GroupName>>
  /** @throws StoreError as `TopicStore.read` */
  scanRecords (after: string | undefined, options?: CallOptions): Promise<Scanned<StoredRecord>>
  /** The ids of access tokens. @throws StoreError as `TopicStore.read` */
  scanTokens (after: string | undefined, options?: CallOptions): Promise<Scanned<string>>

  /** @throws StoreError as `TopicStore.read` */
  state (options?: CallOptions): Promise<CopyState>

  /**
   * Keeps the mark, in the place of that of an earlier process which copied from the same source.
   * @returns false if the mark of a copy from another source is there
   * @throws StoreError as `TopicStore.reserve`
   */
  begin (mark: CopyMark, options?: CallOptions): Promise<boolean>

  /** Removes everything but the mark and the segments. @throws StoreError as `TopicStore.reserve` */
  clear (options?: CallOptions): Promise<void>

  /**
   * Stores the topic's item as it is, if there is none.
   * @returns false if there is one
   * @throws StoreError as `TopicStore.reserve`
   */
  restoreTopic (topic: string, item: TopicItem, options?: CallOptions): Promise<boolean>

  /**
   * Removes the mark of this process.
   * @returns false if another process has put its own in its place
   * @throws StoreError as `TopicStore.reserve`
   */
  finish (run: string, options?: CallOptions): Promise<boolean>
}

/** Stores segments that were stored elsewhere before. */
export interface SegmentRestore {
  /**
   * As `SegmentStore.putIfAbsent`, at any time after the reservation.
   * @param storedAtMs when the segment was stored first. A store that keeps the time of the put by itself ignores it
   * @throws StoreError as `SegmentStore.putIfAbsent`
   */
  restore (topic: string, last: Offset, object: SegmentObject, storedAtMs: Ms, options?: CallOptions): Promise<'created' | 'exists'>
}
