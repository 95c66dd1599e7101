import { LRUCache } from 'lru-cache'
import type { Fact, TopicItem } from '../../ports/topic-store.ts'

/**
 * What became of a range with facts (log §6.3). `stands`: its segment is there, or was. `void`: it never will be. `lost`: a
 * lifecycle rule or another version may have removed it; nobody is told "written" or "not written" of it.
 */
export type RangeOutcome = 'stands' | 'void' | 'lost'

/** Bounds what a process remembers of a topic whose item has more facts than are asked for. */
const REMEMBERED_MAX = 1_000

/**
 * What a process takes a topic's item for (log §6.10). Updates are conditional on all that was believed, so a wrong belief
 * costs a refused update, which brings the truth.
 */
export class TopicBelief {
  /** The item as last heard; `undefined` also if nothing was heard yet. */
  item: TopicItem | undefined
  known = false
  /** The units at which it was counted in {@link TopicBeliefs}. */
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

  /** Whether the item was asked for after `arrived`. Only then may something be told that may have become untrue. */
  isNewerThan (arrived: number): boolean {
    return this.known && this.#asOf > arrived
  }

  outcomeOf (last: number): RangeOutcome | undefined {
    return this.#outcomes.get(last)
  }

  /** An outcome never changes. @param last the last offset of the range */
  resolved (last: number, outcome: RangeOutcome): void {
    remember(this.#outcomes, last, outcome)
  }

  /** The record outside the item, if it was read after an item in which as many records had left (log §6.5). */
  outside (id: string, moves: number): { readonly fact: Fact | undefined } | undefined {
    const known = this.#outside.get(id)
    return known?.moves === moves ? known : undefined
  }

  /** @param moves as in the item before the record was read */
  learnOutside (id: string, fact: Fact | undefined, moves: number): void {
    remember(this.#outside, id, { fact, moves })
  }
}

function remember<K, V> (map: Map<K, V>, key: K, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value!)
}

/** Bounds the memory for what is known of topics: each topic counts as one, and each producer in its item. */
const REMEMBERED_UNITS = 100_000

/** The beliefs about all topics; those that were not used for longest are forgotten. */
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
