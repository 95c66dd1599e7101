import type { SegmentEntry } from '../../ports/segment-store.ts'
import type { Bytes, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Segment } from '../segments/segment.ts'

/** The assumed compression ratio until a segment has been loaded: that of zstd on repetitive messages. */
const RATIO_UNTIL_KNOWN = 32

/** Estimates the decompressed sizes of segments that are not loaded yet: listings have only their stored sizes. */
export class SizeEstimate {
  #stored = 0
  #bytes = 0
  #messages = 0

  observe (stored: Bytes, segment: Segment): void {
    if (segment.kind !== 'messages') return
    this.#stored += stored
    this.#bytes += segment.bytes
    this.#messages += segment.last - segment.first + 1
  }

  /**
   * By the compression ratio so far, or by the mean message length so far, whichever gives more: a batch compresses
   * better than the single messages before it, but its messages are as long.
   * @param stored size in bytes
   * @param offsets the most messages that the segment can have
   * @returns bytes
   */
  expected (stored: Bytes, offsets: number): Bytes {
    if (this.#messages === 0) return stored * RATIO_UNTIL_KNOWN
    return Math.max(stored * this.#bytes / this.#stored, offsets * this.#bytes / this.#messages)
  }
}

/** What a page still needs, and what it has. */
export interface PageRemainder {
  /** The last offset of the page if there are no more holes. */
  readonly lastOffset: Offset
  /** Bytes that the page still has room for, and bytes that it has taken. */
  readonly bytes: Bytes
  readonly taken: Bytes
}

export interface LookaheadOptions {
  readonly sizes: SizeEstimate
  /** Most segments that are loaded at the same time. */
  readonly concurrency: number
  /** Bytes that may be loaded ahead of what a page has; more only if the page has more already. */
  readonly aheadBytes: Bytes
}

/**
 * Loads the segments of a listing in ascending order, a bounded number at the same time, and none that the page will
 * probably not need (log §4.2). Offsets are dense except for holes, so the keys show how many messages a segment has. The
 * segments loaded so far give an estimate of its bytes.
 */
export class Lookahead {
  readonly #entries: readonly SegmentEntry[]
  readonly #load: (entry: SegmentEntry) => Promise<Segment | undefined>
  readonly #options: LookaheadOptions
  readonly #loading = new Map<number, Promise<Segment | undefined>>()
  /** Decompressed bytes of the segments that have been loaded, by index. */
  readonly #loaded = new Map<number, number>()
  #next = 0

  constructor (entries: readonly SegmentEntry[], load: (entry: SegmentEntry) => Promise<Segment | undefined>, options: LookaheadOptions) {
    this.#entries = entries
    this.#load = load
    this.#options = options
  }

  /**
   * Starts to load entry `at`, which the page waits for, and the next ones that it needs if the estimates are right.
   * A page may end early, at a hole, so the amount loaded ahead is limited to what the page has, or to `aheadBytes`.
   */
  plan (at: number, { lastOffset, bytes, taken }: PageRemainder): void {
    const { concurrency, aheadBytes } = this.#options
    let before = 0
    let ahead = 0
    for (let i = at; i < this.#entries.length && i < at + concurrency; i++) {
      const size = this.#sizeOf(i)
      if (i > at) {
        if (this.#entries[i - 1]!.lastOffset >= lastOffset || before >= bytes) return
        ahead += size
        if (i >= this.#next && ahead > Math.max(aheadBytes, taken)) return
      }
      before += size
      if (i >= this.#next) this.#start(i)
    }
  }

  /** Segments that were taken. */
  get used (): number { return this.#next - this.#loading.size }

  /** Segments that were loaded and not taken. */
  get unused (): number { return this.#loading.size }

  async take (i: number): Promise<Segment | undefined> {
    const loading = this.#loading.get(i)
    this.#loading.delete(i)
    if (loading === undefined) throw new LogError('internal', 'A segment was taken before it was planned.')
    return loading
  }

  #sizeOf (i: number): Bytes {
    const { lastOffset, size } = this.#entries[i]!
    return this.#loaded.get(i) ?? this.#options.sizes.expected(size, i === 0 ? 1 : lastOffset - this.#entries[i - 1]!.lastOffset)
  }

  #start (i: number): void {
    const entry = this.#entries[i]!
    const loading = this.#load(entry).then((segment) => {
      this.#loaded.set(i, segment?.bytes ?? 0)
      if (segment !== undefined) this.#options.sizes.observe(entry.size, segment)
      return segment
    })
    loading.catch(() => {}) // a failure counts only when the page gets to this entry
    this.#loading.set(i, loading)
    this.#next = i + 1
  }
}
