import { StoreError } from '../../ports/errors.ts'
import type { SegmentEntry, SegmentListing } from '../../ports/segment-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError, type OffsetRange } from '../errors.ts'
import type { Operation } from '../operation.ts'
import type { Segment } from '../segments/segment.ts'
import { toLogError } from '../to-log-error.ts'
import { closedOf, closingOf, earliestOf, endOf } from '../topics/state.ts'
import { decodeClosing } from './facts.ts'
import { judgeHoleBelow, judgeTailHole, sealDown } from './holes.ts'
import { Lookahead, SizeEstimate } from './lookahead.ts'
import { PageBuilder, type Page, type PageSize } from './page.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

export interface ReadRequest extends PageSize {
  /** An offset from 1. */
  readonly from: Offset
  /** The topic's item, where the caller has just read it. */
  readonly item?: TopicItem | undefined
  /**
   * False: near the end, the page ends where a LIST would be needed, and holes are not examined. Followers set it for
   * `followListMs` after a LIST that found nothing.
   */
  readonly mayList?: boolean
}

/**
 * Reads a page of messages from `from` on, without gaps (log §4). The page ends before the first offset that neither a
 * message nor a seal accounts for. A segment that can't be loaded ends the page, too, and is never skipped.
 * @throws LogError `offset_out_of_range` if `from` is beyond the end; others if the read fails before it has accounted for any offset
 */
export async function readPage (context: LogContext, topic: string, request: ReadRequest, operation: Operation): Promise<Page> {
  const startedAt = context.clock.monotonic()
  const deadline = startedAt + Math.min(context.limits.readTimeoutMs, operation.timeoutMs ?? Infinity)
  const storage = new TopicStorage(context, topic, operation, deadline, () => { reader.watchFill() })
  const reader = new Reader(context, storage, request, { startedAt, deadline })
  return reader.read()
}

/** Two GETs find everything most often. More would cost less than a LIST, which costs as much as twelve, but take longer. */
const TAIL_GETS_MAX = 2

/** Where a walk over a listing stopped. `again`: something changed, list anew from `expected`. */
type WalkEnd = 'done' | 'again' | 'end of listing'

/** One read. Each of its steps ends with the question whether the page is complete. */
class Reader {
  readonly #context: LogContext
  readonly #storage: TopicStorage
  readonly #request: ReadRequest
  readonly #startedAt: Ms
  readonly #deadline: Ms
  readonly #page: PageBuilder
  readonly #sizes = new SizeEstimate()
  /** The first offset not accounted for yet. */
  #expected: Offset
  /** The topic's end, as far as it is known. */
  #end = 1
  /** As last read. */
  #item: TopicItem | undefined
  #sealsLeft: number
  #cancelFill: (() => void) | undefined
  #late = false

  constructor (context: LogContext, storage: TopicStorage, request: ReadRequest, { startedAt, deadline }: { startedAt: Ms, deadline: Ms }) {
    this.#context = context
    this.#storage = storage
    this.#request = request
    this.#startedAt = startedAt
    this.#deadline = deadline
    this.#page = new PageBuilder(request)
    this.#expected = request.from
    this.#sealsLeft = context.limits.sealsPerReadMax
  }

  /** To be called when the page has to wait for room on the link. After `pageFillMs`, only a page without messages waits. */
  watchFill (): void {
    const { clock, limits } = this.#context
    this.#cancelFill ??= clock.timer(Math.max(0, this.#startedAt + limits.pageFillMs - clock.monotonic()), () => {
      this.#late = true
      if (this.#page.count > 0) this.#storage.stopWaiting()
    })
  }

  /** To be called once. */
  async read (): Promise<Page> {
    try {
      await this.#run()
    } catch (error) {
      if (this.#expected === this.#request.from) throw this.#failed(error)
    } finally {
      this.#stopFill()
    }
    const { runs, count, stored } = this.#page
    const closed = await this.#reachedClose()
    this.#report('ok')
    return { runs, count, nextOffset: this.#expected, end: this.#end, earliest: earliestOf(this.#item), closed, stored }
  }

  #failed (cause: unknown): LogError {
    const error = toLogError(cause)
    this.#report(error.code)
    return error
  }

  #report (outcome: string): void {
    const { clock, telemetry } = this.#context
    telemetry.read(outcome, clock.monotonic() - this.#startedAt)
  }

  #stopFill (): void {
    if (this.#cancelFill === undefined) return
    this.#cancelFill()
    this.#storage.stopWaiting()
  }

  async #run (): Promise<void> {
    const end = await this.#begin()
    if (this.#expected >= end) return
    await this.#readCached()
    if (this.#page.full || this.#expected >= end || await this.#readTail(end)) return
    if (this.#request.mayList === false && end - this.#expected <= this.#request.limit) return
    await this.#readByListing(end)
  }

  /** Goes on at the topic's earliest offset if `from` is below it. @returns the topic's end @throws LogError `offset_out_of_range` */
  async #begin (): Promise<number> {
    const { from: first, item: known } = this.#request
    // A handed item that ends before `from` is outdated: only a fresh one can say that `from` is out of range.
    const item = this.#item = known !== undefined && first <= endOf(known) ? known : await this.#storage.item()
    const end = this.#end = endOf(item)
    if (first > end) throw outOfRange(first, { earliest: earliestOf(item), end })
    this.#expected = Math.max(first, earliestOf(item))
    return end
  }

  /** Reads segments whose keys are known without a LIST: the first with a GET if it is not cached, the next ones only from the cache. */
  async #readCached (): Promise<void> {
    let last = this.#storage.lastOffsetOfSegmentAt(this.#expected)
    let segment = last === undefined ? undefined : await this.#readIfAvailable(last)
    while (segment !== undefined && !this.#page.full) {
      this.#take(segment)
      last = this.#storage.lastOffsetOfSegmentAt(this.#expected)
      segment = last === undefined ? undefined : this.#storage.cached(last)
    }
  }

  /**
   * Near the end, a poll most often finds one new segment. Its key is then the last offset, and a GET of that key takes the
   * place of a LIST, which costs twelve times as much (log §4.2). If that segment begins above `expected`, the one before
   * it ends just below its first offset, and so on. Cached segments cost nothing.
   * @returns whether the page is complete
   */
  async #readTail (end: Offset): Promise<boolean> {
    if (end - this.#expected > this.#request.limit) return false
    const { calls } = this.#storage
    const getsMax = calls.get + TAIL_GETS_MAX
    const newestFirst: Segment[] = []
    for (let last = end - 1; last >= this.#expected; last = newestFirst.at(-1)!.first - 1) {
      const segment = this.#storage.cached(last) ?? (calls.get < getsMax ? await this.#readIfAvailable(last) : undefined)
      if (segment === undefined) return false
      newestFirst.push(segment)
    }
    for (const segment of newestFirst.reverse()) if (!this.#page.full) this.#take(segment)
    return true
  }

  async #readByListing (end: Offset): Promise<void> {
    const { clock, limits } = this.#context
    // Each segment but a seal has a message: the page hardly needs more keys than messages.
    let keys = Math.min(this.#request.limit, limits.listMax)
    let from: Offset | undefined = this.#expected
    while (from !== undefined && !this.#page.full && clock.monotonic() < this.#deadline) {
      const listing = await this.#storage.list(from, keys)
      keys = limits.listMax
      const walked = await this.#walk(listing)
      from = await this.#nextListing(listing, walked, end)
    }
  }

  /** @returns the offset to list from next; `undefined` if the page ends here */
  async #nextListing ({ entries, truncated, now }: SegmentListing, walked: WalkEnd, end: Offset): Promise<Offset | undefined> {
    if (walked === 'done') return undefined
    if (walked === 'again') return this.#expected
    const listed = entries.at(-1)
    if (truncated && listed !== undefined) return Math.max(this.#expected, listed.lastOffset + 1)
    if (this.#expected >= end) return undefined
    return await this.#tailHole(now) ? this.#expected : undefined
  }

  /** The segment that ends at `last`; `undefined` if there is none or the GET fails. A LIST then shows what is there. */
  #readIfAvailable (last: Offset): Promise<Segment | undefined> {
    return this.#storage.segment(last).catch(() => undefined)
  }

  /** Takes the listed segments in order until one is missing or the page is full. */
  async #walk (listing: SegmentListing): Promise<WalkEnd> {
    const { limits: { readConcurrency: concurrency, readAheadBytes: aheadBytes }, telemetry } = this.#context
    const load = (entry: SegmentEntry): Promise<Segment | undefined> => this.#storage.segment(entry.lastOffset, entry.size)
    const lookahead = new Lookahead(listing.entries, load, { sizes: this.#sizes, concurrency, aheadBytes })
    try {
      return await this.#walkWith(lookahead, listing)
    } finally {
      telemetry.loadedAhead(lookahead.used, lookahead.unused)
    }
  }

  async #walkWith (lookahead: Lookahead, { entries, now }: SegmentListing): Promise<WalkEnd> {
    for (let i = 0; i < entries.length; i++) {
      if (this.#context.clock.monotonic() >= this.#deadline) return 'done'
      lookahead.plan(i, {
        lastOffset: this.#expected + this.#request.limit - this.#page.count - 1,
        bytes: this.#request.maxBytes - this.#page.bytes,
        taken: this.#page.bytes
      })
      const segment = await lookahead.take(i)
      // Deleted since the listing, by a trim or a lifecycle rule: a hole, judged by the segment above it.
      if (segment === undefined) continue
      if (segment.last < this.#expected) continue
      if (segment.first > (closedOf(this.#item) ?? Infinity)) return 'done'
      if (segment.first > this.#expected) {
        const lastModified = entries.slice(i).reduce((oldest, above) => Math.min(oldest, above.lastModified), Infinity)
        const filled = await this.#holeBelow(segment, lastModified, now)
        if (filled !== 'pass') return filled
      }
      this.#take(segment)
      if (this.#page.full) return 'done'
    }
    return 'end of listing'
  }

  #take (segment: Segment): void {
    this.#expected = segment.kind === 'messages' ? this.#page.take(segment, this.#expected) : segment.last + 1
    if (this.#expected <= segment.last) this.#storage.rememberSegmentAt(this.#expected, segment)
    this.#end = Math.max(this.#end, segment.last + 1)
    if (this.#late && this.#page.count > 0) this.#storage.stopWaiting()
  }

  /** `pass`: go on with the segment; `again`: list anew; `done`: the page ends before the hole. */
  async #holeBelow (above: Segment, lastModified: Ms, now: Ms): Promise<'pass' | 'again' | 'done'> {
    if (await this.#trimmed()) return 'again'
    const verdict = judgeHoleBelow({ above, offsets: above.first - this.#expected, lastModified, now }, this.#context.limits)
    this.#context.telemetry.hole(verdict)
    if (verdict === 'pass') this.#expected = above.first
    if (verdict !== 'seal') return verdict === 'pass' ? 'pass' : 'done'
    return await this.#seal(above.first - 1) ? 'again' : 'done'
  }

  /** @returns whether it is worth listing again */
  async #tailHole (now: Ms): Promise<boolean> {
    const item = await this.#readItem()
    if (item === undefined) return false
    if (earliestOf(item) > this.#expected) {
      this.#expected = earliestOf(item)
      return this.#expected < endOf(item)
    }
    const verdict = judgeTailHole(item, now, this.#context.limits)
    this.#context.telemetry.hole(verdict)
    const { currentOffset } = item
    if (verdict === 'correct') await this.#unlessFull(this.#storage.correctReservedAt({ currentOffset, reservedAtMs: now }))
    return verdict === 'seal' && await this.#seal(endOf(item) - 1)
  }

  /** Whether the topic was trimmed past `expected`, which is then the new `earliest`. */
  async #trimmed (): Promise<boolean> {
    const earliest = earliestOf(await this.#readItem())
    if (earliest <= this.#expected) return false
    this.#expected = earliest
    return true
  }

  async #readItem (): Promise<TopicItem | undefined> {
    const item = this.#item = await this.#storage.item()
    this.#end = Math.max(this.#end, endOf(item))
    return item
  }

  /**
   * Whether the page ends at the end of a closed topic. For a closing append that the item does not resolve, its segment must
   * have been seen (log §6.8).
   */
  async #reachedClose (): Promise<boolean> {
    const closed = closedOf(this.#item)
    if (closed !== undefined) return this.#expected > closed
    const closing = closingOf(this.#item)
    if (closing === undefined || this.#expected <= closing.last) return false
    const segment = await this.#readIfAvailable(closing.last)
    return segment?.kind === 'messages' && segment.writer === decodeClosing(closing.text).writer
  }

  async #seal (top: Offset): Promise<boolean> {
    if (this.#sealsLeft <= 0) return false
    const range = { top, bottom: this.#expected, budget: this.#sealsLeft }
    const puts = await this.#unlessFull(sealDown(this.#storage, range, this.#context.limits))
    if (puts === undefined) return false
    this.#sealsLeft -= puts
    return true
  }

  /** `undefined` if the store is full: the page then ends before the hole, and a later read seals it. */
  async #unlessFull<T> (write: Promise<T>): Promise<T | undefined> {
    try {
      return await write
    } catch (error) {
      if (error instanceof StoreError && error.failure === 'full') return undefined
      throw error
    }
  }
}

function outOfRange (from: Offset, range: OffsetRange): LogError {
  return new LogError('offset_out_of_range', `offset: expected at most ${range.end}, the end of the topic, got ${from}`, range)
}
