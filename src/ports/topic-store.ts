import type { CallOptions, TopicListing } from './segment-store.ts'

export type { TopicListing } from './segment-store.ts'

/**
 * A statement about a topic that was stored together with a reservation (log §6.1). Until the outcome of the reserved range is
 * known, the fact is provisional: it is valid only if the segment of that range is stored.
 */
export interface Fact {
  /** The last offset of the fact's range, which is also the fact's version. The store fills it in. */
  readonly last: number
  /** Opaque to the store. */
  readonly text: string
}

/** The stored state of a topic, apart from its segments. In storage, each attribute but `currentOffset` may be absent. */
export interface TopicItem {
  /** The last reserved offset; 0 before the first. */
  readonly currentOffset: number
  /**
   * The time of the newest reservation in ms, by the store's own clock if it can write that, otherwise by the writer's.
   * May be absent in items of other implementations.
   */
  readonly reservedAtMs?: number | undefined
  /** When the topic was created in this life, ms. */
  readonly createdAtMs?: number | undefined
  /** The lowest offset that has not been trimmed; 1 before the first trim. */
  readonly earliest: number
  /** The `currentOffset` at which the topic was deleted. The topic is deleted as long as the two are equal. */
  readonly deletedAtOffset?: number | undefined
  /** The topic's last offset for ever (log §6.8). */
  readonly closed?: number | undefined
  /** A closing append whose outcome is not in the item. */
  readonly closing?: Fact | undefined
  /** The newest value of the string sequence (log §6.8). */
  readonly order?: Fact | undefined
  /** How many producers have ever left the item. Never decreases, not even when the topic is deleted. */
  readonly moves: number
  /** The producers inside the item, by id (log §6.5). */
  readonly producers: ReadonlyMap<string, Fact>
  /** The topic's config, opaque to the store. */
  readonly config?: string | undefined
  /** The result of the last sweep, opaque to the store (log §5). */
  readonly swept?: string | undefined
}

/**
 * The conditions of a reservation: each attribute that is named must have this value in the stored item, or the reservation is
 * refused. `null`: the attribute must be absent. Facts of an earlier life of the topic count like others.
 */
export interface Belief {
  readonly closed: number | null
  /** The version of `closing`. */
  readonly closing: number | null
  readonly config: string | null
  /** The topic exists and is not deleted. */
  readonly exists?: true
  /** Versions of producers' facts, by id. */
  readonly producers?: ReadonlyMap<string, number | null>
  readonly moves?: number
  /** The version of `order`. */
  readonly order?: number | null
  readonly currentOffset?: number
}

/** The changes of a reservation. A `closed` or `closing` that was in the item is removed: the caller has found it void. */
export interface Wanted {
  /** How many offsets to reserve. With 0, `closed` is set to the current offset. */
  readonly count: number
  /** Texts by producer id. */
  readonly producers?: ReadonlyMap<string, string>
  readonly order?: string
  readonly closing?: string
  /** Producers whose facts leave the item. */
  readonly movedOut?: readonly string[]
}

/** A range of offsets `[first, last]` that is reserved for one caller. Empty (`last < first`) if `count` was 0. */
export interface Reservation {
  readonly first: number
  readonly last: number
  /** Time of the reservation in ms, by the store's own clock (DynamoDB: the `Date` header of the response). */
  readonly reservedAtMs: number
}

export interface Reserved extends Reservation {
  readonly kind: 'reserved'
  /** The item after the reservation. */
  readonly item: TopicItem
}

/** A condition was not met, and nothing was changed. */
export interface Refused {
  readonly kind: 'refused'
  /** The item as it is. */
  readonly item: TopicItem | undefined
}

export interface Changed {
  readonly kind: 'changed'
  readonly item: TopicItem
}

export interface WriteOptions extends CallOptions {
  /** The caller's clock in ms. A store that cannot write its own time stores it as `reservedAtMs` and `createdAtMs`. */
  readonly now: number
}

/** The newest reservation of a topic, and the time to store for it. */
export interface ReservationTime {
  readonly currentOffset: number
  readonly reservedAtMs: number
}

/** The facts below the new `earliest` of a trim, resolved (log §6.11). */
export interface Resolved {
  /** Resolved facts by producer id. Each replaces the producer's fact, on condition that its version is `last`. */
  readonly producers?: ReadonlyMap<string, Fact>
  readonly order?: Fact
  /** @property last the version of `closing` @property stands whether the topic is closed by it */
  readonly closing?: { readonly last: number, readonly stands: boolean }
}

/** Stores one item for each topic, changed by single conditional updates (log §2.2, §6.2). */
export interface TopicStore {
  /** Strongly consistent. @returns the item, if there is one @throws StoreError as `reserve` */
  read (topic: string, options?: CallOptions): Promise<TopicItem | undefined>

  /**
   * Reserves the next `count` offsets and sets the wanted facts, if all conditions are met. If the response is lost, the range
   * remains unused.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`, `full`
   */
  reserve (topic: string, wanted: Wanted, belief: Belief, options: WriteOptions): Promise<Reserved | Refused>

  /** Moves the fact `closing` to `closed`, if its version is still `closing`. @throws StoreError as `reserve` */
  markClosed (topic: string, closing: number, options?: CallOptions): Promise<void>

  /**
   * Moves `earliest` up to `to`, never down, and stores the resolved facts, if each fact in the item still has that version.
   * @throws StoreError as `reserve`
   */
  raiseEarliest (topic: string, to: number, resolved: Resolved, options?: CallOptions): Promise<Changed | Refused>

  /**
   * Deletes the topic, if `currentOffset` is still its last reserved offset and it is not deleted yet: all messages are trimmed,
   * and all facts, the config and `createdAtMs` are removed. @throws StoreError as `reserve`
   */
  markDeleted (topic: string, currentOffset: number, options?: CallOptions): Promise<Changed | Refused>

  /**
   * Creates the topic, or sets its config, if the item still is as `seen`: absent; deleted at the same offset; or not deleted,
   * with the same config. To create a deleted topic again, one offset is skipped: it is below `earliest`, and has no message.
   * @throws StoreError as `reserve`
   */
  configure (topic: string, config: string | null, seen: TopicItem | undefined, options: WriteOptions): Promise<Changed | Refused>

  /** Stores the result of a sweep, if the topic exists. @throws StoreError as `reserve` */
  noteSwept (topic: string, swept: string, options?: CallOptions): Promise<void>

  /**
   * Sets `reservedAtMs`, if `currentOffset` is still the last reserved offset and `reservedAtMs` is absent or later.
   * Otherwise does nothing. For reservations with an impossible time (log §4.3). @throws StoreError as `reserve`
   */
  correctReservedAt (topic: string, time: ReservationTime, options?: CallOptions): Promise<void>

  /**
   * Existing topics after `after`. May lack topics of other implementations, and topics that were created just now. May include
   * topics that an older version has deleted, and topics that were deleted just now.
   * @throws StoreError as `reserve`
   */
  list (after: string, limit: number, options?: CallOptions): Promise<TopicListing>

  /** Resolves if the store responds. @throws StoreError whose message tells an operator what to fix */
  check (options?: CallOptions): Promise<void>
}

export function isDeleted (item: Pick<TopicItem, 'currentOffset' | 'deletedAtOffset'>): boolean {
  return item.deletedAtOffset === item.currentOffset
}
