import type { Bytes, Offset } from '../../ports/units.ts'
import { messagesOf, type Page } from '../log/log.ts'

/** What is known of an offset of the topic. */
export type At =
  | { readonly kind: 'message', readonly line: Uint8Array }
  /** No message: sealed, trimmed, or a hole that nobody can fill. The same up to below `until`. */
  | { readonly kind: 'none', readonly until: Offset }
  /** It is not known yet whether there will be a message: a young hole, or the end of the topic. */
  | { readonly kind: 'open', readonly end: boolean }
  /** A segment that could not be loaded. */
  | { readonly kind: 'failed', readonly error: Error }

/** The pages that a receive has read so far. */
export class LoadedLog {
  readonly #lines = new Map<Offset, Uint8Array>()
  /** Accounted for: offsets from `first` up to below `end`. Ascending, and apart from each other. */
  readonly #ranges: Array<{ first: Offset, end: Offset }> = []
  readonly #open = new Map<Offset, At>()
  /** The topic's, as far as it is known. */
  end: Offset
  earliest: Offset
  bytes: Bytes = 0

  constructor ({ earliest, end }: { readonly earliest: Offset, readonly end: Offset }) {
    this.earliest = earliest
    this.end = end
  }

  /** @param from where the page was read from */
  add (from: Offset, page: Page): void {
    this.end = Math.max(this.end, page.end)
    this.earliest = Math.max(this.earliest, page.earliest)
    for (const { offset, line } of messagesOf(page)) {
      this.#lines.set(offset, line)
      this.bytes += line.length + 1
    }
    if (page.nextOffset > from) this.#join({ first: from, end: page.nextOffset })
    if (page.nextOffset === from || page.nextOffset >= page.end) {
      this.#open.set(page.nextOffset, { kind: 'open', end: page.nextOffset >= page.end })
    }
  }

  failed (from: Offset, error: Error): void {
    this.#open.set(from, { kind: 'failed', error })
  }

  /** `undefined`: it has not been read. */
  at (offset: Offset): At | undefined {
    const line = this.#lines.get(offset)
    if (line !== undefined) return { kind: 'message', line }
    const range = this.#ranges.find(({ first, end }) => offset >= first && offset < end)
    if (range === undefined) return this.#open.get(offset)
    let until = range.end
    for (const next of this.#lines.keys()) if (next > offset && next < until) until = next
    return { kind: 'none', until }
  }

  #join (range: { first: Offset, end: Offset }): void {
    const apart = this.#ranges.filter(({ first, end }) => end < range.first || first > range.end)
    for (const { first, end } of this.#ranges) {
      if (end < range.first || first > range.end) continue
      range.first = Math.min(range.first, first)
      range.end = Math.max(range.end, end)
    }
    this.#ranges.splice(0, this.#ranges.length, ...apart, range)
    this.#ranges.sort((a, b) => a.first - b.first)
  }
}
