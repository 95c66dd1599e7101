import type { TopicItem } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { addCalls, createOperation, type Operation, type StorageCalls } from '../operation.ts'
import type { MessageSegment } from '../segments/segment.ts'
import { closedOf, closingOf, earliestOf, endOf } from '../topics/state.ts'
import { unlessLater } from '../wait.ts'
import { pageOf, type Page, type PageSize } from './page.ts'
import { readPage } from './read.ts'
import { Storage, type LogCore } from './topic-storage.ts'

/** Reads from an offset on, and waits if there are no messages yet. */
export interface Follower {
  /** The first offset not accounted for by the pages so far. */
  readonly position: number
  readonly closed: boolean
  /**
   * The next messages; or, when there are none within `waitMs`, or the time of a read if that is more, or the follower is
   * closed, a page without any.
   * One call at a time.
   * @throws LogError as a read; the follower can go on after it
   */
  next (size: PageSize, waitMs: number): Promise<Page>
  /** Ends the wait of a call in progress. A topic is watched until all its followers are closed. */
  close (): void
}

/** Sent to waiting followers: the page, if this process appended it; otherwise a hint to read, with the topic's item if a poll has just read it. */
interface TailUpdate {
  /** The tail's version after this update. */
  readonly version: number
  readonly page?: Page
  readonly item?: TopicItem | undefined
}

/** A page, and the calls that it took, for each of the followers that share the read. */
interface ReadResult {
  readonly page: Page
  readonly calls: StorageCalls
}

interface Waiter {
  readonly from: number
  readonly size: PageSize
  readonly notify: (update: TailUpdate | undefined) => void
}

/** The topics that have followers. Each is watched once, for all its followers (log §4.5). */
export class FollowedTopics {
  readonly #core: LogCore
  readonly #topics = new Map<string, FollowedTopic>()

  constructor (core: LogCore) {
    this.#core = core
  }

  follow (topic: string, from: number, operation: Operation): Follower {
    let tail = this.#topics.get(topic)
    if (tail === undefined) {
      tail = new FollowedTopic(this.#core, topic, () => { this.#topics.delete(topic) })
      this.#topics.set(topic, tail)
    }
    return new TailFollower(this.#core, tail, from, operation)
  }

  /** To be called with each segment that this process has written, after it is acknowledged. @param closes it ends the topic */
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
  readonly #core: LogCore
  readonly #topic: string
  readonly #unused: () => void
  readonly #waiting = new Set<Waiter>()
  readonly #reading = new Map<string, Promise<ReadResult>>()
  #followers = 0
  /** The highest end that a poll found. */
  #end = 0
  #pollMs: number
  #cancelPoll: (() => void) | undefined
  #polling = false
  /** Monotonic ms of the newest LIST that found nothing to go on with. */
  #lastEmptyListMs = -Infinity

  constructor (core: LogCore, topic: string, unused: () => void) {
    this.#core = core
    this.#topic = topic
    this.#unused = unused
    this.#pollMs = core.limits.followPollMinMs
  }

  join (): void {
    this.#followers++
  }

  leave (): void {
    if (--this.#followers === 0) this.#unused()
  }

  /**
   * Reads a page. Followers at the same offset share the read: an update for a thousand of them costs one.
   * @param item the topic's, if it has just been read
   */
  read (from: number, size: PageSize, item: TopicItem | undefined): Promise<ReadResult> {
    const key = `${this.version} ${from} ${size.limit} ${size.maxBytes}`
    const underway = this.#reading.get(key)
    if (underway !== undefined) return underway.catch((error: unknown) => this.#readIfOutOfRange(error, from, size))
    const reading = this.#read(from, size, item).finally(() => { this.#reading.delete(key) })
    this.#reading.set(key, reading)
    return reading
  }

  async #read (from: number, size: PageSize, item: TopicItem | undefined): Promise<ReadResult> {
    const { clock, limits } = this.#core
    const mayList = clock.monotonic() - this.#lastEmptyListMs >= limits.followListMs
    const operation = createOperation()
    const page = await readPage(this.#core, this.#topic, { from, ...size, mayList, ...(item === undefined ? {} : { item }) }, operation)
    if (operation.calls.list > 0 && page.nextOffset === from) this.#lastEmptyListMs = clock.monotonic()
    return { page, calls: operation.calls }
  }

  /** A shared read may have begun before `from` came into range, so its `offset_out_of_range` is not shared. */
  #readIfOutOfRange (error: unknown, from: number, size: PageSize): Promise<ReadResult> {
    if (error instanceof LogError && error.code === 'offset_out_of_range') return this.#read(from, size, undefined)
    throw error
  }

  /** Resolves with an update at or after `from`, or with `undefined` after `ms` or when the function given to `onCancel` is called. */
  wait (from: number, size: PageSize, ms: number, onCancel: (cancel: () => void) => void): Promise<TailUpdate | undefined> {
    return new Promise((resolve) => {
      const cancelTimer = this.#core.clock.timer(ms, () => { waiter.notify(undefined) })
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

  /** There is something that only the item tells. */
  changed (): void {
    this.version++
    for (const { notify } of [...this.#waiting]) notify({ version: this.version })
  }

  appended (segment: MessageSegment, closes: boolean): void {
    this.version++
    if (this.#waiting.size === 0) return
    // The reservation of this append has returned the same end as a poll would.
    this.#stopPolling()
    const cut = new Map<string, Page>()
    for (const { from, size, notify } of [...this.#waiting]) {
      if (from > segment.last) continue
      // Other processes have appended in between.
      if (from < segment.first) {
        notify({ version: this.version })
        continue
      }
      const key = `${from} ${size.limit} ${size.maxBytes}`
      const page = cut.get(key) ?? pageOf(segment, from, size, { earliest: earliestOf(this.#core.beliefs.of(this.#topic).item), closes })
      cut.set(key, page)
      notify({ version: this.version, page })
    }
    this.#schedulePoll()
  }

  #schedulePoll (): void {
    if (this.#cancelPoll !== undefined || this.#polling || this.#waiting.size === 0) return
    this.#cancelPoll = this.#core.clock.timer(this.#pollMs, () => {
      this.#cancelPoll = undefined
      this.#polling = true
      new Storage(this.#core, this.#topic, createOperation()).item().catch(() => undefined).then((item) => {
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
    const { followPollMinMs, followPollMaxMs } = this.#core.limits
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
  position: number
  closed = false
  readonly #core: LogCore
  readonly #tail: FollowedTopic
  readonly #operation: Operation
  /** Monotonic ms by which every wait ends. */
  readonly #deadline: number
  readonly #abort = (): void => { this.close() }
  /** The tail's version at which this follower had read everything. */
  #readUpToVersion = -1
  #cancelWait: (() => void) | undefined
  #earliest = 1

  constructor (core: LogCore, tail: FollowedTopic, from: number, operation: Operation) {
    this.#core = core
    this.#tail = tail
    this.#operation = operation
    this.position = from
    const { timeoutMs = Infinity, signal } = operation
    this.#deadline = core.clock.monotonic() + timeoutMs
    tail.join()
    if (signal?.aborted === true) this.close()
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  async next (size: PageSize, waitMs: number): Promise<Page> {
    const { clock, limits } = this.#core
    const began = clock.monotonic()
    const deadline = Math.min(began + waitMs, this.#deadline)
    const nothing = (): Page => ({ runs: [], count: 0, nextOffset: this.position, end: this.position, earliest: this.#earliest, closed: false })
    let item: TopicItem | undefined
    let waited = false
    for (;;) {
      if (this.#readUpToVersion !== this.#tail.version) {
        const { version } = this.#tail
        const reading = this.#tail.read(this.position, size, item)
        // The first read ends in time by itself.
        const read = waited ? await unlessLater(clock, began + Math.max(waitMs, limits.readTimeoutMs) - clock.monotonic(), reading, undefined) : await reading
        if (read === undefined) return nothing()
        addCalls(this.#operation.calls, read.calls)
        const page = this.#take(read.page, version)
        if (page.count > 0 || page.closed) return page
      }
      const left = deadline - clock.monotonic()
      if (this.closed || left <= 0) return nothing()
      const update = await this.#tail.wait(this.position, size, left, (cancel) => { this.#cancelWait = cancel })
      if (update?.page !== undefined) return this.#take(update.page, update.version)
      item = update?.item
      waited = true
    }
  }

  /** After a full page, the next one is read at once. At a hole, the next read waits for an update. */
  #take (page: Page, version: number): Page {
    this.position = page.nextOffset
    this.#earliest = page.earliest
    if (page.nextOffset >= page.end || page.count === 0) this.#readUpToVersion = version
    return page
  }

  close (): void {
    if (this.closed) return
    this.closed = true
    this.#operation.signal?.removeEventListener('abort', this.#abort)
    this.#cancelWait?.()
    this.#tail.leave()
  }
}
