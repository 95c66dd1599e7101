import type { Bytes, Ms, Offset } from './units.ts'
/** The bytes and headers of an object, exactly as they are stored. */
export interface SegmentObject {
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding?: string | undefined
  /** User metadata; keys in lower case, values in ASCII. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface SegmentEntry {
  /** The object's last offset, from its key. */
  readonly lastOffset: Offset
  /** Bytes as stored. */
  readonly size: Bytes
  /** Time of the put in ms, by the store's clock; may be rounded down to seconds. */
  readonly lastModified: Ms
}

export interface SegmentListing {
  /** Ascending by `lastOffset`. */
  readonly entries: readonly SegmentEntry[]
  /** There may be more after the last entry. An empty listing is never truncated. */
  readonly truncated: boolean
  /** The store's clock at the time of the response, in ms. */
  readonly now: Ms
}

export interface TopicListing {
  /** Ascending, as bytes of UTF-8. */
  readonly topics: readonly string[]
  /** There may be more after the last topic. An empty listing is never truncated. */
  readonly truncated: boolean
}

export interface CallOptions {
  /** Ends the wait for a response; the call may still take effect. */
  readonly signal?: AbortSignal | undefined
}

export interface PutOptions extends CallOptions {
  /** Time of the reservation in ms, by the counter's clock (`Reservation.reservedAtMs`); `null` for a seal. */
  readonly reservedAtMs: Ms | null
}

/** A put for a reservation older than this is refused by every store (log §3.2; the age is S3's rule for signatures). */
export const PUT_ACCEPTED_MS = 15 * 60_000

/** Write-once objects, in one ordered list for each topic. The key of an object is the last offset in it (log §2.1). */
export interface SegmentStore {
  /**
   * Stores the object unless its key exists. Exactly one of concurrent calls creates it, and it never changes.
   * @throws StoreError `expired` (effect `none`) more than {@link PUT_ACCEPTED_MS} after `reservedAtMs`; `conflict`,
   *   `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  putIfAbsent (topic: string, last: Offset, object: SegmentObject, options: PutOptions): Promise<'created' | 'exists'>

  /** @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  get (topic: string, last: Offset, options?: CallOptions): Promise<SegmentObject | undefined>

  /**
   * Up to `limit` entries with `lastOffset >= from`, strongly consistent.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  list (topic: string, from: Offset, limit: number, options?: CallOptions): Promise<SegmentListing>

  /** Deletes objects; keys that do not exist are ignored. For trim only (log §5). @throws StoreError as `get` */
  remove (topic: string, lastOffsets: readonly Offset[], options?: CallOptions): Promise<void>

  /** Resolves if the store responds. @throws StoreError whose message tells an operator what to fix */
  check (options?: CallOptions): Promise<void>
}

/** A segment store that can list the topics that have objects, whether the topics exist or not. */
export interface NamedSegmentStore extends SegmentStore {
  /** Names after `after` that have at least one object. @throws StoreError as `list` */
  topics (after: string, limit: number, options?: CallOptions): Promise<TopicListing>
}
