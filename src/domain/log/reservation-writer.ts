import { isPassing, mayHaveTakenEffect, StoreError } from '../../ports/errors.ts'
import type { SegmentObject } from '../../ports/segment-store.ts'
import type { Reservation } from '../../ports/topic-store.ts'
import type { Ms } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { NewMessage } from '../segments/message.ts'
import { encodeLargeSegment, encodeSeal, encodeSegment, isLarge, type MessageSegment } from '../segments/segment.ts'
import { earliestOf } from '../topics/state.ts'
import { retryDelay } from '../store-calls.ts'
import { toLogError } from '../to-log-error.ts'
import { sleep } from '../wait.ts'
import type { Flight } from './link-window.ts'
import { timedOut } from './refusals.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

/** The end of one reservation. `sealed`: a reader has sealed the range, so no message will ever be in it. */
type Outcome = 'written' | 'sealed'

/**
 * What is at the own key. `gone`: something was there and has been trimmed since. An error: neither this append nor a seal
 * explains what is there, or no answer came in time.
 */
type Found = 'own' | 'seal' | 'gone' | LogError

/** @property failure what the last attempt threw; `undefined` if there was no time left for one */
type Answered<T> = { readonly ok: true, readonly answer: T } | { readonly ok: false, readonly failure: unknown }

export interface WriterOptions {
  /** Unique among the writers that can meet at one key. */
  readonly writer: string
  /** Whether the segment closes the topic (log §6.8). */
  readonly closes: boolean
  /** Monotonic ms by which the callers have an answer. */
  readonly deadline: Ms
  /** The segment's room on the link. It leaves when the segment is not sent any more. */
  readonly flight: Flight
}

/** The puts for one reservation, until its outcome is known (log §3.2, §3.3). */
export class ReservationWriter {
  readonly #context: LogContext
  readonly #storage: TopicStorage
  readonly #topic: string
  readonly #reservation: Reservation
  readonly #options: WriterOptions
  readonly #reservedAtMonotonic: Ms
  /** A put had an unknown outcome. From then on, only a look at the key shows whether the segment is stored. */
  #uncertain = false

  constructor (context: LogContext, storage: TopicStorage, topic: string, reservation: Reservation, options: WriterOptions) {
    this.#context = context
    this.#storage = storage
    this.#topic = topic
    this.#reservation = reservation
    this.#options = options
    this.#reservedAtMonotonic = context.clock.monotonic()
  }

  /**
   * Puts the messages as one segment, and finds out for certain whether it is stored if an answer is missing.
   * @returns the segment, whose messages are in the order given; `sealed`: a reader has sealed the range, so it stays empty
   * @throws LogError with `written` set, always
   */
  async write (messages: readonly NewMessage[]): Promise<MessageSegment | 'sealed'> {
    const { clock, limits, compression, turns } = this.#context
    const { writer, closes } = this.#options
    const options = {
      first: this.#reservation.first,
      timestamp: clock.wall(),
      writer,
      closes,
      compression,
      compressOverBytes: limits.compressOverBytes
    }
    const { object, segment } = isLarge(messages, limits.sliceChars)
      ? await encodeLargeSegment(messages, options, turns, limits.sliceChars)
      : encodeSegment(messages, options)
    return await this.#putSegment(object) === 'written' ? segment : 'sealed'
  }

  async #putSegment (object: SegmentObject): Promise<Outcome> {
    const { clock, limits } = this.#context
    const { last, reservedAtMs } = this.#reservation
    let failure: unknown
    for (let attempt = 1; this.#mayStart(); attempt++) {
      const startedAt = clock.monotonic()
      const left = this.#options.deadline - limits.resolveBySealMs - startedAt
      let put: 'created' | 'exists'
      try {
        put = await this.#storage.put(last, object, { reservedAtMs, timeoutMs: Math.min(limits.putTimeoutMs, left) })
      } catch (error) {
        failure = error
        this.#uncertain ||= mayHaveTakenEffect(error)
        this.#options.flight.failed(error, startedAt)
        if (!isPassing(error)) break
        // Another put of this size would time out, too. If this one is certainly not written, its appends go into smaller ones.
        if (isTimeout(error) && this.#options.flight.tooLarge) break
        await this.#pause(attempt)
        continue
      }
      this.#options.flight.answered(startedAt)
      return put === 'created' ? 'written' : this.#resolveExisting()
    }
    return this.#resolveBySeal(failure)
  }

  /** No attempt starts when little time is left to resolve the range by a seal, or when the reservation is old (log §3.2). */
  #mayStart (): boolean {
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    return now < this.#options.deadline - limits.resolveBySealMs && now - this.#reservedAtMonotonic < limits.reservationTtlMs
  }

  async #pause (attempt: number): Promise<void> {
    const { clock } = this.#context
    await sleep(clock, Math.max(0, Math.min(retryDelay(this.#context, attempt), this.#options.deadline - clock.monotonic())))
  }

  /** The key was taken: by this append, whose answer was lost, or by a seal (log §3.3). */
  async #resolveExisting (): Promise<Outcome> {
    const found = await this.#readOwnKey()
    if (found === 'own') return 'written'
    if (found === 'seal' && await this.#rangeNotTrimmed()) return 'sealed'
    throw found instanceof LogError ? found : this.#unknown()
  }

  /**
   * Whether the own range was certainly not trimmed. Only then a seal at the key proves that the segment was never there:
   * a trim could have deleted it, after readers have seen it, and made room for the seal. A trim moves `earliest` before it
   * deletes.
   */
  async #rangeNotTrimmed (): Promise<boolean> {
    try {
      const item = await this.#storage.item()
      return item !== undefined && earliestOf(item) <= this.#reservation.first
    } catch {
      return false
    }
  }

  /**
   * Resolves the reservation by a seal over the own range. The own segment at the key means `written`; a seal means `not
   * written`, unless a put may have landed and a trim removed it. No answer means `unknown`, unless every put was certainly
   * refused: then the seal only saves readers the wait for the hole.
   */
  async #resolveBySeal (failure: unknown): Promise<Outcome> {
    this.#options.flight.leave()
    const found = await this.#sealOwnRange()
    switch (found) {
      case 'own': return 'written'
      case 'seal': throw !this.#uncertain || await this.#rangeNotTrimmed() ? this.#notWritten(failure) : this.#unknown(failure)
      case 'gone': throw this.#unknown(failure)
      case 'no answer': throw this.#uncertain ? this.#unknown(failure) : this.#notWritten(failure)
      default: throw found
    }
  }

  /** Puts a seal over the own range. @returns what is at the key then; `no answer` if that put was not answered */
  async #sealOwnRange (): Promise<Found | 'no answer'> {
    const { first, last } = this.#reservation
    const seal = encodeSeal(first, last, 'range', this.#options.writer)
    const put = await this.#untilAnswered((ms) => this.#storage.put(last, seal, { reservedAtMs: null, timeoutMs: ms }))
    if (!put.ok) return 'no answer'
    if (put.answer !== 'created') return this.#readOwnKey()
    this.#storage.sealed('range')
    return 'seal'
  }

  async #readOwnKey (): Promise<Found> {
    const { first, last } = this.#reservation
    const read = await this.#untilAnswered((ms) => this.#storage.ownSegment(last, ms))
    if (!read.ok) return read.failure instanceof LogError ? toLogError(read.failure, 'unknown') : this.#unknown(read.failure)
    const found = read.answer
    if (found === undefined) return 'gone'
    if (found.kind === 'seal') return 'seal'
    if (found.writer === this.#options.writer && found.first === first) return 'own'
    return new LogError('segment_corrupt',
      `Offset ${last} of topic ${this.#topic}, which was reserved for this append, holds a segment of another writer.`, { written: 'no' })
  }

  /**
   * Repeats a call until it is answered, fails for good, or the deadline is reached. Never throws.
   * @param call gets the time that it may take, in ms
   */
  async #untilAnswered<T> (call: (ms: Ms) => Promise<T>): Promise<Answered<T>> {
    const { clock, limits } = this.#context
    for (let attempt = 1; ; attempt++) {
      const left = this.#options.deadline - clock.monotonic()
      if (left <= 0) return { ok: false, failure: undefined }
      try {
        return { ok: true, answer: await call(Math.min(limits.putTimeoutMs, left)) }
      } catch (failure) {
        if (!isPassing(failure)) return { ok: false, failure }
      }
      await this.#pause(attempt)
    }
  }

  #notWritten (cause: unknown): LogError {
    if (!(cause instanceof StoreError) || cause.failure === 'timeout' || cause.failure === 'expired') return timedOut(cause)
    return toLogError(cause, 'no')
  }

  #unknown (cause?: unknown): LogError {
    return new LogError('storage_unavailable', 'The storage did not answer in time; the message may have been written.', {
      written: 'unknown',
      cause
    })
  }
}

export function isTimeout (error: unknown): boolean {
  return error instanceof StoreError && error.failure === 'timeout'
}

/** 96 random bits: unique among the writers that can meet at one key. */
export function randomId (random: () => number): string {
  let id = ''
  for (let i = 0; i < 3; i++) id += Math.floor(random() * 0x1_0000_0000).toString(16).padStart(8, '0')
  return id
}
