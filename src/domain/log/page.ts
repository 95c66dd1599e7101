import type { Bytes, Offset } from '../../ports/units.ts'
import type { Lines } from '../segments/lines.ts'
import type { MessageSegment, StoredBody } from '../segments/segment.ts'

export interface PageSize {
  /** Most messages in the page. */
  readonly limit: number
  /** Most bytes of messages in the page, which still has at least one message if there is one. */
  readonly maxBytes: Bytes
}

/** The lines `start … stop - 1` of a segment, which are the messages from offset `first` on. */
export interface Run {
  readonly first: Offset
  readonly lines: Lines
  readonly start: number
  readonly stop: number
}

export interface Page {
  /** The messages in their stored form, which is also their wire form, as lines of their segments. */
  readonly runs: readonly Run[]
  readonly count: number
  /** The first offset that is not accounted for, where the next read continues. */
  readonly nextOffset: Offset
  /** The topic's end, as far as the read knows. If `nextOffset` is equal to it, everything has been read. */
  readonly end: Offset
  /** The topic's earliest offset, as far as the read knows. */
  readonly earliest: Offset
  /** The topic is closed, and the page goes up to its end. */
  readonly closed: boolean
  /** The same lines in compressed form, if the page is exactly one segment that is stored compressed. */
  readonly stored?: StoredBody | undefined
}

/** Collects the messages of a page. */
export class PageBuilder {
  readonly runs: Run[] = []
  count = 0
  /** Bytes of the messages, including a line feed for each. */
  bytes = 0
  full = false
  /** The compressed body of the segment, as long as the page is exactly one whole segment. */
  stored: StoredBody | undefined
  readonly #size: PageSize

  constructor (size: PageSize) {
    this.#size = size
  }

  /** @returns the first offset that the page does not have: the one after the segment, unless the page was full earlier */
  take (segment: MessageSegment, from: Offset): Offset {
    const { lines } = segment
    const start = from - segment.first
    const stop = this.#stopAt(lines, start)
    this.full = stop < lines.count || this.count + stop - start >= this.#size.limit
    if (stop === start) return from
    const whole = this.count === 0 && start === 0 && stop === lines.count
    this.stored = whole ? segment.stored : undefined
    this.runs.push({ first: from, lines, start, stop })
    this.count += stop - start
    this.bytes += lines.end(stop - 1) + 1 - lines.start(start)
    return from + stop - start
  }

  #stopAt (lines: Lines, start: number): number {
    const max = Math.min(lines.count, start + this.#size.limit - this.count)
    const behind = lines.start(start) + this.#size.maxBytes - this.bytes
    if (max === start || lines.end(max - 1) <= behind) return max
    let stop = this.count === 0 ? start + 1 : start
    while (lines.end(stop) <= behind) stop++
    return stop
  }
}

/** The page from offset `from` on, which is in `segment`. The segment was just written, so no call to storage is needed. */
export function pageOf (
  segment: MessageSegment, from: Offset, size: PageSize, { earliest, closes }: { earliest: Offset, closes: boolean }
): Page {
  const page = new PageBuilder(size)
  const nextOffset = page.take(segment, from)
  const { runs, count, stored } = page
  return { runs, count, nextOffset, end: segment.last + 1, earliest, closed: closes && nextOffset > segment.last, stored }
}

/** Bytes of a page's messages in their stored form, with one separator after each. */
export function pageBytes ({ runs }: Page): Bytes {
  let bytes = 0
  for (const { lines, start, stop } of runs) bytes += lines.end(stop - 1) + 1 - lines.start(start)
  return bytes
}

/** Yields the messages of a page. */
export function * messagesOf (page: Pick<Page, 'runs'>): Generator<{ readonly offset: Offset, readonly line: Uint8Array }> {
  for (const { first, lines, start, stop } of page.runs) {
    for (let i = start; i < stop; i++) yield { offset: first + i - start, line: lines.at(i) }
  }
}
