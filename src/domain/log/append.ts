import { isPassing, mayHaveTakenEffect, StoreError } from '../../ports/errors.ts'
import type { Reservation } from '../../ports/offset-counter.ts'
import type { SegmentObject } from '../../ports/segment-store.ts'
import type { Ms } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import { encodeLargeSegment, encodeSeal, encodeSegment, isLarge, type MessageSegment } from '../segments/segment.ts'
import { sleep } from '../wait.ts'
import type { Flight } from './link-window.ts'
import { retryDelay, TopicStorage, toLogError, type LogContext } from './topic-storage.ts'

/** The end of one reservation. `sealed`: a reader has sealed the range, so no message will ever be in it. */
type Outcome = 'written' | 'sealed'

/**
 * What is at the own key. `gone`: something was there and has been trimmed since. An error: neither this append nor a seal
 * explains what is there, or no answer came in time.
 */
type Found = 'own' | 'seal' | 'gone' | LogError

/** @property failure what the last attempt threw; `undefined` if there was no time left for one */
type Answered<T> = { readonly ok: true, readonly answer: T } | { readonly ok: false, readonly failure: unknown }

export interface AppendOptions {
  readonly operation: Operation
  /** Monotonic ms by which the caller has an answer. */
  readonly deadline: Ms
  /** The segment's room on the link. It leaves when the segment is not sent any more. */
  readonly flight: Flight
}

/**
 * Appends the messages as one segment (log §3): reserves offsets, puts the segment, and finds out for certain whether it is
 * stored if an answer is missing.
 * @returns the segment, whose messages are in the order given
 * @throws LogError with `written` set, always
 */
export async function appendSegment (
  context: LogContext, topic: string, messages: readonly NewMessage[], { operation, deadline, flight }: AppendOptions
): Promise<MessageSegment> {
  const { clock, limits } = context
  const storage = new TopicStorage(context, topic, operation, deadline)
  for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt++) {
    const left = deadline - limits.resolveBySealMs - clock.monotonic()
    if (left <= 0) throw timedOut()
    let reservation: Reservation
    try {
      reservation = await storage.reserve(messages.length, Math.min(limits.reserveTimeoutMs, left))
    } catch (error) {
      // At worst a range was reserved that nobody uses. Readers seal it.
      throw toLogError(error, 'no')
    }
    const segment = await new ReservationWriter(context, { storage, topic, messages, reservation, deadline, flight }).run()
    if (segment === 'sealed') continue
    context.cache.set(topic, segment)
    return segment
  }
  throw new LogError('append_contended', 'The reserved offsets were sealed before the message was written, several times over.', {
    written: 'no'
  })
}

function timedOut (cause?: unknown): LogError {
  return new LogError('append_timeout', 'The message could not be written in time.', { written: 'no', cause })
}

interface ReservationWriterOptions {
  readonly storage: TopicStorage
  readonly topic: string
  readonly messages: readonly NewMessage[]
  readonly reservation: Reservation
  readonly deadline: Ms
  readonly flight: Flight
}

/** The puts for one reservation, until its outcome is known (log §3.2, §3.3). */
class ReservationWriter {
  readonly #context: LogContext
  readonly #storage: TopicStorage
  readonly #topic: string
  readonly #messages: readonly NewMessage[]
  readonly #reservation: Reservation
  readonly #deadline: Ms
  readonly #flight: Flight
  readonly #writer: string
  readonly #reservedAtMonotonic: Ms
  /** A put had an unknown outcome. From then on, only a look at the key shows whether the segment is stored. */
  #uncertain = false

  constructor (context: LogContext, { storage, topic, messages, reservation, deadline, flight }: ReservationWriterOptions) {
    this.#context = context
    this.#storage = storage
    this.#topic = topic
    this.#messages = messages
    this.#reservation = reservation
    this.#deadline = deadline
    this.#flight = flight
    this.#writer = randomId(context.random)
    this.#reservedAtMonotonic = context.clock.monotonic()
  }

  async run (): Promise<MessageSegment | 'sealed'> {
    const { clock, limits, compression, turns } = this.#context
    const { first } = this.#reservation
    const options = { first, timestamp: clock.wall(), writer: this.#writer, compression, compressOverBytes: limits.compressOverBytes }
    const { object, segment } = isLarge(this.#messages, limits.sliceChars)
      ? await encodeLargeSegment(this.#messages, options, turns, limits.sliceChars)
      : encodeSegment(this.#messages, options)
    return await this.#putSegment(object) === 'written' ? segment : 'sealed'
  }

  async #putSegment (object: SegmentObject): Promise<Outcome> {
    const { clock, limits } = this.#context
    const { last, reservedAtMs } = this.#reservation
    let failure: unknown
    for (let attempt = 1; this.#mayStart(); attempt++) {
      const startedAt = clock.monotonic()
      const left = this.#deadline - limits.resolveBySealMs - startedAt
      let put: 'created' | 'exists'
      try {
        put = await this.#storage.put(last, object, { reservedAtMs, timeoutMs: Math.min(limits.putTimeoutMs, left) })
      } catch (error) {
        failure = error
        this.#uncertain ||= mayHaveTakenEffect(error)
        this.#flight.failed(error, startedAt)
        if (!isPassing(error)) break
        // Another put of this size would time out, too. If this one is certainly not written, its appends go into smaller ones.
        if (isTimeout(error) && this.#flight.tooLarge) break
        await this.#pause(attempt)
        continue
      }
      this.#flight.answered(startedAt)
      return put === 'created' ? 'written' : this.#resolveExisting()
    }
    return this.#resolveBySeal(failure)
  }

  /** No attempt starts when little time is left to resolve the range by a seal, or when the reservation is old (log §3.2). */
  #mayStart (): boolean {
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    return now < this.#deadline - limits.resolveBySealMs && now - this.#reservedAtMonotonic < limits.reservationTtlMs
  }

  async #pause (attempt: number): Promise<void> {
    const { clock } = this.#context
    await sleep(clock, Math.max(0, Math.min(retryDelay(this.#context, attempt), this.#deadline - clock.monotonic())))
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
      const state = await this.#storage.state()
      return state !== undefined && state.earliest <= this.#reservation.first
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
    this.#flight.leave()
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
    const seal = encodeSeal(first, last, 'range', this.#writer)
    const put = await this.#untilAnswered((timeoutMs) => this.#storage.put(last, seal, { reservedAtMs: null, timeoutMs }))
    if (!put.ok) return 'no answer'
    return put.answer === 'created' ? 'seal' : this.#readOwnKey()
  }

  async #readOwnKey (): Promise<Found> {
    const { first, last } = this.#reservation
    const read = await this.#untilAnswered((ms) => this.#storage.ownSegment(last, ms))
    if (!read.ok) return read.failure instanceof LogError ? toLogError(read.failure, 'unknown') : this.#unknown(read.failure)
    const found = read.answer
    if (found === undefined) return 'gone'
    if (found.kind === 'seal') return 'seal'
    if (found.writer === this.#writer && found.first === first) return 'own'
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
      const left = this.#deadline - clock.monotonic()
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
function randomId (random: () => number): string {
  let id = ''
  for (let i = 0; i < 3; i++) id += Math.floor(random() * 0x1_0000_0000).toString(16).padStart(8, '0')
  return id
}
