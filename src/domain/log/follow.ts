import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { addCalls, createOperation, type Operation, type StorageCalls } from '../operation.ts'
import type { MessageSegment } from '../segments/segment.ts'
import { closedOf, closingOf, earliestOf, endOf } from '../topics/state.ts'
import { unlessLater } from '../wait.ts'
import { pageOf, type Page, type PageSize } from './page.ts'
import { readPage } from './read.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

/** Reads from an offset on, and waits if there are no messages yet. */
export interface Follower {
  /** The first offset not accounted for by the pages so far. */
  readonly position: Offset
  readonly closed: boolean
  /**
   * Returns the next messages. The page is empty if there are none within `waitMs`, or if the follower is closed. A read that
   * has begun may take longer than `waitMs`, up to `readTimeoutMs`, or until its operation has taken its time. One call at a
   * time.
   * @param timeoutMs bounds this call as the operation's time bounds all of them
   * @throws LogError as a read; the follower can go on after it
   */
  next (size: PageSize, waitMs: Ms, timeoutMs?: Ms): Promise<Page>
  /** Ends the wait of a call in progress. A topic is watched until all its followers are closed. */
  close (): void
}

/**
 * Sent to waiting followers: the page, if this process appended it; otherwise a hint to read, with the topic's item if a poll
 * has just read it.
 */
interface TailUpdate {
  /** The topic's version after this update. */
  readonly version: number
  readonly page?: Page
  readonly item?: TopicItem | undefined
}

/** A page, and the calls that the read has made, which count for each follower that shares it. */
interface ReadResult {
  readonly page: Page
  readonly calls: StorageCalls
}

interface Waiter {
  readonly from: Offset
  readonly size: PageSize
  readonly notify: (update: TailUpdate | undefined) => void
}

/** The topics that have followers. Each is watched once, for all its followers (log §4.5). */
export class FollowedTopics {
  readonly #context: LogContext
  readonly #topics = new Map<string, FollowedTopic>()

  constructor (context: LogContext) {
    this.#context = context
  }

  follow (topic: string, from: Offset, operation: Operation): Follower {
    let followed = this.#topics.get(topic)
    if (followed === undefined) {
      followed = new FollowedTopic(this.#context, topic, () => { this.#topics.delete(topic) })
      this.#topics.set(topic, followed)
    }
    return new TailFollower(this.#context, followed, from, operation)
  }

  /**
   * To be called with each segment that this process has written, after it is acknowledged.
   * @param closes whether the segment closed the topic
   */
  appended (topic: string, segment: MessageSegment, closes: boolean): void {
    this.#topics.get(topic)?.appended(segment, closes)
  }

  /** To be called when this process has closed the topic without a message. */
  closed (topic: string): void {
    this.#topics.get(topic)?.changed()
  }
}

/**
 * Shared by all followers of a topic. Segments that this process appends are passed to waiting followers without a read.
 * Appends of other processes are found by one poll of the topic's item for all followers; polls become less frequent while
 * nothing is found.
 */
class FollowedTopic {
  /** Number of updates so far. A follower that has read everything at version n reads again when it is n + 1. */
  version = 0
  readonly #context: LogContext
  readonly #topic: string
  readonly #unused: () => void
  readonly #waiting = new Set<Waiter>()
  readonly #reading = new Map<string, Promise<ReadResult>>()
  #followers = 0
  /** The highest end that a poll found. */
  #end = 0
  #pollMs: Ms
  #cancelPoll: (() => void) | undefined
  #polling = false
  /** Monotonic ms of the newest LIST that found nothing new. */
  #lastEmptyListMs = -Infinity

  constructor (context: LogContext, topic: string, unused: () => void) {
    this.#context = context
    this.#topic = topic
    this.#unused = unused
    this.#pollMs = context.limits.followPollMinMs
  }

  join (): void {
    this.#followers++
  }

  leave (): void {
    if (--this.#followers === 0) this.#unused()
  }

  /**
   * Reads a page. Followers at the same offset share the read: an update for a thousand of them costs one.
   * @param until monotonic ms by which a read ends that is not shared yet
   * @param item the topic's, if it has just been read
   * @returns `undefined` if a read that is shared takes longer than `until`
   */
  read (from: Offset, size: PageSize, until: Ms, item: TopicItem | undefined): Promise<ReadResult | undefined> {
    const key = `${this.version} ${from} ${size.limit} ${size.maxBytes}`
    const underway = this.#reading.get(key)?.catch((error: unknown) => this.#readIfOutOfRange(error, from, size, until))
    if (underway !== undefined) return this.by(until, underway)
    const reading = this.#read(from, size, until, item).finally(() => { this.#reading.delete(key) })
    this.#reading.set(key, reading)
    return reading
  }

  /** Resolves with `undefined` at `until`, if the promise is not settled by then. */
  by<T> (until: Ms, promise: Promise<T>): Promise<T | undefined> {
    const { clock } = this.#context
    return until === Infinity ? promise : unlessLater(clock, until - clock.monotonic(), promise, undefined)
  }

  async #read (from: Offset, size: PageSize, until: Ms, item: TopicItem | undefined): Promise<ReadResult> {
    const { clock, limits } = this.#context
    const mayList = clock.monotonic() - this.#lastEmptyListMs >= limits.followListMs
    const operation = createOperation({ timeoutMs: until - clock.monotonic() })
    const page = await readPage(this.#context, this.#topic, { from, ...size, mayList, item }, operation)
    if (operation.calls.list > 0 && page.nextOffset === from) this.#lastEmptyListMs = clock.monotonic()
    return { page, calls: operation.calls }
  }

  /** A shared read may have begun before `from` came into range, so its `offset_out_of_range` is not shared. */
  #readIfOutOfRange (error: unknown, from: Offset, size: PageSize, until: Ms): Promise<ReadResult> {
    if (error instanceof LogError && error.code === 'offset_out_of_range') return this.#read(from, size, until, undefined)
    throw error
  }

  /** Resolves with an update at or after `from`, or with `undefined` after `ms` or when the function given to `onCancel` is called. */
  wait (from: Offset, size: PageSize, ms: Ms, onCancel: (cancel: () => void) => void): Promise<TailUpdate | undefined> {
    return new Promise((resolve) => {
      const cancelTimer = this.#context.clock.timer(ms, () => { waiter.notify(undefined) })
      const waiter: Waiter = {
        from,
        size,
        notify: (update) => {
          cancelTimer()
          this.#waiting.delete(waiter)
          if (this.#waiting.size === 0) this.#stopPolling()
          resolve(update)
        }
      }
      this.#waiting.add(waiter)
      onCancel(() => { waiter.notify(undefined) })
      this.#schedulePoll()
    })
  }

  /** Makes waiting followers read, because the item has changed without a new segment. */
  changed (): void {
    this.version++
    for (const { notify } of [...this.#waiting]) notify({ version: this.version })
  }

  appended (segment: MessageSegment, closes: boolean): void {
    this.version++
    if (this.#waiting.size === 0) return
    // The reservation of this append has returned the same end as a poll would.
    this.#stopPolling()
    const pages = new Map<string, Page>()
    for (const { from, size, notify } of [...this.#waiting]) {
      if (from > segment.last) continue
      // Other processes have appended in between.
      if (from < segment.first) {
        notify({ version: this.version })
        continue
      }
      const key = `${from} ${size.limit} ${size.maxBytes}`
      const earliest = earliestOf(this.#context.beliefs.of(this.#topic).item)
      const page = pages.get(key) ?? pageOf(segment, from, size, { earliest, closes })
      pages.set(key, page)
      notify({ version: this.version, page })
    }
    this.#schedulePoll()
  }

  #schedulePoll (): void {
    if (this.#cancelPoll !== undefined || this.#polling || this.#waiting.size === 0) return
    this.#cancelPoll = this.#context.clock.timer(this.#pollMs, () => {
      this.#cancelPoll = undefined
      this.#polling = true
      new TopicStorage(this.#context, this.#topic, createOperation()).item().catch(() => undefined).then((item) => {
        this.#polling = false
        this.#polled(item)
        this.#schedulePoll()
      }, () => {})
    })
  }

  #stopPolling (): void {
    this.#cancelPoll?.()
    this.#cancelPoll = undefined
  }

  /** @param item `undefined` if the topic was never written to, or the poll failed; the next poll follows soon */
  #polled (item: TopicItem | undefined): void {
    const { followPollMinMs, followPollMaxMs } = this.#context.limits
    const end = endOf(item)
    this.#pollMs = end > this.#end ? followPollMinMs : Math.min(this.#pollMs * 1.5, followPollMaxMs)
    this.#end = Math.max(this.#end, end)
    // At the end of a closed topic nobody waits.
    const ends = closedOf(item) !== undefined || closingOf(item) !== undefined
    const behind = [...this.#waiting].filter(({ from }) => ends || from < end)
    if (behind.length > 0) this.version++
    for (const { notify } of behind) notify({ version: this.version, item })
  }
}

class TailFollower implements Follower {
  position: Offset
  closed = false
  readonly #context: LogContext
  readonly #topic: FollowedTopic
  readonly #operation: Operation
  /** Monotonic ms by which every wait and read ends. */
  readonly #deadline: Ms
  readonly #abort = (): void => { this.close() }
  /** The topic's version at which this follower had read everything. */
  #readUpToVersion = -1
  #cancelWait: (() => void) | undefined
  #earliest = 1
  #end = 1

  constructor (context: LogContext, topic: FollowedTopic, from: Offset, operation: Operation) {
    this.#context = context
    this.#topic = topic
    this.#operation = operation
    this.position = from
    const { timeoutMs = Infinity, signal } = operation
    this.#deadline = context.clock.monotonic() + timeoutMs
    topic.join()
    if (signal?.aborted === true) this.close()
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  async next (size: PageSize, waitMs: Ms, timeoutMs: Ms = Infinity): Promise<Page> {
    const { clock, limits } = this.#context
    const startedAt = clock.monotonic()
    const readsEndAt = Math.min(startedAt + timeoutMs, this.#deadline)
    const deadline = Math.min(startedAt + waitMs, readsEndAt)
    const nothing = (): Page => ({
      runs: [], count: 0, nextOffset: this.position, end: Math.max(this.#end, this.position), earliest: this.#earliest, closed: false
    })
    let item: TopicItem | undefined
    let waited = false
    for (;;) {
      if (this.#readUpToVersion !== this.#topic.version) {
        const { version } = this.#topic
        // The first read fails if it takes too long; one that follows a wait has found nothing then.
        const until = waited ? Math.min(startedAt + Math.max(waitMs, limits.readTimeoutMs), readsEndAt) : Infinity
        const reading = this.#topic.read(this.position, size, waited ? Infinity : readsEndAt, item)
        const read = await this.#topic.by(until, reading)
        if (read === undefined) return nothing()
        addCalls(this.#operation.calls, read.calls)
        const page = this.#take(read.page, version)
        if (page.count > 0 || page.closed) return page
      }
      const left = deadline - clock.monotonic()
      if (this.closed || left <= 0) return nothing()
      const update = await this.#topic.wait(this.position, size, left, (cancel) => { this.#cancelWait = cancel })
      if (update?.page !== undefined) return this.#take(update.page, update.version)
      item = update?.item
      waited = true
    }
  }

  /** After a full page, the next one is read at once. At a hole, the next read waits for an update. */
  #take (page: Page, version: number): Page {
    this.position = page.nextOffset
    this.#earliest = page.earliest
    this.#end = Math.max(this.#end, page.end)
    if (page.nextOffset >= page.end || page.count === 0) this.#readUpToVersion = version
    return page
  }

  close (): void {
    if (this.closed) return
    this.closed = true
    this.#operation.signal?.removeEventListener('abort', this.#abort)
    this.#cancelWait?.()
    this.#topic.leave()
  }
}
