import type { LogError, OffsetRange } from '../../../src/domain/errors.ts'
import type { Page } from '../../../src/domain/log/log.ts'
import { textsOf } from '../../support/http/pages.ts'
import { Violation } from '../engine/scheduler.ts'
import { Identities } from './identities.ts'

/** One append of the history. Its messages are `id.0`, `id.1`, …, each of them unique in the run. */
export interface AppendOperation {
  readonly kind: 'append'
  readonly id: string
  readonly count: number
  readonly start: number
  end: number
  /** The first offset, once known: acknowledged, or seen by a reader. */
  first: number | undefined
  outcome: 'open' | 'acknowledged' | 'not written' | 'unknown'
}

export interface ReadOperation {
  readonly kind: 'read'
  readonly start: number
  readonly end: number
  readonly from: number
  readonly next: number
  readonly messages: ReadonlyArray<readonly [offset: number, message: string]>
}

/**
 * Holds every answer that a process gets against every other one (protocol §7, 1-5), and every message of a batch
 * against the rest of it. The order of answers is the scheduler's, so "before" and "after" are certain.
 */
export class Checker {
  readonly identities = new Identities(() => this.#tick++, (id, count) => this.startAppend(id, count))
  readonly appends = new Map<string, AppendOperation>()
  readonly reads: ReadOperation[] = []
  /** Below this, a trim has been asked for: what is there may be gone, or be skipped. */
  trimmedTo = 1
  readonly #at = new Map<number, string>()
  readonly #offsetOf = new Map<string, number>()
  /** Offsets at which there must be a message, because another one of its batch was seen. */
  readonly #due = new Map<number, string>()
  readonly #acknowledged = new Map<number, { message: string, since: number }>()
  /** Offsets that some reader went past without a message. */
  readonly #passed = new Set<number>()
  #tick = 0
  /** The highest offset that some reader was told to go on at, or that follows an acknowledged message. */
  knownEnd = 1

  constructor () {
    this.identities.onAcknowledged = (append, first, last) => {
      // The first answer ends the operation.
      if (append.outcome !== 'acknowledged') this.acknowledged(append, first, last)
    }
  }

  startAppend (id: string, count: number): AppendOperation {
    const append: AppendOperation = { kind: 'append', id, count, start: this.#tick++, end: Infinity, first: undefined, outcome: 'open' }
    this.appends.set(id, append)
    return append
  }

  acknowledged (append: AppendOperation, first: number, last: number): void {
    append.end = this.#tick++
    append.outcome = 'acknowledged'
    append.first = first
    this.knownEnd = Math.max(this.knownEnd, last + 1)
    if (last - first + 1 !== append.count) {
      throw new Violation(`append ${append.id} of ${append.count} messages was acknowledged at ${first}…${last}`)
    }
    for (let i = 0; i < append.count; i++) {
      this.#place(`${append.id}.${i}`, first + i, 'acknowledged')
      this.#acknowledged.set(first + i, { message: `${append.id}.${i}`, since: append.end })
    }
  }

  failed (append: AppendOperation, written: 'no' | 'unknown'): void {
    append.end = written === 'no' ? this.#tick++ : Infinity
    append.outcome = written === 'no' ? 'not written' : 'unknown'
    if (written !== 'no') return
    for (let i = 0; i < append.count; i++) {
      const seen = this.#offsetOf.get(`${append.id}.${i}`)
      if (seen !== undefined) throw new Violation(`"not written" was said of ${append.id}.${i}, which a reader saw at ${seen}`)
    }
  }

  /** When a reader has been through everything: of each batch there is all that was not trimmed, or nothing. */
  whole (): void {
    for (const { id, count, first } of this.appends.values()) {
      if (first === undefined) continue
      for (let offset = Math.max(first, this.trimmedTo); offset < first + count; offset++) {
        if (!this.#at.has(offset)) {
          throw new Violation(`of the batch ${id} at ${first}…${first + count - 1} nothing is at ${offset} in the end`)
        }
      }
    }
  }

  startRead (): number { return this.#tick++ }

  /** @param kind of a `live` one nobody expects that it shows what was there when it was asked for: it is told of that soon */
  page (reader: string, start: number, from: number, page: Pick<Page, 'runs' | 'nextOffset'>, kind: 'read' | 'live' = 'read'): void {
    const end = this.#tick++
    const messages: Array<[number, string]> = []
    for (const text of textsOf(page)) {
      const { offset, payload } = JSON.parse(text) as { offset: number, payload: string }
      messages.push([offset, payload])
    }
    const next = page.nextOffset
    this.knownEnd = Math.max(this.knownEnd, next)
    if (kind === 'read') this.reads.push({ kind, start, end, from, next, messages })
    let expected = from
    for (const [offset, message] of messages) {
      if (offset < expected) throw new Violation(`${reader} read from ${from} and got offset ${offset} after ${expected - 1}`)
      this.#pass(reader, start, expected, offset)
      this.#place(message, offset, `seen by ${reader}`)
      expected = offset + 1
    }
    if (next < expected) throw new Violation(`${reader} read from ${from}, got offset ${expected - 1} and was told to go on at ${next}`)
    this.#pass(reader, start, expected, next)
  }

  /** @param knownEnd of before the read: up to there no offset is out of range */
  outOfRange (reader: string, from: number, knownEnd: number, { code, details }: LogError): void {
    if (code !== 'offset_out_of_range') return
    const range = details as Partial<OffsetRange>
    const { earliest = Infinity, end = 0 } = range
    if (from <= knownEnd || end < knownEnd || end >= from || earliest > end) {
      throw new Violation(`${reader} read from ${from}, with ${knownEnd} known, and was refused with the range ${JSON.stringify(range)}`)
    }
  }

  /** A segment was stored at `first … last` just now: nobody may have gone past it, unless it was below `earliest` by then. */
  stored (first: number, last: number): void {
    for (let offset = first; offset <= last; offset++) {
      if (this.#passed.has(offset)) throw new Violation(`a reader went past offset ${offset}, and now there is a message`)
    }
  }

  /** A reader went from `from` to `to` without a message between. */
  #pass (reader: string, start: number, from: number, to: number): void {
    for (let offset = Math.max(from, this.trimmedTo); offset < to; offset++) {
      const acknowledged = this.#acknowledged.get(offset)
      if (acknowledged !== undefined) {
        throw new Violation(`${reader} went past offset ${offset}, where ${acknowledged.message} was ` +
        `acknowledged${acknowledged.since > start ? ' meanwhile' : ''}`)
      }
      const there = this.#at.get(offset)
      if (there !== undefined) throw new Violation(`${reader} went past offset ${offset}, where another reader saw ${there}`)
      const due = this.#due.get(offset)
      if (due !== undefined) throw new Violation(`${reader} went past offset ${offset}, which is in the batch of which ${due} was seen`)
      this.#passed.add(offset)
    }
  }

  /** One message of a batch is there: so must be all of them. */
  #expect (first: number, count: number, message: string): void {
    for (let offset = first; offset < first + count; offset++) {
      this.#due.set(offset, message)
      if (offset >= this.trimmedTo && this.#passed.has(offset)) {
        throw new Violation(`a reader went past offset ${offset}, which is in the batch of which ${message} was seen`)
      }
    }
  }

  #place (message: string, offset: number, how: string): void {
    const other = this.#at.get(offset)
    if (other !== undefined && other !== message) {
      throw new Violation(`offset ${offset} is ${other} for one and ${message} for another (${how})`)
    }
    const elsewhere = this.#offsetOf.get(message)
    if (elsewhere !== undefined && elsewhere !== offset) throw new Violation(`${message} is at ${elsewhere} and at ${offset} (${how})`)
    if (this.#passed.has(offset) && offset >= this.trimmedTo) {
      throw new Violation(`a reader went past offset ${offset}, where now ${message} is ${how}`)
    }
    const append = this.appends.get(message.slice(0, message.lastIndexOf('.')))
    if (append === undefined) throw new Violation(`${message} at ${offset} was never appended`)
    if (append.outcome === 'not written') throw new Violation(`"not written" was said of ${message}, which is ${how} at ${offset}`)
    const first = offset - Number(message.slice(message.lastIndexOf('.') + 1))
    if (append.first === undefined) this.#expect(first, append.count, message)
    append.first ??= first
    if (append.first !== first) {
      throw new Violation(`${message} is at ${offset}, and other messages of its batch as if the first were at ${append.first} (${how})`)
    }
    this.#at.set(offset, message)
    this.#offsetOf.set(message, offset)
  }
}
