import { LRUCache } from 'lru-cache'
import type { RateConfig } from './config.ts'

/** The share of a rate that one append uses. Bytes are those of payloads, keys and headers as JSON, in UTF-8. */
export interface AppendCost {
  readonly messages: number
  readonly bytes: number
}

type Unit = keyof AppendCost

/** The level of a topic's buckets at `atMs`. Negative after an append that was larger than a bucket. */
type Buckets = Record<Unit, number> & { atMs: number }

const UNITS: readonly Unit[] = ['messages', 'bytes']

/** The most topics that are remembered. A forgotten topic has full buckets, so it may have one more burst. */
const TOPICS_MAX = 10_000

/**
 * Limits the appends to each topic per second, in this process only. A topic has a token bucket for messages and one for bytes,
 * each with room for one second of the rate. An append larger than a bucket passes when the bucket is full, so that it is not
 * refused for ever; the level is negative then, so the next append waits longer.
 */
export class Rates {
  // `maxSize`, because lru-cache allocates all slots of `max` at construction.
  readonly #topics: LRUCache<string, Buckets>
  readonly #monotonic: () => number

  /** @param monotonic ms since an arbitrary start; never decreases */
  constructor (monotonic: () => number, topicsMax = TOPICS_MAX) {
    this.#monotonic = monotonic
    this.#topics = new LRUCache({ maxSize: topicsMax, sizeCalculation: () => 1 })
  }

  /**
   * Takes the cost of an append from the topic's buckets, or nothing if one of them has too little.
   * @returns 0 if it was taken, otherwise the whole seconds, at least 1, after which to come again (`Retry-After`)
   */
  take (topic: string, rate: RateConfig | undefined, cost: AppendCost): number {
    const limited = UNITS.filter((unit) => rate?.[unit] !== undefined)
    if (rate === undefined || limited.length === 0) return 0
    const buckets = this.#refilled(topic, rate)
    const waitS = Math.max(...limited.map((unit) => (Math.min(cost[unit], rate[unit]!) - buckets[unit]) / rate[unit]!))
    // Tolerates the rounding errors of many refills.
    if (waitS > 1e-9) return Math.max(1, Math.ceil(waitS))
    for (const unit of limited) buckets[unit] -= cost[unit]
    return 0
  }

  /** The topic's buckets, refilled up to now. A unit without a bound is at Infinity, so its bucket is full when it gets one. */
  #refilled (topic: string, rate: RateConfig): Buckets {
    const now = this.#monotonic()
    let buckets = this.#topics.get(topic)
    if (buckets === undefined) this.#topics.set(topic, buckets = { messages: Infinity, bytes: Infinity, atMs: now })
    for (const unit of UNITS) {
      const perSecond = rate[unit] ?? Infinity
      buckets[unit] = Math.min(perSecond, buckets[unit] + ((now - buckets.atMs) / 1_000) * (perSecond === Infinity ? 0 : perSecond))
    }
    buckets.atMs = now
    return buckets
  }
}
