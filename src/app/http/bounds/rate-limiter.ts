import { LRUCache } from 'lru-cache'
import { LogError } from '../../../domain/errors.ts'

/** The state of a key: when its bucket will be full again, in monotonic ms. */
interface Bucket { fullAt: number }

const burstMs = 1_000
/** Tolerates the rounding errors of many requests. */
const roundingMs = 0.001

/**
 * Limits the requests of each key (an address, a token) per second, in this process only. A key has a token bucket with room for
 * one second of its rate, so that many requests may come at once after a pause. A refused request takes nothing from the bucket.
 * A key costs one look-up for each request, and memory is bounded: beyond `keysMax` keys, the one that was seen longest ago is
 * forgotten, and has a full bucket when it comes again.
 */
export class RateLimiter {
  readonly #ratePerSecond: number
  readonly #monotonic: () => number
  // `maxSize`, because lru-cache allocates all slots of `max` at construction.
  readonly #buckets: LRUCache<string, Bucket>

  /**
   * @param ratePerSecond of keys for which `take` gets no other, at least 1; Infinity: unlimited
   * @param keysMax keys that are remembered. A key should be short: memory is bounded by their number
   * @param monotonic ms since an arbitrary start; never decreases
   */
  constructor (ratePerSecond: number, keysMax: number, monotonic: () => number = () => performance.now()) {
    this.#ratePerSecond = ratePerSecond
    this.#monotonic = monotonic
    this.#buckets = new LRUCache({ maxSize: keysMax, sizeCalculation: () => 1 })
  }

  /** Number of remembered keys. */
  get size (): number { return this.#buckets.size }

  /**
   * Takes one request from the bucket of the key, or nothing if it is empty.
   * @param ratePerSecond of this key. It may change between two requests
   * @returns 0 if the request may be served, otherwise the ms after which the next one may
   */
  take (key: string, ratePerSecond = this.#ratePerSecond): number {
    const now = this.#monotonic()
    const bucket = this.#buckets.get(key)
    const fullAt = bucket === undefined ? now : Math.max(bucket.fullAt, now)
    const next = fullAt + 1_000 / ratePerSecond
    const waitMs = next - now - burstMs
    if (waitMs > roundingMs) return waitMs
    if (bucket === undefined) this.#buckets.set(key, { fullAt: next })
    else bucket.fullAt = next
    return 0
  }
}

/**
 * The error of a request that a limiter refuses.
 * @param of whose requests are limited: `address`, `token`
 * @param waitMs what `take` returned
 */
export function tooFast (of: string, ratePerSecond: number, waitMs: number): LogError {
  return new LogError('rate_limited', `requests: expected at most ${ratePerSecond} a second from one ${of}, got more`, {
    retry_after: Math.max(1, Math.ceil(waitMs / 1_000))
  })
}
