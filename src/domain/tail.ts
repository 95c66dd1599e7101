import type { TopicState } from '../ports/offset-counter.ts'
import { addCalls, noCalls, Storage, type LogCore, type StorageCalls } from './core.ts'
import { pageOf, type Page, type PageSize } from './page.ts'
import { endOf, readPage } from './read.ts'
import type { MessageSegment } from './segment.ts'
import { unlessLater } from './wait.ts'

/** Reads on and on from an offset, and waits where there is nothing yet. */
export interface Follower {
  /** The first offset not accounted for by the pages so far. */
  readonly position: number
  readonly closed: boolean
  /** The calls to storage so far, those shared with other followers included, without the polls. */
  readonly calls: StorageCalls
  /**
   * The next messages; or, when there are none within `waitMs`, or the time of a read if that is more, or the follower is
   * closed, a page without any.
   * One call at a time.
   * @throws LogError as a read; the follower can go on after it
   */
  next (size: PageSize, waitMs: number): Promise<Page>
  /** Ends the wait of a call under way. A follower that is not closed keeps its topic watched. */
  close (): void
}

/** What those who wait are told: the page itself, or that it is worth looking, with the topic's state if it was just read. */
interface News {
  /** The tail's version with these news. */
  readonly version: number
  readonly page?: Page
  readonly state?: TopicState | undefined
}

interface Waiter {
  readonly from: number
  readonly size: PageSize
  readonly tell: (news: News | undefined) => void
}

/** The ends of the topics that somebody follows (log §4.5). */
export class Tails {
  readonly #core: LogCore
  readonly #tails = new Map<string, Tail>()

  constructor (core: LogCore) {
    this.#core = core
  }

  follow (topic: string, from: number): Follower {
    let tail = this.#tails.get(topic)
    if (tail === undefined) {
      tail = new Tail(this.#core, topic, () => { this.#tails.delete(topic) })
      this.#tails.set(topic, tail)
    }
    return new TailFollower(this.#core, tail, from)
  }

  /** To be called with each segment that this process has written, once it is acknowledged. */
  appended (topic: string, segment: MessageSegment): void {
    this.#tails.get(topic)?.appended(segment)
  }
}

/**
 * What all followers of one topic share: what this process appends is handed to those who wait, without a look at the
 * storage; what others append is found by one poll of the topic's item for all, the less often the longer nothing came.
 */
class Tail {
  /** Counts the news: who has read everything at one version has nothing to look for until the next. */
  version = 0
  readonly #core: LogCore
  readonly #topic: string
  readonly #unused: () => void
  readonly #waiting = new Set<Waiter>()
  readonly #reading = new Map<string, Promise<Page>>()
  #followers = 0
  /** The highest end that a poll found. */
  #end = 0
  #pollMs: number
  #cancelPoll: (() => void) | undefined
  #polling = false
  /** Monotonic ms of the newest LIST that found nothing to go on with. */
  #listedInVainAt = -Infinity

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
   * A read that followers at the same offset share: a thousand of them, told of the same news, cost one.
   * @param state if it has just been read
   */
  read (from: number, size: PageSize, state: TopicState | undefined): Promise<Page> {
    const key = `${this.version} ${from} ${size.limit} ${size.maxBytes}`
    const underway = this.#reading.get(key)
    if (underway !== undefined) return underway
    const reading = this.#read(from, size, state).finally(() => { this.#reading.delete(key) })
    this.#reading.set(key, reading)
    return reading
  }

  async #read (from: number, size: PageSize, state: TopicState | undefined): Promise<Page> {
    const { clock, limits } = this.#core
    const mayList = clock.monotonic() - this.#listedInVainAt >= limits.followListMs
    const page = await readPage(this.#core, this.#topic, { from, ...size, mayList, ...(state === undefined ? {} : { state }) })
    if (page.calls.list > 0 && page.nextOffset === from) this.#listedInVainAt = clock.monotonic()
    return page
  }

  /** Resolves with news of something at or behind `from`, or with `undefined` after `ms` or when `cancelled` is called. */
  wait (from: number, size: PageSize, ms: number, onCancel: (cancel: () => void) => void): Promise<News | undefined> {
    return new Promise((resolve) => {
      const cancelTimer = this.#core.clock.timer(ms, () => { waiter.tell(undefined) })
      const waiter: Waiter = {
        from,
        size,
        tell: (news) => {
          cancelTimer()
          this.#waiting.delete(waiter)
          if (this.#waiting.size === 0) this.#stopPolling()
          resolve(news)
        }
      }
      this.#waiting.add(waiter)
      onCancel(() => { waiter.tell(undefined) })
      this.#schedulePoll()
    })
  }

  appended (segment: MessageSegment): void {
    this.version++
    if (this.#waiting.size === 0) return
    // The reservation of this append told as much about the end as a poll would.
    this.#stopPolling()
    const cut = new Map<string, Page>()
    for (const { from, size, tell } of [...this.#waiting]) {
      if (from > segment.last) continue
      // Others have appended in between.
      if (from < segment.first) {
        tell({ version: this.version })
        continue
      }
      const key = `${from} ${size.limit} ${size.maxBytes}`
      const page = cut.get(key) ?? pageOf(segment, from, size)
      cut.set(key, page)
      tell({ version: this.version, page })
    }
    this.#schedulePoll()
  }

  #schedulePoll (): void {
    if (this.#cancelPoll !== undefined || this.#polling || this.#waiting.size === 0) return
    this.#cancelPoll = this.#core.clock.timer(this.#pollMs, () => {
      this.#cancelPoll = undefined
      this.#polling = true
      new Storage(this.#core, this.#topic).state().catch(() => undefined).then((state) => {
        this.#polling = false
        this.#polled(state)
        this.#schedulePoll()
      }, () => {})
    })
  }

  #stopPolling (): void {
    this.#cancelPoll?.()
    this.#cancelPoll = undefined
  }

  /** @param state `undefined` for a topic that nobody wrote to, and for a look that failed: the next one is not far */
  #polled (state: TopicState | undefined): void {
    const { followPollMinMs, followPollMaxMs } = this.#core.limits
    const end = endOf(state)
    this.#pollMs = end > this.#end ? followPollMinMs : Math.min(this.#pollMs * 1.5, followPollMaxMs)
    this.#end = Math.max(this.#end, end)
    const behind = [...this.#waiting].filter(({ from }) => from < end)
    if (behind.length > 0) this.version++
    for (const { tell } of behind) tell({ version: this.version, state })
  }
}

class TailFollower implements Follower {
  position: number
  closed = false
  readonly calls = noCalls()
  readonly #core: LogCore
  readonly #tail: Tail
  /** The tail's version at which all there was had been read. */
  #seen = -1
  #cancelWait: (() => void) | undefined

  constructor (core: LogCore, tail: Tail, from: number) {
    this.#core = core
    this.#tail = tail
    this.position = from
    tail.join()
  }

  async next (size: PageSize, waitMs: number): Promise<Page> {
    const { clock, limits } = this.#core
    const began = clock.monotonic()
    const deadline = began + waitMs
    const nothing = (): Page => ({ runs: [], count: 0, nextOffset: this.position, end: this.position, calls: noCalls() })
    let state: TopicState | undefined
    let waited = false
    for (;;) {
      if (this.#seen !== this.#tail.version) {
        const { version } = this.#tail
        const reading = this.#tail.read(this.position, size, state)
        // The first read ends in time by itself.
        const read = waited ? await unlessLater(clock, began + Math.max(waitMs, limits.readTimeoutMs) - clock.monotonic(), reading, undefined) : await reading
        if (read === undefined) return nothing()
        const page = this.#take(read, version)
        addCalls(this.calls, page.calls)
        if (page.count > 0) return page
      }
      const left = deadline - clock.monotonic()
      if (this.closed || left <= 0) return nothing()
      const news = await this.#tail.wait(this.position, size, left, (cancel) => { this.#cancelWait = cancel })
      if (news?.page !== undefined) return this.#take(news.page, news.version)
      state = news?.state
      waited = true
    }
  }

  /** A page that is full is followed by the next one at once; at a hole, the next look is when there are news. */
  #take (page: Page, version: number): Page {
    this.position = page.nextOffset
    if (page.nextOffset >= page.end || page.count === 0) this.#seen = version
    return page
  }

  close (): void {
    if (this.closed) return
    this.closed = true
    this.#cancelWait?.()
    this.#tail.leave()
  }
}
