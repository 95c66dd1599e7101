import type { Bytes, Offset } from '../../ports/units.ts'
import { messagesOf, type Page } from '../log/log.ts'

/** A part of the topic that is accounted for: which offsets have messages, and that the others have none. */
export class Pages {
  readonly #lines = new Map<Offset, Uint8Array>()
  /** The offsets of the messages, ascending; `undefined` if some were added since. */
  #sorted: Offset[] | undefined = []
  /** From `first` up to below `end`. Ascending, and apart from each other. */
  #ranges: Array<{ first: Offset, end: Offset }> = []
  bytes: Bytes = 0

  /**
   * @param from where the page was read from
   * @param copies whether to keep copies of the messages, so that not their whole segments stay in memory
   */
  add (from: Offset, page: Page, copies = false): void {
    for (const { offset, line } of messagesOf(page)) {
      if (this.#lines.has(offset)) continue
      this.#lines.set(offset, copies ? Buffer.from(line) : line)
      this.bytes += line.length + 1
    }
    this.#sorted = undefined
    if (page.nextOffset > from) this.#join({ first: from, end: page.nextOffset })
  }

  clear (): void {
    this.#lines.clear()
    this.#sorted = []
    this.#ranges = []
    this.bytes = 0
  }

  lineAt (offset: Offset): Uint8Array | undefined {
    return this.#lines.get(offset)
  }

  has (offset: Offset): boolean {
    return this.#lines.has(offset) || this.emptyUntil(offset) !== undefined
  }

  /** If there is no message at `offset`: the offset up to below which there is none; `undefined` if it has not been read. */
  emptyUntil (offset: Offset): Offset | undefined {
    const range = this.#ranges.find(({ first, end }) => offset >= first && offset < end)
    if (range === undefined) return undefined
    this.#sorted ??= [...this.#lines.keys()].sort((a, b) => a - b)
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]! < offset) low = middle + 1
      else high = middle
    }
    return Math.min(this.#sorted[low] ?? Infinity, range.end)
  }

  #join (range: { first: Offset, end: Offset }): void {
    const apart = this.#ranges.filter(({ first, end }) => end < range.first || first > range.end)
    for (const { first, end } of this.#ranges) {
      if (end < range.first || first > range.end) continue
      range.first = Math.min(range.first, first)
      range.end = Math.max(range.end, end)
    }
    this.#ranges = [...apart, range].sort((a, b) => a.first - b.first)
  }
}
