import type { SegmentEntry, SegmentListing } from '../../ports/segment-store.ts'
import { LogError, type OffsetRange } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { MessageSegment, Segment } from '../segments/segment.ts'
import { timestampOf } from '../segments/timestamp.ts'

/** The storage calls that a seek makes. */
export interface SeekStorage {
  list (from: number, limit: number): Promise<SegmentListing>
  segment (last: number, size?: number): Promise<Segment | undefined>
}

/**
 * The offset at which to read on to get the messages from `timeMs` on (log §4.6): the last message below it has a timestamp
 * before `timeMs`, and the first one at or above it has one at or after `timeMs`. `earliest` if no message is before
 * `timeMs`. If none is at or after it, the offset after the last message: `end`, or a hole that may still be filled.
 *
 * Timestamps are by the clocks of the writers. If these clocks differ from each other by at most D at any time, every message
 * below the offset has a timestamp before `timeMs + D`, and every message from it on has one at or after `timeMs - D`. With
 * one writer, or clocks that agree, it is the first message at or after `timeMs`.
 *
 * The times at which segments were stored, by the store's clock, only tell where to look first. So they decide how many
 * calls are made, but never the answer. With n offsets, and clocks that differ from the store's by d segments, there are
 * O(log n) LISTs and O(log d) GETs, and a GET for each seal that is found on the way.
 * @param timeMs ms since epoch
 * @throws StoreError, LogError as a read
 */
export function seekTime (
  storage: SeekStorage, range: OffsetRange, timeMs: number, limits: Pick<Limits, 'listMax'>
): Promise<number> {
  return new Seek(storage, range, timeMs, limits.listMax).run()
}

/** Keys of a LIST far from the answer: more than one, so that a seal that was put much later does not mislead the search. */
const FEW_KEYS = 4

/** After so many seals in a row, seals are skipped in growing steps. */
const SEALS_ONE_BY_ONE = 16

/** Where a segment's messages are, compared to the time. `inside`: on both sides, and `at` is the answer. */
type Look =
  | { readonly kind: 'before' | 'after', readonly first: number, readonly last: number }
  | { readonly kind: 'inside', readonly at: number }

/** Part of the topic's listing: all keys from `from` to `to`. */
interface Window { readonly from: number, readonly to: number, readonly entries: readonly SegmentEntry[] }

class Seek {
  readonly #storage: SeekStorage
  readonly #timeMs: number
  readonly #listMax: number
  readonly #earliest: number
  /** The last offset of a message before the time, or `earliest - 1`. */
  #low: number
  /** The first message at or above this offset is at or after the time, or there is none. No segment reaches across it. */
  #high: number
  #window: Window = { from: 0, to: -1, entries: [] }
  readonly #looks = new Map<number, Look | undefined>()

  constructor (storage: SeekStorage, { earliest, end }: OffsetRange, timeMs: number, listMax: number) {
    this.#storage = storage
    this.#timeMs = timeMs
    this.#listMax = listMax
    this.#earliest = earliest
    this.#low = earliest - 1
    this.#high = end
  }

  async run (): Promise<number> {
    let at = await this.#hint()
    // Away from the hint in growing steps, until a message is found on either side of the time.
    for (let step = 1; at > this.#low && at < this.#high; step *= 2) {
      const inside = await this.#narrow(at)
      if (inside !== undefined) return inside
      if (this.#low < at) break
      at = Math.min(this.#low + step, this.#high - 1)
    }
    for (let step = 1; this.#low < this.#earliest && this.#high - step >= this.#earliest; step *= 2) {
      const inside = await this.#narrow(this.#high - step)
      if (inside !== undefined) return inside
    }
    while (this.#high - this.#low > 1) {
      const inside = await this.#narrow(this.#low + Math.floor((this.#high - this.#low) / 2))
      if (inside !== undefined) return inside
    }
    return this.#low + 1
  }

  /** The answer if all clocks agree: the offset after the last segment that was stored before the time. */
  async #hint (): Promise<number> {
    let low = this.#low
    let high = this.#high
    const lastBefore = (): number | undefined => (
      this.#window.entries.findLast(({ lastOffset: last, lastModified }) => last < high && lastModified < this.#timeMs)?.lastOffset)
    while (high - low - 1 > this.#listMax) {
      const middle = low + Math.floor((high - low) / 2)
      await this.#list(middle, FEW_KEYS)
      const older = lastBefore()
      if (older === undefined) high = middle
      else low = older
    }
    if (high - low > 1) await this.#list(low + 1, this.#listMax)
    return (lastBefore() ?? low) + 1
  }

  /** Looks at the first segment from `at` on, and moves `low` or `high`. @returns the answer if it is inside the segment */
  async #narrow (at: number): Promise<number | undefined> {
    const look = await this.#lookFrom(at)
    if (look?.kind === 'inside') return look.at
    if (look?.kind === 'before') this.#low = look.last
    else this.#high = Math.min(at, look?.first ?? at)
    return undefined
  }

  /** The first segment with messages that ends at or above `from`, if it is below `high`. */
  async #lookFrom (from: number): Promise<Look | undefined> {
    let step = 1
    for (let seals = 0; from < this.#high; seals++) {
      const entry = await this.#entryFrom(from)
      if (entry === undefined || entry.lastOffset >= this.#high) return undefined
      const look = await this.#look(entry)
      if (look !== undefined) return look
      if (seals >= SEALS_ONE_BY_ONE) step *= 2
      from = entry.lastOffset + step
    }
    return undefined
  }

  async #entryFrom (from: number): Promise<SegmentEntry | undefined> {
    if (from < this.#window.from || from > this.#window.to) {
      const all = this.#high - this.#low - 1 <= this.#listMax
      await (all ? this.#list(this.#low + 1, this.#listMax) : this.#list(from, FEW_KEYS))
    }
    return this.#window.entries.find(({ lastOffset: last }) => last >= from)
  }

  async #list (from: number, limit: number): Promise<void> {
    const { entries, truncated } = await this.#storage.list(from, limit)
    this.#window = { from, to: truncated ? entries.at(-1)!.lastOffset : Infinity, entries }
  }

  /** @returns `undefined` for a seal, or an object that was trimmed in the meantime */
  async #look (entry: SegmentEntry): Promise<Look | undefined> {
    if (!this.#looks.has(entry.lastOffset)) this.#looks.set(entry.lastOffset, await this.#judge(entry))
    return this.#looks.get(entry.lastOffset)
  }

  async #judge ({ lastOffset: last, size, lastModified }: SegmentEntry): Promise<Look | undefined> {
    try {
      const segment = await this.#storage.segment(last, size)
      return segment?.kind === 'messages' ? this.#judgeMessages(segment, lastModified) : undefined
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'segment_corrupt') throw error
      // One damaged segment must not make every seek fail. The time at which it was stored is taken for its messages.
      return { kind: lastModified < this.#timeMs ? 'before' : 'after', first: last, last }
    }
  }

  /** @param storedAt counts for messages without a timestamp of their own */
  #judgeMessages ({ first, last, lines }: MessageSegment, storedAt: number): Look {
    const isBefore = (offset: number): boolean => (timestampOf(lines.at(offset - first)) ?? storedAt) < this.#timeMs
    let low = Math.max(first, this.#earliest)
    if (!isBefore(low)) return { kind: 'after', first: low, last }
    if (isBefore(last)) return { kind: 'before', first, last }
    let high = last
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2)
      if (isBefore(middle)) low = middle
      else high = middle
    }
    return { kind: 'inside', at: high }
  }
}
