import type { CallOptions } from './segment-store.ts'

/** A range of offsets `[first, last]` that nobody else gets. */
export interface Reservation {
  readonly first: number
  readonly last: number
  /** When it was handed out, in ms, by the counter's own clock (DynamoDB: the `Date` header of the answer). */
  readonly at: number
}

export interface ReserveOptions extends CallOptions {
  /** The caller's clock in ms, kept as the topic's `reserved_at` by a counter that cannot write its own time. */
  readonly now: number
}

/** The newest reservation of a topic, and a time for it. */
export interface ReservationTime {
  readonly currentOffset: number
  /** In ms. */
  readonly at: number
}

export interface TopicState {
  /** The last reserved offset; 0 before the first. */
  readonly currentOffset: number
  /**
   * The time of the newest reservation, in ms: by the counter's own clock where it can write that, else by the writer's.
   * Absent on items that other implementations wrote.
   */
  readonly reservedAt?: number | undefined
  /** The first offset a reader may still ask for; 1 until a trim. */
  readonly earliest: number
  /** What `currentOffset` was when the topic was deleted; deleted as long as the two are equal. */
  readonly deletedAtOffset?: number | undefined
}

/** The atomic counter of each topic and the few facts kept beside it (log §2.2). */
export interface OffsetCounter {
  /**
   * Hands out the next `count` offsets. A lost answer leaves a range that nobody uses.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  reserve (topic: string, count: number, options: ReserveOptions): Promise<Reservation>

  /** Strongly consistent; `undefined` for a topic that never had an offset reserved. @throws StoreError as `reserve` */
  read (topic: string, options?: CallOptions): Promise<TopicState | undefined>

  /**
   * Sets `reservedAt` to `at`, if `currentOffset` is still the last reserved offset and `reservedAt` is absent or later.
   * Otherwise does nothing. For reservations whose time cannot be true (log §4.3). @throws StoreError as `reserve`
   */
  correctReservedAt (topic: string, reservation: ReservationTime, options?: CallOptions): Promise<void>

  /** Moves `earliest` up to `to`; never down. @throws StoreError as `reserve` */
  raiseEarliest (topic: string, to: number, options?: CallOptions): Promise<void>

  /** Marks the topic deleted as of `currentOffset`; a later reservation brings it back. @throws StoreError as `reserve` */
  markDeleted (topic: string, currentOffset: number, options?: CallOptions): Promise<void>

  /** Resolves when the store answers. @throws StoreError that says what to mend */
  check (options?: CallOptions): Promise<void>
}
