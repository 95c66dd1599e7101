import type { CallOptions, TopicListing } from './segment-store.ts'

export type { TopicListing } from './segment-store.ts'

/**
 * Something that was stored together with a reservation (log §6.1). While its range is unresolved it is provisional: it
 * holds only if the segment of that range stands.
 */
export interface Fact {
  /** The last offset of the fact's range, which is also its version. The store fills it in. */
  readonly last: number
  /** Opaque to the store. */
  readonly text: string
}

/** Everything that is stored of a topic, apart from its segments. Each attribute but `currentOffset` may be absent. */
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
  /** A closing append whose outcome the item does not tell. */
  readonly closing?: Fact | undefined
  /** The string sequence (log §6.8). */
  readonly order?: Fact | undefined
  /** How many producers have ever left the item. Only grows, over deletions, too. */
  readonly moves: number
  /** The producers inside the item, by id (log §6.5). */
  readonly producers: ReadonlyMap<string, Fact>
  /** The topic's config, opaque to the store. */
  readonly config?: string | undefined
  /** What the last sweep found, opaque to the store (log §5). */
  readonly swept?: string | undefined
}

/**
 * What must still be so in the item, or the reservation is refused. `null`: must be absent. What is not named is not
 * asked. The item as it is stored counts, whatever it means: facts of an earlier life, too.
 */
export interface Belief {
  readonly closed: number | null
  /** The version of `closing`. */
  readonly closing: number | null
  readonly config: string | null
  /** The topic exists and is not deleted. */
  readonly exists?: true
  /** Versions. */
  readonly producers?: ReadonlyMap<string, number | null>
  readonly moves?: number
  /** The version of `order`. */
  readonly order?: number | null
  readonly currentOffset?: number
}

/** What a reservation changes. A `closed` or `closing` that the belief names was found void: it is removed. */
export interface Wanted {
  /** Offsets to reserve. 0: none; `closed` is then set to the current offset. */
  readonly count: number
  /** Texts by producer id. */
  readonly producers?: ReadonlyMap<string, string>
  readonly order?: string
  readonly closing?: string
  /** Producers whose facts leave the item. */
  readonly movedOut?: readonly string[]
}

/** A range of offsets `[first, last]` that is reserved for one caller. Empty (`last < first`) if none were wanted. */
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

/** Nothing was changed: what was believed is not so. */
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

/** What a trim found about the facts below its new `earliest` (log §6.11). */
export interface Resolved {
  /** What is stored in place of a producer's fact, on condition that its version is `last`. */
  readonly producers?: ReadonlyMap<string, Fact>
  readonly order?: Fact
  readonly closing?: { readonly last: number, readonly stands: boolean }
}

/** One item a topic, changed by single conditional updates (log §2.2, §6.2). */
export interface TopicStore {
  /** Strongly consistent; `undefined` if there is none. @throws StoreError as `reserve` */
  read (topic: string, options?: CallOptions): Promise<TopicItem | undefined>

  /**
   * Reserves the next `count` offsets and sets the wanted facts, if all that is believed is so. If the response is lost, the
   * range remains unused.
   * @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured`, `full`
   */
  reserve (topic: string, wanted: Wanted, belief: Belief, options: WriteOptions): Promise<Reserved | Refused>

  /** Makes the closing append at `closing` the end of the topic, if it is still that one. @throws StoreError as `reserve` */
  markClosed (topic: string, closing: number, options?: CallOptions): Promise<void>

  /**
   * Moves `earliest` up to `to`, never down, and stores what was found of the facts, if each of them is still that one.
   * @throws StoreError as `reserve`
   */
  raiseEarliest (topic: string, to: number, resolved: Resolved, options?: CallOptions): Promise<Changed | Refused>

  /**
   * Ends the life of the topic at `currentOffset`, if no offset was reserved since and it is not deleted there: everything
   * below is trimmed, and all facts, the config and `createdAtMs` are removed. @throws StoreError as `reserve`
   */
  markDeleted (topic: string, currentOffset: number, options?: CallOptions): Promise<Changed | Refused>

  /**
   * Creates the topic, or sets its config, if the item is as `seen` in what decides that: absent; deleted at the same
   * offset; or not deleted, with the same config. A deleted topic that is created again hands out one offset to nobody, below
   * `earliest`. @throws StoreError as `reserve`
   */
  configure (topic: string, config: string | null, seen: TopicItem | undefined, options: WriteOptions): Promise<Changed | Refused>

  /** Stores what a sweep found, if the topic exists. @throws StoreError as `reserve` */
  noteSwept (topic: string, swept: string, options?: CallOptions): Promise<void>

  /**
   * Sets `reservedAtMs`, if `currentOffset` is still the last reserved offset and `reservedAtMs` is absent or later.
   * Otherwise does nothing. For reservations with an impossible time (log §4.3). @throws StoreError as `reserve`
   */
  correctReservedAt (topic: string, time: ReservationTime, options?: CallOptions): Promise<void>

  /**
   * Topics after `after` that exist, created through this port: items of other implementations may be missing, and so may
   * for a moment what was just created. Topics that an older version deleted, or that were just deleted, may be among them.
   * @throws StoreError as `reserve`
   */
  list (after: string, limit: number, options?: CallOptions): Promise<TopicListing>

  /** Resolves if the store responds. @throws StoreError whose message tells an operator what to fix */
  check (options?: CallOptions): Promise<void>
}

export function isDeleted (item: Pick<TopicItem, 'currentOffset' | 'deletedAtOffset'>): boolean {
  return item.deletedAtOffset === item.currentOffset
}
