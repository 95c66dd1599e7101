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

/** What a segment is taken for until its size is known. */
const UNKNOWN_SIZE_BYTES = 64 * 1024

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
  /** For what is read. */
  readonly getWindow: LinkWindow
}

/** @throws Error when the limits contradict each other */
export function createCore (deps: LogDeps): LogCore {
  const limits = checkLimits(deps.limits ?? defaultLimits)
  return {
    random: Math.random,
    ...deps,
    limits,
    cache: new SegmentCache(limits.segmentCacheBytes),
    putWindow: new LinkWindow(deps.clock, limits),
    getWindow: new LinkWindow(deps.clock, limits)
  }
}

/**
 * One operation's calls to storage: each under its time-out and the operation's deadline, each counted. They throw StoreError,
 * those that get a segment also LogError.
 */
export class Storage {
  readonly calls = noCalls()
  readonly #core: LogCore
  readonly #topic: string
  readonly #deadline: number
  readonly #onWait: (() => void) | undefined
  #waits = true

  /**
   * @param deadline monotonic ms by which every call has ended
   * @param onWait called when a call has to wait for room on the link
   */
  constructor (core: LogCore, topic: string, deadline = Infinity, onWait?: () => void) {
    this.#core = core
    this.#topic = topic
    this.#deadline = deadline
    this.#onWait = onWait
  }

  #within<T> (ms: number, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#core
    return within(clock, Math.min(ms, this.#deadline - clock.monotonic()), what, call)
  }

  reserve (count: number, ms: number): Promise<Reservation> {
    this.calls.reserve++
    const { clock, counter } = this.#core
    return this.#within(ms, 'the offset counter', (signal) => counter.reserve(this.#topic, count, { now: clock.wall(), signal }))
  }

  state (): Promise<TopicState | undefined> {
    this.calls.state++
    const { counter, limits } = this.#core
    return this.#within(limits.getTimeoutMs, 'the offset counter', (signal) => counter.read(this.#topic, { signal }))
  }

  put (last: number, object: SegmentObject, reservedAt: number | null, ms: number): Promise<'created' | 'exists'> {
    this.calls.put++
    const { segments } = this.#core
    return this.#within(ms, 'the segment store', (signal) => segments.putIfAbsent(this.#topic, last, object, { reservedAt, signal }))
  }

  list (from: number, limit: number): Promise<SegmentListing> {
    this.calls.list++
    const { segments, limits } = this.#core
    return this.#within(limits.getTimeoutMs, 'the segment store', (signal) => segments.list(this.#topic, from, limit, { signal }))
  }

  raiseEarliest (to: number): Promise<void> {
    const { counter, limits } = this.#core
    return this.#within(limits.getTimeoutMs, 'the offset counter', (signal) => counter.raiseEarliest(this.#topic, to, { signal }))
  }

  markDeleted (currentOffset: number): Promise<void> {
    const { counter, limits } = this.#core
    return this.#within(limits.getTimeoutMs, 'the offset counter', (signal) => counter.markDeleted(this.#topic, currentOffset, { signal }))
  }

  remove (lasts: readonly number[]): Promise<void> {
    const { segments, limits } = this.#core
    return this.#within(limits.getTimeoutMs, 'the segment store', (signal) => segments.remove(this.#topic, lasts, { signal }))
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

  /**
   * The segment stored at `last`, from the cache where it is there: segments never change. Otherwise it is fetched when there
   * is room on the link; operations take turns.
   * @param size as stored, in bytes, where that is known
   */
  async segment (last: number, size: number = UNKNOWN_SIZE_BYTES): Promise<Segment | undefined> {
    const cached = this.cached(last)
    if (cached !== undefined) return cached
    const { clock, getWindow, limits } = this.#core
    const room = getWindow.acquire(this, size, this.#waits ? this.#deadline : clock.monotonic())
    if (room instanceof Promise) this.#onWait?.()
    const flight = room instanceof Promise ? await room : room
    const startedAt = clock.monotonic()
    try {
      const object = await this.#get(last, limits.getTimeoutMs)
      flight.answered(startedAt, object?.body.length ?? 0)
      return this.#decode(object, last)
    } catch (error) {
      flight.failed(error, startedAt)
      throw error
    } finally {
      flight.leave()
    }
  }

  /** From now on what finds no room on the link at once is not fetched. */
  stopWaiting (): void {
    this.#waits = false
    this.#core.getWindow.drop(this)
  }

  /** What is at a writer's own key. The writer does not wait for those who read. */
  async ownSegment (last: number, ms: number): Promise<Segment | undefined> {
    return this.cached(last) ?? this.#decode(await this.#get(last, ms), last)
  }

  #get (last: number, ms: number): Promise<SegmentObject | undefined> {
    this.calls.get++
    return this.#within(ms, 'the segment store', (signal) => this.#core.segments.get(this.#topic, last, { signal }))
  }

  #decode (object: SegmentObject | undefined, last: number): Segment | undefined {
    if (object === undefined) return undefined
    const segment = decodeSegment(object, this.#topic, last)
    this.#core.cache.set(this.#topic, segment)
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
