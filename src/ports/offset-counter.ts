import type { CallOptions } from './segment-store.ts'
import type { Ms, Offset } from './units.ts'

/** A range of offsets `[first, last]` that is reserved for one caller. */
export interface Reservation {
  readonly first: Offset
  readonly last: Offset
  /** Time of the reservation in ms, by the counter's own clock (DynamoDB: the `Date` header of the response). */
  readonly reservedAtMs: Ms
}

export interface ReserveOptions extends CallOptions {
  /** The caller's clock in ms. A counter that cannot write its own time stores the caller's, as `reserved_at`. */
  readonly now: Ms
}

/** The newest reservation of a topic, and the time to store for it. */
export interface ReservationTime {
  readonly currentOffset: Offset
  /** The time to store, in ms. */
  readonly reservedAtMs: Ms
}

export interface TopicState {
  /** The last reserved offset; 0 before the first. */
  readonly currentOffset: Offset
  /**
   * The time of the newest reservation in ms, by the writer's clock, or by the counter's own if it can write its own time.
   * May be absent in items of other implementations.
   */
  readonly writerReservedAtMs?: Ms | undefined
  /** The lowest offset that has not been trimmed; 1 before the first trim. */
  readonly earliest: Offset
  /** The `currentOffset` at which the topic was deleted. The topic is deleted as long as the two are equal. */
  readonly deletedAtOffset?: Offset | undefined
}

/** An atomic counter for each topic, and the topic's other attributes (log §2.2). */
export interface OffsetCounter {
  /**
   * Reserves the next `count` offsets. If the response is lost, the range remains unused.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`
   */
  reserve (topic: string, count: number, options: ReserveOptions): Promise<Reservation>

  /** Reads the topic's state, strongly consistent; `undefined` if no offset was ever reserved. @throws StoreError as `reserve` */
  read (topic: string, options?: CallOptions): Promise<TopicState | undefined>

  /**
   * Sets the topic's `writerReservedAtMs` to `reservedAtMs`, if `currentOffset` is still the last reserved offset and the
   * topic's time is absent or later. Otherwise does nothing. For reservations with an impossible time (log §4.3).
   * @throws StoreError as `reserve`
   */
  correctReservedAt (topic: string, reservation: ReservationTime, options?: CallOptions): Promise<void>

  /** Moves `earliest` up to `to`; never down. @throws StoreError as `reserve` */
  raiseEarliest (topic: string, to: Offset, options?: CallOptions): Promise<void>

  /** Marks the topic as deleted at `currentOffset`; a later reservation creates it again. @throws StoreError as `reserve` */
  markDeleted (topic: string, currentOffset: Offset, options?: CallOptions): Promise<void>

  /** Resolves if the store responds. @throws StoreError whose message tells an operator what to fix */
  check (options?: CallOptions): Promise<void>
}
