import type { CallOptions } from './segment-store.ts'
import type { Fact } from './topic-store.ts'

/** A producer that was moved out of its topic's item (log §6.5), or an idempotency key (log §6.6). */
export interface RecordName {
  readonly kind: 'producer' | 'key'
  readonly topic: string
  readonly id: string
}

export interface ReplaceOptions extends CallOptions {
  /** From this time on, ms since epoch, the record may be removed. Until it is, it counts. */
  readonly expiresAtMs: number
}

/** Records that are stored by themselves, beside the items of topics. */
export interface RecordStore {
  /** Strongly consistent. @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  read (name: RecordName, options?: CallOptions): Promise<Fact | undefined>

  /**
   * Stores the record. A producer's: unless one with a higher version is there. A key's: if the version there is `seen`
   * (`null`: none is there).
   * @returns `replaced`; or nothing was changed, and this is there (`undefined`: `seen` is gone, and nothing is there)
   * @throws StoreError as `read`, and `full`
   */
  replace (name: RecordName, record: Fact, seen: number | null, options: ReplaceOptions): Promise<'replaced' | Fact | undefined>

  /**
   * Removes records that have expired, at most `limit`. Stores that do so by themselves (DynamoDB's TTL) return 0.
   * @returns how many were removed
   * @throws StoreError as `read`
   */
  removeExpired (nowMs: number, limit: number, options?: CallOptions): Promise<number>
}
