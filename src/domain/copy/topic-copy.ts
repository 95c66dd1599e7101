import type { SegmentEntry, SegmentListing, SegmentObject, SegmentStore } from '../../ports/segment-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { checkListing, settled } from '../log/log.ts'
import { decodeSegment } from '../segments/segment.ts'
import { earliestOf } from '../topics/state.ts'
import { CopyError, isNotAlone, type CopyContext } from './context.ts'

const LISTED_AT_ONCE = 1_000
/** How often a topic is begun again because it was trimmed meanwhile. Each round copies only what is new. */
const ROUNDS_MAX = 100

/** Content codings that stand for none. */
const NO_CODING: ReadonlyArray<string | undefined> = ['', 'identity', 'aws-chunked']

/** Copies one topic: first its segments, then its item, as it was before (log §8.2). */
export class TopicCopy {
  readonly #context: CopyContext
  readonly #topic: string
  /** A segment that was listed could not be read: it was removed in between. */
  #missed = false
  #isFirstRound = true

  constructor (context: CopyContext, topic: string) {
    this.#context = context
    this.#topic = topic
  }

  /** @throws StoreError, CopyError */
  async run (): Promise<void> {
    let item = await this.#item()
    for (let round = 0; item !== undefined; round++) {
      if (round === ROUNDS_MAX) {
        throw new CopyError(`topic ${this.#topic} was trimmed ${ROUNDS_MAX} times while it was copied: run the copy again when it is not`)
      }
      this.#missed = false
      await this.#copySegments(earliestOf(item), item.currentOffset)
      // A trim moves `earliest` before it removes segments, so without a change none was missed.
      const after = await this.#item()
      if (!this.#missed && after !== undefined && earliestOf(after) === earliestOf(item)) return this.#restore(item)
      this.#isFirstRound = false
      item = after
    }
  }

  #item (): Promise<TopicItem | undefined> {
    const { calls, source } = this.#context
    return calls.make('read', 'the source', (signal) => source.topics.read(this.#topic, { signal }))
  }

  async #copySegments (from: Offset, to: Offset): Promise<void> {
    const { source, room, counts, dryRun } = this.#context
    for (let next = from; next <= to;) {
      const { entries, truncated } = await this.#list(source.segments, next)
      const wanted = entries.filter(({ lastOffset }) => lastOffset <= to)
      const there = await this.#presentAmong(wanted, next)
      const copies: Array<Promise<void>> = []
      for (const entry of wanted) {
        if (there.has(entry.lastOffset)) continue
        if (dryRun) {
          counts.segments++
          counts.bytes += entry.size
          continue
        }
        await room.enter(entry.size)
        const copied = this.#copySegment(entry).finally(() => { room.leave(entry.size) })
        // It is awaited below, after others were begun.
        copied.catch(() => {})
        copies.push(copied)
      }
      await Promise.all(copies)
      if (!truncated || wanted.length < entries.length) return
      next = entries.at(-1)!.lastOffset + 1
    }
  }

  async #list (segments: SegmentStore, from: Offset): Promise<SegmentListing> {
    const listing = await this.#context.calls.make('list', 'the segment store', (signal) => (
      segments.list(this.#topic, from, LISTED_AT_ONCE, { signal })))
    checkListing(listing, from)
    return listing
  }

  /** The last offsets of the segments that the target has. */
  async #presentAmong (wanted: readonly SegmentEntry[], from: Offset): Promise<ReadonlySet<Offset>> {
    const there = new Set<Offset>()
    const last = wanted.at(-1)?.lastOffset
    if ((this.#isFirstRound && !this.#context.resumed) || last === undefined || this.#context.dryRun) return there
    for (let next = from; next <= last;) {
      const { entries, truncated } = await this.#list(this.#context.target.segments, next)
      for (const { lastOffset } of entries) there.add(lastOffset)
      if (!truncated) break
      next = entries.at(-1)!.lastOffset + 1
    }
    if (this.#isFirstRound) this.#context.counts.present += wanted.filter(({ lastOffset }) => there.has(lastOffset)).length
    return there
  }

  async #copySegment (entry: SegmentEntry): Promise<void> {
    const { calls, counts, target } = this.#context
    const { lastOffset: last, lastModified } = entry
    const object = await this.#read(last)
    if (object === undefined) {
      this.#missed = true
      return
    }
    await calls.make('write', 'the target', (signal) => target.segments.restore(this.#topic, last, object, lastModified, { signal }))
    counts.segments++
    counts.bytes += object.body.length
  }

  /** A damaged segment is read once more, since the damage may be of the transfer. Then it is copied as it is. */
  async #read (last: Offset): Promise<SegmentObject | undefined> {
    const { calls, source, counts, notice } = this.#context
    const get = (): Promise<SegmentObject | undefined> => calls.make('read', 'the source', (signal) => (
      source.segments.get(this.#topic, last, { signal })))
    let object = await get()
    if (damageOf(object, this.#topic, last) !== undefined) object = await get()
    const damage = damageOf(object, this.#topic, last)
    if (damage !== undefined) {
      counts.damaged++
      notice(`${damage} It is copied as it is.`)
    }
    return object === undefined || !NO_CODING.includes(object.contentEncoding) ? object : { ...object, contentEncoding: undefined }
  }

  async #restore (item: TopicItem): Promise<void> {
    const { calls, clock, counts, dryRun, target } = this.#context
    counts.topics++
    if (dryRun) return
    const now = clock.wall()
    const restored = {
      ...await settled(item, (last) => calls.make('read', 'the target', (signal) => (
        target.segments.get(this.#topic, last, { signal }))), now),
      // The clock of an embedded store never goes back behind a time in it.
      reservedAtMs: notAfter(now, item.reservedAtMs),
      createdAtMs: notAfter(now, item.createdAtMs),
      // Sizes and times as the source stores them.
      swept: undefined
    }
    if (await calls.make('write', 'the target', (signal) => target.copies.restoreTopic(this.#topic, restored, { signal }))) return
    const there = await calls.make('read', 'the target', (signal) => target.topics.read(this.#topic, { signal }))
    // An answer may have been lost.
    const isSame = there?.currentOffset === restored.currentOffset && there.reservedAtMs === restored.reservedAtMs &&
      there.earliest === restored.earliest
    if (!isSame) throw isNotAlone(`topic ${this.#topic}`)
  }
}

function notAfter (now: number, time: number | undefined): number | undefined {
  return time === undefined ? undefined : Math.min(time, now)
}

function damageOf (object: SegmentObject | undefined, topic: string, last: Offset): string | undefined {
  if (object === undefined) return undefined
  try {
    decodeSegment(object, topic, last)
    return undefined
  } catch (error) {
    if (error instanceof LogError) return error.message
    throw error
  }
}
