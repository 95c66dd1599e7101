import type { Clock } from '../../ports/clock.ts'
import { StoreError } from '../../ports/errors.ts'
import type { RecordName, RecordStore } from '../../ports/record-store.ts'
import type { SegmentListing, SegmentObject, SegmentStore } from '../../ports/segment-store.ts'
import type { SealKind, Telemetry } from '../../ports/telemetry.ts'
import type {
  Belief, Changed, Fact, Refused, ReservationTime, Reserved, Resolved, TopicItem, TopicStore, Wanted
} from '../../ports/topic-store.ts'
import type { Traces } from '../../ports/traces.ts'
import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import { checkLimits, defaultLimits, type Limits } from '../limits.ts'
import type { Operation, StorageCalls } from '../operation.ts'
import { decodeSegment, type Compression, type Segment } from '../segments/segment.ts'
import { repeated } from '../store-calls.ts'
import { noTelemetry, observedRecords, observedSegments, observedTopics } from '../telemetry.ts'
import { Turns } from '../turns.ts'
import { within } from '../wait.ts'
import { TopicBeliefs } from './belief.ts'
import { LinkWindow } from './link-window.ts'
import { SegmentCache } from './segment-cache.ts'
import { StoreTime } from './store-time.ts'
import { TopicRules } from './topic-rules.ts'

/** The assumed size of a segment until it is known. */
const UNKNOWN_SIZE_BYTES = 64 * 1024

export interface LogDeps {
  readonly segments: SegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
  readonly clock: Clock
  readonly compression: Compression
  readonly limits?: Limits
  /** A number in [0, 1), for delays and writer ids. */
  readonly random?: () => number
  /** Whether a topic is created by its first message; true by default. */
  readonly createsTopics?: boolean
  /** Gets what the log does, and each call to the stores. Without it, nothing is reported. */
  readonly telemetry?: Telemetry
  /** Only while traces are on. */
  readonly traces?: Traces | undefined
}

/** What append and read share. */
export interface LogContext extends Required<Omit<LogDeps, 'traces'>> {
  readonly traces: Traces | undefined
  readonly cache: SegmentCache
  /** For the encoding of large segments. */
  readonly turns: Turns
  /** The window for puts of segments. Seals are small, so they do not wait for room. */
  readonly putWindow: LinkWindow
  /** The window for GETs of segments. */
  readonly getWindow: LinkWindow
  readonly storeTime: StoreTime
  /** This process's copies of the topics' items. */
  readonly beliefs: TopicBeliefs
  /** What topics' configs allow. */
  readonly rules: TopicRules
}

/** @throws Error when the limits contradict each other */
export function createLogContext (deps: LogDeps): LogContext {
  const { segments, topics, records, clock, compression, random = Math.random, createsTopics = true, telemetry } = deps
  const limits = checkLimits(deps.limits ?? defaultLimits)
  return {
    segments: telemetry === undefined ? segments : observedSegments(segments, telemetry, clock),
    topics: telemetry === undefined ? topics : observedTopics(topics, telemetry, clock),
    records: telemetry === undefined ? records : observedRecords(records, telemetry, clock),
    clock,
    compression,
    random,
    createsTopics,
    telemetry: telemetry ?? noTelemetry,
    traces: deps.traces,
    limits,
    cache: new SegmentCache(limits.segmentCacheBytes),
    turns: new Turns((callback) => { clock.afterCurrentInput(callback) }),
    putWindow: new LinkWindow(clock, limits),
    getWindow: new LinkWindow(clock, limits),
    storeTime: new StoreTime(clock),
    beliefs: new TopicBeliefs(),
    rules: new TopicRules(clock)
  }
}

export interface PutTimes {
  /** As in `PutOptions`. */
  readonly reservedAtMs: Ms | null
  readonly timeoutMs: Ms
}

const SEGMENTS = 'the segment store'
const TOPICS = 'the topic store'
const RECORDS = 'the record store'

/**
 * The calls to storage of one operation on one topic. Each attempt is counted. A call and its repetitions have one time-out,
 * and end by the operation's deadline. Calls are repeated if their failure may pass, but not `put` and `ownSegment`: append
 * repeats these by its own rules. All methods throw StoreError; those that get a segment also throw LogError.
 */
export class TopicStorage {
  readonly calls: StorageCalls
  readonly #context: LogContext
  readonly #topic: string
  readonly #signal: AbortSignal | undefined
  readonly #deadline: Ms
  readonly #onWait: (() => void) | undefined
  #waits = true

  /**
   * @param operation the calls are counted in it
   * @param deadline monotonic ms by which every call has ended
   * @param onWait called when a call has to wait for room on the link
   */
  constructor (context: LogContext, topic: string, operation: Operation, deadline = Infinity, onWait?: () => void) {
    this.#context = context
    this.#topic = topic
    this.calls = operation.calls
    this.#signal = operation.signal
    this.#deadline = deadline
    this.#onWait = onWait
  }

  #within<T> (ms: Ms, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#context
    if (this.#signal?.aborted === true) return Promise.reject(noLonger(what))
    return within(clock, Math.min(ms, this.#deadline - clock.monotonic()), what, call)
  }

  /**
   * If an attempt was applied, but its answer was lost, and the update has facts, the next attempt is refused; its item then
   * has a fact with the caller's writer.
   */
  reserve (wanted: Wanted, belief: Belief, ms: Ms): Promise<Reserved | Refused> {
    const { clock, topics } = this.#context
    return this.#repeated('reserve', TOPICS, ms, (signal) => topics.reserve(this.#topic, wanted, belief, { now: clock.wall(), signal }))
  }

  item (): Promise<TopicItem | undefined> {
    const { topics, limits } = this.#context
    return this.#repeated('state', TOPICS, limits.getTimeoutMs, (signal) => topics.read(this.#topic, { signal }))
  }

  markClosed (closing: Offset): Promise<void> {
    const { topics, limits } = this.#context
    return this.#repeated('reserve', TOPICS, limits.getTimeoutMs, (signal) => topics.markClosed(this.#topic, closing, { signal }))
  }

  record (name: RecordName): Promise<Fact | undefined> {
    const { records, limits } = this.#context
    return this.#repeated('state', RECORDS, limits.getTimeoutMs, (signal) => records.read(name, { signal }))
  }

  replaceRecord (name: RecordName, record: Fact, seen: Offset | null, ttlMs: Ms): Promise<'replaced' | Fact | undefined> {
    const { records, limits, clock } = this.#context
    return this.#repeated('reserve', RECORDS, limits.getTimeoutMs, (signal) =>
      records.replace(name, record, seen, { expiresAtMs: clock.wall() + ttlMs, signal }))
  }

  put (last: Offset, object: SegmentObject, { reservedAtMs, timeoutMs }: PutTimes): Promise<'created' | 'exists'> {
    this.calls.put++
    const { segments } = this.#context
    return this.#within(timeoutMs, SEGMENTS, (signal) => segments.putIfAbsent(this.#topic, last, object, { reservedAtMs, signal }))
  }

  async list (from: Offset, limit: number): Promise<SegmentListing> {
    const { segments, limits } = this.#context
    const listing = await this.#repeated('list', SEGMENTS, limits.getTimeoutMs,
      (signal) => segments.list(this.#topic, from, limit, { signal }))
    checkListing(listing, from)
    return listing
  }

  correctReservedAt (time: ReservationTime): Promise<void> {
    const { topics, limits } = this.#context
    return this.#repeated(undefined, TOPICS, limits.getTimeoutMs, (signal) => topics.correctReservedAt(this.#topic, time, { signal }))
  }

  raiseEarliest (to: Offset, resolved: Resolved): Promise<Changed | Refused> {
    const { topics, limits } = this.#context
    return this.#repeated(undefined, TOPICS, limits.getTimeoutMs, (signal) => topics.raiseEarliest(this.#topic, to, resolved, { signal }))
  }

  markDeleted (currentOffset: Offset): Promise<Changed | Refused> {
    const { topics, limits } = this.#context
    return this.#repeated(undefined, TOPICS, limits.getTimeoutMs, (signal) => topics.markDeleted(this.#topic, currentOffset, { signal }))
  }

  remove (lastOffsets: readonly Offset[]): Promise<void> {
    const { segments, limits } = this.#context
    return this.#repeated(undefined, SEGMENTS, limits.getTimeoutMs, (signal) => segments.remove(this.#topic, lastOffsets, { signal }))
  }

  rememberSegmentAt (offset: Offset, segment: Segment): void {
    this.#context.cache.rememberSegmentAt(this.#topic, offset, segment)
  }

  /** The last offset of the segment that contains `offset`, if its key is known. */
  lastOffsetOfSegmentAt (offset: Offset): Offset | undefined {
    return this.#context.cache.lastOffsetOfSegmentAt(this.#topic, offset)
  }

  cached (last: Offset): Segment | undefined {
    const { cache, telemetry } = this.#context
    const segment = cache.get(this.#topic, last)
    if (segment !== undefined) telemetry.segmentLookup(true)
    return segment
  }

  /** To be called after a put of a seal that was created. */
  sealed (kind: SealKind): void {
    this.#context.telemetry.sealPut(kind)
  }

  /**
   * The segment stored at `last`: from the cache, because segments never change, or with a GET as soon as there is room on the
   * link, for which operations take turns.
   * @param size as stored, in bytes, if that is known
   */
  async segment (last: Offset, size: Bytes = UNKNOWN_SIZE_BYTES): Promise<Segment | undefined> {
    const cached = this.cached(last)
    if (cached !== undefined) return cached
    const { clock, getWindow, limits, segments, telemetry } = this.#context
    telemetry.segmentLookup(false)
    const room = getWindow.acquire(this, size, this.#waits ? this.#deadline : clock.monotonic())
    if (room instanceof Promise) this.#onWait?.()
    const flight = room instanceof Promise ? await room : room
    let startedAt = clock.monotonic()
    try {
      const object = await this.#repeated('get', SEGMENTS, limits.getTimeoutMs, (signal) => {
        startedAt = clock.monotonic()
        return segments.get(this.#topic, last, { signal })
      })
      flight.answered(startedAt, object?.body.length ?? 0)
      return this.#decode(object, last)
    } catch (error) {
      flight.failed(error, startedAt)
      throw error
    } finally {
      flight.leave()
    }
  }

  /** From now on, a segment is fetched only if there is room on the link at once. Fetches that wait for room fail. */
  stopWaiting (): void {
    this.#waits = false
    this.#context.getWindow.drop(this)
  }

  /** The segment at a writer's own key. The writer does not wait for room on the link, which readers may fill. */
  async ownSegment (last: Offset, ms: Ms): Promise<Segment | undefined> {
    const cached = this.cached(last)
    if (cached !== undefined) return cached
    this.calls.get++
    const { segments } = this.#context
    return this.#decode(await this.#within(ms, SEGMENTS, (signal) => segments.get(this.#topic, last, { signal })), last)
  }

  #decode (object: SegmentObject | undefined, last: Offset): Segment | undefined {
    if (object === undefined) return undefined
    const segment = decodeSegment(object, this.#topic, last)
    this.#context.cache.set(this.#topic, segment)
    return segment
  }

  /** One attempt after the other, each of them counted, by the operation's deadline. */
  #repeated<T> (counted: keyof StorageCalls | undefined, store: string, ms: Ms, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#signal?.aborted === true) return Promise.reject(noLonger(store))
    return repeated(this.#context, Math.min(ms, this.#deadline - this.#context.clock.monotonic()), store, (signal) => {
      if (counted !== undefined) this.calls[counted]++
      return call(signal)
    })
  }
}

function noLonger (what: string): StoreError {
  return new StoreError('timeout', 'none', `the caller no longer waited for ${what}`)
}

/**
 * Refuses a store whose lists are out of order or without dates, since they would lead readers past messages (log §2.6).
 * @throws StoreError `misconfigured`
 */
export function checkListing ({ entries, now }: SegmentListing, from: Offset): void {
  let above = from - 1
  for (const { lastOffset, lastModified } of entries) {
    if (lastOffset <= above) throw wrongListing(`a key above ${above}, got ${lastOffset}`)
    if (!Number.isFinite(lastModified)) throw wrongListing(`the time at which ${lastOffset} was stored, got ${lastModified}`)
    above = lastOffset
  }
  if (!Number.isFinite(now)) throw wrongListing(`the store's time, got ${now}`)
}

function wrongListing (text: string): StoreError {
  return new StoreError('misconfigured', 'none',
    `list: expected ${text}: the store does not keep what the log demands, so it can't be used`)
}
