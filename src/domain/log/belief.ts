import { LRUCache } from 'lru-cache'
import type { Fact, TopicItem } from '../../ports/topic-store.ts'

/**
 * The outcome of a range with facts (log §6.3). `stands`: its segment is stored, or was and has been trimmed. `void`: the range
 * is sealed, so no segment will ever be stored. `lost`: a lifecycle rule or another version may have removed the segment, so
 * its appends are answered neither as written nor as not written.
 */
export type RangeOutcome = 'stands' | 'void' | 'lost'

/** The most outcomes, and the most records outside the item, that a process remembers of one topic. */
const REMEMBERED_MAX = 1_000

/**
 * A process's copy of a topic's item, which may be outdated (log §6.10). Each update is conditional on the parts of the copy
 * that it relies on: if one is outdated, the update is refused, and the answer has the current item.
 */
export class TopicBelief {
  /** The newest item that a call returned; `undefined` also if no call has returned yet. */
  item: TopicItem | undefined
  /** Whether a call has returned the item, or that there is none. */
  known = false
  /** The size with which {@link TopicBeliefs} has counted this belief. */
  countedUnits = 0
  #asOf = -1
  #tick = 0
  readonly #outcomes = new Map<number, RangeOutcome>()
  readonly #outside = new Map<string, { readonly moves: number, readonly fact: Fact | undefined }>()

  get units (): number {
    return 1 + (this.item?.producers.size ?? 0)
  }

  /** Numbers the events of this topic, so that "read after the request came" does not depend on a clock. */
  tick (): number {
    return this.#tick++
  }

  /** @param askedAt the tick at which the read or the update was sent */
  learn (item: TopicItem | undefined, askedAt: number): void {
    if (askedAt < this.#asOf) return
    this.item = item
    this.known = true
    this.#asOf = askedAt
  }

  /**
   * Whether the item was read after `arrived`. Only then an append that arrived at that tick may be refused, or answered as a
   * repeat: an older item may be outdated.
   */
  isNewerThan (arrived: number): boolean {
    return this.known && this.#asOf > arrived
  }

  outcomeOf (last: number): RangeOutcome | undefined {
    return this.#outcomes.get(last)
  }

  /** Notes the outcome of a range, which never changes. @param last the last offset of the range */
  resolved (last: number, outcome: RangeOutcome): void {
    remember(this.#outcomes, last, outcome)
  }

  /** The producer's record outside the item, if no producer has left the item since it was read (log §6.5). */
  outside (id: string, moves: number): { readonly fact: Fact | undefined } | undefined {
    const known = this.#outside.get(id)
    return known?.moves === moves ? known : undefined
  }

  /** @param moves of the item that was known before the record was read */
  learnOutside (id: string, fact: Fact | undefined, moves: number): void {
    remember(this.#outside, id, { fact, moves })
  }
}

function remember<K, V> (map: Map<K, V>, key: K, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value!)
}

/** Bounds the memory of {@link TopicBeliefs}: one unit for each topic, and one for each producer in its item. */
const REMEMBERED_UNITS = 100_000

/** The beliefs about all topics. The least recently used ones are forgotten. */
export class TopicBeliefs {
  // `maxSize`, because lru-cache allocates all slots of `max` at construction.
  readonly #topics = new LRUCache<string, TopicBelief>({ maxSize: REMEMBERED_UNITS, sizeCalculation: (belief) => belief.units })

  of (topic: string): TopicBelief {
    const known = this.#topics.get(topic)
    if (known !== undefined && known.countedUnits === known.units) return known
    const belief = known ?? new TopicBelief()
    belief.countedUnits = belief.units
    // Without this the cache would keep the size that the same value had before.
    this.#topics.delete(topic)
    this.#topics.set(topic, belief)
    return belief
  }
}
