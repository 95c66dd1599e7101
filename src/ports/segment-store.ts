/** The bytes and headers of one stored object, exactly as they are kept. */
export interface SegmentObject {
  readonly body: Uint8Array
  readonly contentType: string
  readonly contentEncoding?: string | undefined
  /** User metadata; keys in lower case, values in ASCII. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface SegmentEntry {
  /** The object's last offset, from its key. */
  readonly last: number
  /** Bytes as stored. */
  readonly size: number
  /** When it was put, by the store's clock, in ms; may be cut to whole seconds. */
  readonly lastModified: number
}

export interface SegmentListing {
  /** Ascending by `last`. */
  readonly entries: readonly SegmentEntry[]
  /** There may be more after the last entry. An empty listing is never truncated. */
  readonly truncated: boolean
  /** The store's clock when it answered, in ms. */
  readonly now: number
}

export interface CallOptions {
  /** Ends the wait for an answer; the call itself may still take effect. */
  readonly signal?: AbortSignal | undefined
}

export interface PutOptions extends CallOptions {
  /** When the offsets were reserved, in ms, by the counter's clock (`Reservation.at`); `null` for a seal. */
  readonly reservedAt: number | null
}

/** A put for a reservation older than this is refused by every store (log §3.2; the age is S3's rule for signatures). */
export const PUT_ACCEPTED_MS = 15 * 60_000

/** Write-once objects, one ordered list of them a topic, each under the last offset it holds (log §2.1). */
export interface SegmentStore {
  /**
   * Stores the object unless its key exists; of concurrent calls exactly one creates it, and its body stays for ever.
   * @throws StoreError `expired` (effect `none`) more than {@link PUT_ACCEPTED_MS} after `reservedAt`; `conflict`,
   *   `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  putIfAbsent (topic: string, last: number, object: SegmentObject, options: PutOptions): Promise<'created' | 'exists'>

  /** @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  get (topic: string, last: number, options?: CallOptions): Promise<SegmentObject | undefined>

  /**
   * Up to `limit` entries with `last >= from`, strongly consistent.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  list (topic: string, from: number, limit: number, options?: CallOptions): Promise<SegmentListing>

  /** Deletes objects; keys that do not exist are passed over. For trim only (log §5). @throws StoreError as `get` */
  remove (topic: string, lasts: readonly number[], options?: CallOptions): Promise<void>

  /** Resolves when the store answers. @throws StoreError that says what to mend */
  check (options?: CallOptions): Promise<void>
}
