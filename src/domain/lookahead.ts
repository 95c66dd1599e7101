import type { SegmentEntry } from '../ports/segment-store.ts'
import { LogError } from './errors.ts'
import type { Segment } from './segment.ts'

/** What is taken for the ratio of compression until a segment of the topic has told: zstd on repetitive messages. */
const RATIO_UNTIL_KNOWN = 32

/** How large segments are that have not been loaded yet: listings tell only their stored size. */
export class Sizes {
  #stored = 0
  #bytes = 0
  #messages = 0

  observe (stored: number, segment: Segment): void {
    if (segment.kind !== 'messages') return
    this.#stored += stored
    this.#bytes += segment.bytes
    this.#messages += segment.last - segment.first + 1
  }

  /**
   * By the ratio of compression so far, or by the length of messages so far, whichever gives more: a batch compresses
   * better than the single messages before it, but its messages are as long.
   * @param offsets how many there are for it at most
   */
  expected (stored: number, offsets: number): number {
    if (this.#messages === 0) return stored * RATIO_UNTIL_KNOWN
    return Math.max(stored * this.#bytes / this.#stored, offsets * this.#bytes / this.#messages)
  }
}

/** What a page still needs, and what it has. */
export interface Need {
  /** The last offset that it reaches if there are no more holes. */
  readonly lastOffset: number
  /** How many bytes it still takes, and how many it has taken. */
  readonly bytes: number
  readonly taken: number
}

export interface LookaheadOptions {
  readonly sizes: Sizes
  /** At most so many segments at once. */
  readonly concurrency: number
  /** So much may be loaded ahead of any page; more only of one that has as much already. */
  readonly aheadBytes: number
}

/**
 * Loads the segments of a listing in order, a bounded number at once, and none that the page will probably not need
 * (log §4.2): offsets are dense but for holes, so the keys alone tell how far a number of messages reaches, and what
 * was loaded so far tells how far a number of bytes does.
 */
export class Lookahead {
  readonly #entries: readonly SegmentEntry[]
  readonly #load: (entry: SegmentEntry) => Promise<Segment | undefined>
  readonly #options: LookaheadOptions
  readonly #loading = new Map<number, Promise<Segment | undefined>>()
  /** Bytes of what has been loaded. */
  readonly #loaded = new Map<number, number>()
  #next = 0

  constructor (entries: readonly SegmentEntry[], load: (entry: SegmentEntry) => Promise<Segment | undefined>, options: LookaheadOptions) {
    this.#entries = entries
    this.#load = load
    this.#options = options
  }

  /**
   * Starts entry `at`, which the page waits for, and those behind it that it needs if they are as large as expected.
   * A page may end early, at a hole: what is ahead of it is at most as much as it has, or little.
   */
  plan (at: number, { lastOffset, bytes, taken }: Need): void {
    const { concurrency, aheadBytes } = this.#options
    let before = 0
    let ahead = 0
    for (let i = at; i < this.#entries.length && i < at + concurrency; i++) {
      const size = this.#sizeOf(i)
      if (i > at) {
        if (this.#entries[i - 1]!.last >= lastOffset || before >= bytes) return
        ahead += size
        if (i >= this.#next && ahead > Math.max(aheadBytes, taken)) return
      }
      before += size
      if (i >= this.#next) this.#start(i)
    }
  }

  async take (i: number): Promise<Segment | undefined> {
    const loading = this.#loading.get(i)
    this.#loading.delete(i)
    if (loading === undefined) throw new LogError('internal', 'A segment was taken before it was planned.')
    return loading
  }

  #sizeOf (i: number): number {
    const { last, size } = this.#entries[i]!
    return this.#loaded.get(i) ?? this.#options.sizes.expected(size, i === 0 ? 1 : last - this.#entries[i - 1]!.last)
  }

  #start (i: number): void {
    const entry = this.#entries[i]!
    const loading = this.#load(entry).then((segment) => {
      this.#loaded.set(i, segment?.bytes ?? 0)
      if (segment !== undefined) this.#options.sizes.observe(entry.size, segment)
      return segment
    })
    loading.catch(() => {}) // a failure counts only when the walk gets there
    this.#loading.set(i, loading)
    this.#next = i + 1
  }
}
