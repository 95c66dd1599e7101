import type { CallOptions } from './segment-store.ts'
import type { Fact } from './topic-store.ts'

/** A producer that was moved out of its topic's item (log §6.5), or an idempotency key (log §6.6). */
export interface RecordName {
  readonly kind: 'producer' | 'key'
  readonly topic: string
  readonly id: string
}

export interface ReplaceOptions extends CallOptions {
  /** Ms since epoch from which on the record may be removed. An expired record that is still there counts like any other. */
  readonly expiresAtMs: number
}

/** Stores records outside the items of topics. */
export interface RecordStore {
  /** Strongly consistent. @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  read (name: RecordName, options?: CallOptions): Promise<Fact | undefined>

  /**
   * Stores the record, on a condition. For a producer: no record with a higher version is stored. For a key: the stored record
   * has the version `seen`, or there is none if `seen` is `null`.
   * @returns `replaced`; if the condition was not met, the stored record, or `undefined` if there is none any more
   * @throws StoreError as `read`, and `full`
   */
  replace (name: RecordName, record: Fact, seen: number | null, options: ReplaceOptions): Promise<'replaced' | Fact | undefined>

  /**
   * Removes at most `limit` expired records. A store that removes them by itself (DynamoDB's TTL) returns 0.
   * @returns how many were removed
   * @throws StoreError as `read`
   */
  removeExpired (nowMs: number, limit: number, options?: CallOptions): Promise<number>
}
