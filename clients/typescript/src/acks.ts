import { StreamsError } from './errors.ts'
import type { Group, LeasePart, Received } from './group.ts'
import type { HeldLease } from './held-lease.ts'
import { unexpected } from './waiting.ts'

/** The most entries in the `ack` of a receive. */
const partsMax = 100
/** How long an acknowledgement waits for others, or for the next receive, in ms: of a lease that is done, and of one that is not. */
const lingerMs = { done: 10, open: 100 }

/** Collects acknowledgements, which then go with the next receive, or together after a moment. */
export class Acks {
  readonly #group: Group
  readonly #onError: (error: unknown) => void
  readonly #parts = new Map<string, Set<number>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueAt = Infinity
  #flushing: Promise<void> | undefined

  /** @param onError takes what none of the service's answers explains: a defect, or what a hook has thrown */
  constructor (group: Group, onError: (error: unknown) => void) {
    this.#group = group
    this.#onError = onError
  }

  add ({ id, open }: HeldLease, offset: number): void {
    this.#add(id, [offset], open.size === 0 ? lingerMs.done : lingerMs.open)
  }

  /** All that are collected, up to as many as a receive takes. The caller reports how it went with them. */
  take (): LeasePart[] {
    const parts = [...this.#parts].slice(0, partsMax).map(([leaseId, offsets]) => ({ leaseId, offsets: [...offsets] }))
    for (const { leaseId } of parts) this.#parts.delete(leaseId)
    return parts
  }

  /** They were sent, and nobody knows whether they arrived: they can be sent again. */
  return (parts: readonly LeasePart[]): void {
    for (const { leaseId, offsets = [] } of parts) this.#add(leaseId, offsets, lingerMs.done)
  }

  /** A part whose lease is lost is forgotten: its messages come again. */
  answered (parts: readonly LeasePart[], answers: NonNullable<Received<unknown>['acked']>): void {
    const failed = parts.filter((_part, index) => {
      const answer = answers[index]
      return answer !== undefined && 'retriable' in answer && answer.retriable
    })
    this.return(failed)
  }

  /** Sends all, and resolves when they are answered, or are given up after the time of a call. */
  async flush (): Promise<void> {
    clearTimeout(this.#timer)
    this.#dueAt = Infinity
    await this.#flushing
    if (this.#parts.size === 0) return
    const parts = this.take()
    this.#flushing = this.#send(parts)
    await this.#flushing
    this.#flushing = undefined
    return this.flush()
  }

  #add (leaseId: string, offsets: readonly number[], inMs: number): void {
    const known = this.#parts.get(leaseId) ?? new Set()
    for (const offset of offsets) known.add(offset)
    this.#parts.set(leaseId, known)
    const dueAt = performance.now() + inMs
    if (dueAt >= this.#dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = setTimeout(() => { this.flush().catch(unexpected) }, inMs)
  }

  async #send (parts: readonly LeasePart[]): Promise<void> {
    await Promise.all(parts.map(async (part) => {
      try {
        await this.#group.ack(part)
      } catch (error) {
        // `lease_lost`, or an outage that is longer than the lease: the messages come again.
        if (!(error instanceof StreamsError)) this.#onError(error)
      }
    }))
  }
}
