import type { Clock } from '../ports/clock.ts'
import { StoreError } from '../ports/errors.ts'
import type { OffsetCounter, Reservation, TopicState } from '../ports/offset-counter.ts'
import type { SegmentListing, SegmentObject, SegmentStore } from '../ports/segment-store.ts'
import { SegmentCache } from './cache.ts'
import { LogError, type Written } from './errors.ts'
import { checkLimits, defaultLimits, type Limits } from './limits.ts'
import { LinkWindow } from './link-window.ts'
import { decodeSegment, type Compression, type Segment } from './segment.ts'
import { within } from './wait.ts'

/** How many calls to storage an operation made; calls shared by a group commit count for each of its appends. */
export interface StorageCalls { reserve: number, state: number, put: number, get: number, list: number }

export function noCalls (): StorageCalls {
  return { reserve: 0, state: 0, put: 0, get: 0, list: 0 }
}

export function addCalls (to: StorageCalls, more: StorageCalls): void {
  for (const call of Object.keys(to) as Array<keyof StorageCalls>) to[call] += more[call]
}

export interface LogDeps {
  readonly segments: SegmentStore
  readonly counter: OffsetCounter
  readonly clock: Clock
  readonly compression: Compression
  readonly limits?: Limits
  /** A number in [0, 1), for delays and writer ids. */
  readonly random?: () => number
}

/** What append and read share. */
export interface LogCore extends Required<LogDeps> {
  readonly cache: SegmentCache
  /** For puts of segments; seals are small, and go at once. */
  readonly putWindow: LinkWindow
}

/** @throws Error when the limits contradict each other */
export function createCore (deps: LogDeps): LogCore {
  const limits = checkLimits(deps.limits ?? defaultLimits)
  return {
    random: Math.random,
    ...deps,
    limits,
    cache: new SegmentCache(limits.segmentCacheBytes),
    putWindow: new LinkWindow(deps.clock, limits, limits.storeCallsMax)
  }
}

/** One operation's calls to storage: each under its time-out, each counted. They throw StoreError, `segment` also LogError. */
export class Storage {
  readonly calls = noCalls()
  readonly #core: LogCore
  readonly #topic: string

  constructor (core: LogCore, topic: string) {
    this.#core = core
    this.#topic = topic
  }

  reserve (count: number, ms: number): Promise<Reservation> {
    this.calls.reserve++
    const { clock, counter } = this.#core
    return within(clock, ms, 'the offset counter', (signal) => counter.reserve(this.#topic, count, { now: clock.wall(), signal }))
  }

  state (): Promise<TopicState | undefined> {
    this.calls.state++
    const { clock, counter, limits } = this.#core
    return within(clock, limits.getTimeoutMs, 'the offset counter', (signal) => counter.read(this.#topic, { signal }))
  }

  put (last: number, object: SegmentObject, reservedAt: number | null, ms: number): Promise<'created' | 'exists'> {
    this.calls.put++
    const { clock, segments } = this.#core
    return within(clock, ms, 'the segment store', (signal) => segments.putIfAbsent(this.#topic, last, object, { reservedAt, signal }))
  }

  list (from: number, limit: number): Promise<SegmentListing> {
    this.calls.list++
    const { clock, segments, limits } = this.#core
    return within(clock, limits.getTimeoutMs, 'the segment store', (signal) => segments.list(this.#topic, from, limit, { signal }))
  }

  raiseEarliest (to: number): Promise<void> {
    const { clock, counter, limits } = this.#core
    return within(clock, limits.getTimeoutMs, 'the offset counter', (signal) => counter.raiseEarliest(this.#topic, to, { signal }))
  }

  markDeleted (currentOffset: number): Promise<void> {
    const { clock, counter, limits } = this.#core
    return within(clock, limits.getTimeoutMs, 'the offset counter', (signal) => counter.markDeleted(this.#topic, currentOffset, { signal }))
  }

  remove (lasts: readonly number[]): Promise<void> {
    const { clock, segments, limits } = this.#core
    return within(clock, limits.getTimeoutMs, 'the segment store', (signal) => segments.remove(this.#topic, lasts, { signal }))
  }

  pageEnded (offset: number, segment: Segment): void {
    this.#core.cache.pageEnded(this.#topic, offset, segment)
  }

  /** The last offset of the segment that goes on at `offset`, if it is known which one that is. */
  lastOf (offset: number): number | undefined {
    return this.#core.cache.lastOf(this.#topic, offset)
  }

  cached (last: number): Segment | undefined {
    return this.#core.cache.get(this.#topic, last)
  }

  /** The segment stored at `last`, from the cache where it is there: segments never change. */
  async segment (last: number, ms: number = this.#core.limits.getTimeoutMs): Promise<Segment | undefined> {
    const { cache, clock, segments } = this.#core
    const cached = this.cached(last)
    if (cached !== undefined) return cached
    this.calls.get++
    const object = await within(clock, ms, 'the segment store', (signal) => segments.get(this.#topic, last, { signal }))
    if (object === undefined) return undefined
    const segment = decodeSegment(object, this.#topic, last)
    cache.set(this.#topic, segment)
    return segment
  }
}

/** A store's failure, in the words of the caller of the log. Errors of the log itself pass unchanged. */
export function toLogError (error: unknown, written?: Written): LogError {
  if (error instanceof LogError && (written === undefined || error.written !== undefined)) return error
  const options = { cause: error, ...(written === undefined ? {} : { written }) }
  if (error instanceof LogError) return new LogError(error.code, error.message, options)
  if (!(error instanceof StoreError)) return new LogError('internal', 'Something unexpected happened.', options)
  switch (error.failure) {
    case 'throttled': return new LogError('storage_throttled', 'The storage asked to slow down.', options)
    case 'misconfigured': return new LogError('storage_misconfigured', 'The storage refused the request: it is not set up for this service.', options)
    case 'timeout': return new LogError('storage_unavailable', 'The storage did not answer in time.', options)
    default: return new LogError('storage_unavailable', 'The storage could not be reached.', options)
  }
}
