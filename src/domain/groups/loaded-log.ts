import type { Bytes, Offset } from '../../ports/units.ts'
import type { Page } from '../log/log.ts'
import { Pages } from './pages.ts'

/** What is known of an offset of the topic. */
export type At =
  | { readonly kind: 'message', readonly line: Uint8Array }
  /** No message: sealed, trimmed, or a hole that nobody can fill. The same up to below `until`. */
  | { readonly kind: 'none', readonly until: Offset }
  /** It is not known yet whether there will be a message: a young hole, or the end of the topic. */
  | { readonly kind: 'open', readonly end: boolean }
  /** A segment that could not be loaded. */
  | { readonly kind: 'failed', readonly error: Error }

/** The topic as one receive knows it: the pages that it has read, those that others of its group have, and where these end. */
export class LoadedLog {
  readonly #own = new Pages()
  readonly #shared: Pages | undefined
  readonly #ends = new Map<Offset, At>()
  /** The topic's, as far as it is known. */
  end: Offset
  earliest: Offset

  /** @param shared what is accounted for stays so, whoever has read it */
  constructor ({ earliest, end }: { readonly earliest: Offset, readonly end: Offset }, shared?: Pages) {
    this.earliest = earliest
    this.end = end
    this.#shared = shared
  }

  /** Of the pages that this receive has read by itself. */
  get bytes (): Bytes { return this.#own.bytes }

  /** @param from where the page was read from */
  add (from: Offset, page: Page): void {
    this.#own.add(from, page)
    this.noteEnd(from, page)
  }

  /** Notes only where the page ends, because its messages are in the shared pages. */
  noteEnd (from: Offset, page: Page): void {
    this.end = Math.max(this.end, page.end)
    this.earliest = Math.max(this.earliest, page.earliest)
    if (page.nextOffset === from || page.nextOffset >= page.end) {
      this.#ends.set(page.nextOffset, { kind: 'open', end: page.nextOffset >= page.end })
    }
  }

  failed (from: Offset, error: Error): void {
    this.#ends.set(from, { kind: 'failed', error })
  }

  /** `undefined`: it has not been read. */
  at (offset: Offset): At | undefined {
    const line = this.#own.lineAt(offset) ?? this.#shared?.lineAt(offset)
    if (line !== undefined) return { kind: 'message', line }
    const until = this.#own.emptyUntil(offset) ?? this.#shared?.emptyUntil(offset)
    return until === undefined ? this.#ends.get(offset) : { kind: 'none', until }
  }
}
