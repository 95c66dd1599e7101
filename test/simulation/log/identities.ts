import type { Wanted } from '../../../src/ports/topic-store.ts'
import type { LogError } from '../../../src/domain/errors.ts'
import type { Appended } from '../../../src/domain/log/log.ts'
import { Violation } from '../engine/scheduler.ts'
import type { AppendOperation } from './checker.ts'

export type Identity =
  | { readonly kind: 'producer', readonly id: string, readonly epoch: number, readonly seq: number }
  | { readonly kind: 'key', readonly id: string }

interface Asked { readonly start: number, readonly predecessorStood: boolean }

interface Stored { readonly first: number, readonly order: number }

export function nameOf (identity: Identity): string {
  return identity.kind === 'key' ? `k/${identity.id}` : `p/${identity.id}/${identity.epoch}/${identity.seq}`
}

/** What must hold of appends with conditions (log §6.16), by all answers and by everything that was ever stored. */
export class Identities {
  /** The first attempt to close the topic, until the first answer; and those who were told that it is closed. */
  close: { readonly start: number, end: number } | undefined
  readonly told: Array<{ readonly start: number, readonly end: number }> = []
  readonly #tick: () => number
  readonly #startAppend: (id: string, count: number) => AppendOperation
  readonly #appends = new Map<string, AppendOperation>()
  readonly #acknowledged = new Map<string, { readonly first: number, readonly last: number }>()
  /** First messages of appends, by the id of the append, in the order in which their segments were put. */
  readonly #stored = new Map<string, Stored>()
  readonly #expected: Array<{ readonly id: string, readonly expected: number, readonly first: number }> = []
  /** The highest epoch of each producer that an update has stored. */
  readonly #epochs = new Map<string, number>()
  #order = 0
  #closedEnd: number | undefined
  #refusedAsClosed = false
  #highestStored = 0

  constructor (tick: () => number, startAppend: (id: string, count: number) => AppendOperation) {
    this.#tick = tick
    this.#startAppend = startAppend
  }

  /** Copies of an append are one operation. */
  start (identity: Identity, count: number): AppendOperation {
    const name = nameOf(identity)
    const append = this.#appends.get(name) ?? this.#startAppend(name, count)
    this.#appends.set(name, append)
    return append
  }

  /** An append is sent. @returns what {@link refused} compares with */
  ask (identity: Identity): Asked {
    const predecessor = identity.kind === 'producer' && identity.seq > 0 ? { ...identity, seq: identity.seq - 1 } : undefined
    return { start: this.#tick(), predecessorStood: predecessor !== undefined && this.#acknowledged.has(nameOf(predecessor)) }
  }

  /** @returns whether it is the first answer */
  acknowledged (identity: Identity, { first, last }: Appended): void {
    const name = nameOf(identity)
    const append = this.#appends.get(name)!
    if (last - first + 1 !== append.count) throw new Violation(`${name} of ${append.count} messages was acknowledged at ${first}…${last}`)
    const other = this.#acknowledged.get(name)
    if (other !== undefined && other.first !== first) throw new Violation(`${name} was acknowledged at ${other.first} and at ${first}`)
    const stored = this.#stored.get(name)
    if (stored?.first !== first) throw new Violation(`${name} was acknowledged at ${first}, and stands at ${stored?.first ?? 'no offset'}`)
    if (other === undefined) this.#acknowledged.set(name, { first, last })
    this.onAcknowledged?.(append, first, last, other === undefined)
  }

  onAcknowledged: ((append: AppendOperation, first: number, last: number, isFirst: boolean) => void) | undefined

  refused (identity: Identity, error: LogError, asked: Asked): void {
    const name = nameOf(identity)
    const saysNotWritten = error.written === 'no' && !['producer_fenced', 'producer_gap'].includes(error.code)
    if (identity.kind === 'producer' && saysNotWritten && this.#acknowledged.has(name)) {
      throw new Violation(`"not written" (${error.code}) was said of ${name}, which was acknowledged`)
    }
    if (error.code === 'producer_gap' && asked.predecessorStood) {
      throw new Violation(`${name} heard of a gap, and the one before it was acknowledged before`)
    }
    if (error.code === 'topic_closed') this.refusedAsClosed(asked.start)
  }

  expected (id: string, expected: number, first: number): void {
    if (first < expected) throw new Violation(`${id} expected ${expected} and was acknowledged at ${first}`)
    this.#expected.push({ id, expected, first })
  }

  refusedAsClosed (start: number): void {
    this.#refusedAsClosed = true
    this.told.push({ start, end: this.#tick() })
  }

  startClose (): void {
    this.close ??= { start: this.#tick(), end: Infinity }
  }

  closed (end: number): void {
    if (this.close !== undefined) this.close.end = Math.min(this.close.end, this.#tick())
    this.#checkClosed(end)
  }

  #checkClosed (end: number): void {
    if (this.#closedEnd !== undefined && this.#closedEnd !== end) {
      throw new Violation(`the topic was closed at ${this.#closedEnd} and at ${end}`)
    }
    this.#closedEnd = end
    if (this.#highestStored >= end) throw new Violation(`the topic was closed at ${end}, and ${this.#highestStored} is stored`)
  }

  get isClosed (): boolean { return this.#closedEnd !== undefined }

  /** A reader was told that the topic ends here. */
  seenClosed (start: number, next: number): void {
    this.told.push({ start, end: this.#tick() })
    this.#checkClosed(next)
  }

  /** An update was applied just now. */
  updated ({ producers }: Wanted): void {
    for (const [id, text] of producers ?? []) {
      const [epoch] = JSON.parse(text) as [number]
      this.#epochs.set(id, Math.max(epoch, this.#epochs.get(id) ?? 0))
    }
  }

  /** A segment with these messages was stored at `first` just now. */
  stored (first: number, messages: readonly string[]): void {
    for (const [i, message] of messages.entries()) {
      const cut = message.lastIndexOf('.')
      const id = message.slice(0, cut)
      if (message.slice(cut + 1) !== '0') continue
      const there = this.#stored.get(id)
      if (there !== undefined && there.first !== first + i) throw new Violation(`${id} was stored at ${there.first} and at ${first + i}`)
      // A late copy of a put, after its segment was trimmed.
      if (there !== undefined) continue
      this.#stored.set(id, { first: first + i, order: this.#order++ })
      this.#checkProducer(id, first + i)
    }
    this.#highestStored = Math.max(this.#highestStored, first + messages.length - 1)
    if (this.#closedEnd !== undefined && first >= this.#closedEnd) {
      throw new Violation(`${first} is stored, and the topic was closed at ${this.#closedEnd}`)
    }
  }

  #checkProducer (id: string, offset: number): void {
    const [, producer, epoch, seq] = /^p\/(.*)\/(\d+)\/(\d+)$/.exec(id) ?? []
    if (producer === undefined) return
    const raised = this.#epochs.get(producer) ?? 0
    if (Number(epoch) < raised) throw new Violation(`${id} was stored at ${offset}, after epoch ${raised} had begun`)
    for (const [other, stored] of this.#stored) {
      const match = /^p\/(.*)\/(\d+)\/(\d+)$/.exec(other)
      if (match === null || match[1] !== producer || other === id) continue
      const isEarlier = Number(match[2]) < Number(epoch) || (match[2] === epoch && Number(match[3]) < Number(seq))
      const isBelow = stored.first < offset
      if (isEarlier !== isBelow) throw new Violation(`${id} was stored at ${offset}, and ${other} is at ${stored.first}`)
    }
    if (Number(seq) > 0 && !this.#stored.has(`p/${producer}/${epoch}/${Number(seq) - 1}`)) {
      throw new Violation(`${id} was stored at ${offset}, and the one before it is not`)
    }
  }

  /** In the end. */
  whole (): void {
    for (const { id, expected, first } of this.#expected) {
      for (const [other, stored] of this.#stored) {
        if (stored.first >= expected && stored.first < first) {
          throw new Violation(`${id} expected ${expected} and is at ${first}, and ${other} is at ${stored.first}`)
        }
      }
    }
    if (this.#refusedAsClosed && this.#closedEnd === undefined) {
      throw new Violation('an append was refused as closed, and the topic is open')
    }
  }
}
