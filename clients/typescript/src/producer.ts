import { Backlog } from './backlog.ts'
import {
  afterUnknown, append, Batch, closedError, type Entry, EntryQueue, handled, type Outcome, refusalOf, tooLate, withOutcome
} from './batch.ts'
import { StreamsError } from './errors.ts'
import type { MessageFormat, MessageOptions, NewMessage } from './messages.ts'
import { type ProducerOptions, type Settings, settingsOf } from './producer-options.ts'
import { mayRepeat, pathOf, type Transport } from './transport.ts'
import { childOf, sleep, timerOf, unexpected } from './waiting.ts'

/** With less time left, a batch is not sent any more. */
const minimalMs = 5

/**
 * Appends messages in batches, each message exactly once and in the order of the calls.
 *
 * A batch has a seq. If its answer is lost, it is sent again with the same seq until there is one. If a batch fails for good, those
 * behind it, which the service stores only after it, are sent again under the next epoch: that keeps late copies of them out.
 */
export class Producer<Input> {
  readonly id: string
  readonly #transport: Transport
  readonly #format: MessageFormat<Input, unknown>
  readonly #path: string
  readonly #options: Settings
  readonly #stopping: ReturnType<typeof childOf>
  readonly #queue: EntryQueue
  /** Batches that go before the queue, as an earlier attempt was not stored. */
  #returned: Array<readonly Entry[]> = []
  /** Batches on their way, in the order of their seqs, from the oldest without an outcome on. */
  #sent: Batch[] = []
  #epoch: number
  #seq = 0
  /** A batch of this epoch was acknowledged. Until then there is one at a time, so that a gap means what it says. */
  #confirmed = false
  /** An epoch that nobody has given can be raised above that of an earlier instance, as long as nothing was sent under it. */
  #mayTakeOver: boolean
  /** The seq of a batch that failed: nothing new is sent under this epoch. */
  #failedSeq = Infinity
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Entries that were appended up to then do not linger. */
  #flushedAt = -Infinity
  readonly #backlog: Backlog
  #error: { readonly reason: Error } | undefined
  #stopped: { readonly reason: Error } | undefined
  #closed = false

  constructor (transport: Transport, format: MessageFormat<Input, unknown>, topic: string, options: ProducerOptions = {}) {
    const { id, epoch, signal } = options
    this.#transport = transport
    this.#format = format
    this.#path = pathOf('topics', topic, 'produce')
    this.id = id ?? crypto.randomUUID()
    // Two instances that start within a millisecond are told apart by chance.
    this.#epoch = epoch ?? (id === undefined ? 0 : Date.now() * 1_000 + Math.floor(Math.random() * 1_000))
    this.#mayTakeOver = id !== undefined && epoch === undefined
    this.#options = settingsOf(options)
    this.#backlog = new Backlog(this.#options)
    this.#queue = new EntryQueue(this.#options.batchMessages, this.#options.batchChars)
    this.#stopping = childOf(signal)
    this.#stopping.controller.signal.addEventListener('abort', () => { this.#stop(this.#stopping.controller.signal.reason) })
    if (signal?.aborted === true) this.#stop(signal.reason)
  }

  /** Messages that are not acknowledged yet. */
  get buffered (): number { return this.#backlog.messages }

  /**
   * Resolves when there is room for more. Rejects if the producer has stopped.
   * @example for (const order of orders) { await producer.ready; producer.send(order) }
   */
  get ready (): Promise<void> {
    return this.#backlog.ready()
  }

  /**
   * Appends a message without a promise: `flush` and `close` reject with the first error that came since.
   * @throws StreamsError `producer_closed`, as nobody would hear of it otherwise
   */
  send (payload: Input, { key, headers }: MessageOptions = {}): void {
    if (this.#closed) throw closedError()
    if (this.#stopped !== undefined) return
    try {
      this.#add(this.#format.encode({ payload, key, headers }), 1)
    } catch (error) {
      this.#error ??= { reason: error as Error }
    }
  }

  /** Appends a message. @returns the offset, when the message is stored @throws StreamsError */
  append (payload: Input, { key, headers }: MessageOptions = {}): Promise<{ readonly offset: number }> {
    return this.#append([{ payload, key, headers }], (offset) => ({ offset }))
  }

  /** Appends messages that get consecutive offsets, all or none. @throws StreamsError */
  appendBatch (messages: ReadonlyArray<NewMessage<Input>>): Promise<{ readonly offset: number, readonly lastOffset: number }> {
    return this.#append(messages, (offset) => ({ offset, lastOffset: offset + messages.length - 1 }))
  }

  /** Sends what waits, and resolves when all messages up to now have their outcome. @throws the first error since the last flush */
  async flush (): Promise<void> {
    this.#flushedAt = performance.now()
    this.#dispatch()
    await this.#backlog.flushed()
    const error = this.#stopped ?? this.#error
    this.#error = undefined
    if (error !== undefined) throw error.reason
  }

  /** Takes no more messages, and flushes. @throws the first error since the last flush */
  async close (): Promise<void> {
    this.#closed = true
    try {
      await this.flush()
    } finally {
      this.#stopping.release()
    }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  #append<T> (messages: ReadonlyArray<NewMessage<Input>>, answer: (offset: number) => T): Promise<T> {
    return handled(new Promise<T>((resolve, reject) => {
      if (this.#stopped !== undefined) throw this.#stopped.reason
      if (this.#closed) throw closedError()
      let text: string
      try {
        if (messages.length === 0) throw new RangeError('messages: expected at least one, got none')
        text = messages.map((message) => this.#format.encode(message)).join(',')
      } catch (error) {
        this.#error ??= { reason: error as Error }
        throw error
      }
      this.#add(text, messages.length, { resolve (offset) { resolve(answer(offset)) }, reject })
    }))
  }

  #add (text: string, messages: number, waiting?: Entry['waiting']): void {
    const round = this.#backlog.add(messages, text.length)
    this.#queue.add({ text, messages, at: performance.now(), round, waiting })
    if (this.#queue.full) this.#dispatch()
    else this.#timer ??= timerOf(this.#options.lingerMs, () => { this.#dispatch() })
  }

  /** Sends batches as long as they are due and there is room on the way. */
  #dispatch (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const room = this.#confirmed ? this.#options.inFlight : 1
    while (this.#stopped === undefined && this.#failedSeq === Infinity && this.#sent.length < room) {
      const entries = this.#returned.shift() ?? this.#takeDue()
      if (entries === undefined) return
      this.#send(new Batch(entries, this.#seq++)).catch(unexpected)
    }
  }

  #takeDue (): readonly Entry[] | undefined {
    const { at } = this.#queue
    if (at === undefined) return undefined
    const inMs = at <= this.#flushedAt ? 0 : at + this.#options.lingerMs - performance.now()
    // A timer may fire a part of a millisecond early.
    if (this.#queue.full || inMs < 1) return this.#queue.take()
    this.#timer = timerOf(inMs, () => { this.#dispatch() })
    return undefined
  }

  async #send (batch: Batch): Promise<void> {
    this.#sent.push(batch)
    const outcome = await this.#deliver(batch)
    this.#end(batch, outcome)
    if (outcome.kind === 'stored') {
      this.#confirmed = true
      this.#mayTakeOver = false
    } else {
      this.#fail(batch, outcome)
    }
    if (this.#failedSeq === Infinity) {
      // One that was stored out of turn keeps its place: the service knows only so many seqs back.
      while (this.#sent[0]?.outcome !== undefined) this.#sent.shift()
    } else if (this.#sent.every(({ outcome }) => outcome !== undefined)) {
      this.#beginEpoch()
    }
    // Also if the last batch was stored while the signal came.
    if (this.#stopped !== undefined && this.#sent.length === 0) this.#rejectWaiting()
    this.#dispatch()
  }

  #end (batch: Batch, outcome: Outcome): void {
    batch.end(outcome)
    if (outcome.kind === 'stored') {
      let { offset } = outcome
      for (const { messages, waiting } of batch.entries) {
        waiting?.resolve(offset)
        offset += messages
      }
      this.#backlog.remove(batch.entries)
    }
    if (outcome.kind === 'failed') this.#reject(batch.entries, outcome.error)
  }

  #reject (entries: readonly Entry[], error: unknown): void {
    if (entries.length > 0) this.#error ??= { reason: error as Error }
    for (const { waiting } of entries) waiting?.reject(error)
    this.#backlog.remove(entries)
  }

  #fail (batch: Batch, outcome: Outcome): void {
    this.#failedSeq = Math.min(this.#failedSeq, batch.seq)
    for (const { seq, wake } of this.#sent) if (seq > this.#failedSeq) wake.abort()
    if (outcome.kind === 'failed' && this.#options.stopOnError) this.#stop(outcome.error)
  }

  /** All batches of the old epoch have an outcome. Those that were not stored go on, in their order. */
  #beginEpoch (): void {
    const unknown = this.#sent.find(({ outcome, unknown }) => outcome?.kind === 'failed' && unknown)
    const again: Array<readonly Entry[]> = []
    for (const batch of this.#sent) {
      const { kind } = batch.outcome!
      if (kind === 'refused') again.push(...batch.halves())
      if (kind !== 'returned') continue
      if (!batch.unknown || unknown === undefined) again.push(batch.entries)
      // What the service may have stored of the batch before lets it store this one, too.
      else this.#end(batch, { kind: 'failed', error: afterUnknown() })
    }
    this.#returned = [...again, ...this.#returned]
    this.#sent = []
    this.#epoch++
    this.#seq = 0
    this.#confirmed = this.#mayTakeOver = false
    this.#failedSeq = Infinity
  }

  /** Sends a batch until its outcome is known, or its time is over. */
  async #deliver (batch: Batch): Promise<Outcome> {
    const endsAt = batch.at + this.#options.deliveryTimeoutMs
    let error: StreamsError | undefined
    for (let attempt = 1, gaps = 0; ; attempt++) {
      if (endsAt - performance.now() < minimalMs) return { kind: 'failed', error: error ?? tooLate() }
      const result = await append(this.#transport, this.#path, batch.body(this.id, this.#epoch), {
        signal: this.#stopping.controller.signal, attempt, timeoutMs: endsAt - performance.now()
      })
      if (typeof result === 'number') return { kind: 'stored', offset: result }
      if (!(result instanceof StreamsError)) return { kind: 'failed', error: result }
      const refusal = refusalOf(result)
      // An attempt without an answer was refused, too.
      batch.unknown = refusal !== 'always' && (batch.unknown || result.written === 'unknown')
      const gap = result.code === 'producer_gap'
      // A gap is about the batch before, so it does not hide an error of this one.
      if (!gap || error === undefined) error = batch.unknown ? result.withWritten('unknown') : result
      if (this.#stopped !== undefined) return { kind: 'failed', error: withOutcome(this.#stopped.reason, batch.unknown) }
      if (batch.seq > this.#failedSeq) return { kind: 'returned' }
      if (result.code === 'producer_fenced' && this.#takeOver(batch, result)) continue
      if (refusal !== undefined) return batch.unknown || batch.entries.length === 1 ? { kind: 'failed', error } : { kind: 'refused' }
      // The service has forgotten what it acknowledged: it is another one, or the topic was deleted.
      if (gap && this.#before(batch) === undefined && ++gaps > 2) return batch.unknown ? { kind: 'failed', error } : { kind: 'returned' }
      if (!mayRepeat({}, result)) {
        this.#stop(error)
        return { kind: 'failed', error }
      }
      const delayMs = this.#transport.pause(result, attempt)
      if (performance.now() + delayMs >= endsAt) return { kind: 'failed', error }
      if (!gap) this.#transport.hooks.onRetry({ operation: 'produce', attempt, error, delayMs })
      const pause = sleep(delayMs, batch.wake.signal).catch(() => {})
      await (gap ? Promise.race([this.#before(batch)?.finished ?? pause, pause]) : pause)
    }
  }

  /** The batch that has to be stored before, if its outcome is still open. */
  #before (batch: Batch): Batch | undefined {
    const before = this.#sent[this.#sent.indexOf(batch) - 1]
    return before?.outcome === undefined ? before : undefined
  }

  /** Whoever begins last goes on, even if its clock is behind. */
  #takeOver ({ unknown }: Batch, { problem }: StreamsError): boolean {
    const { epoch } = problem
    if (!this.#mayTakeOver || unknown || this.#confirmed || typeof epoch !== 'number') return false
    this.#mayTakeOver = false
    this.#epoch = epoch + 1
    return true
  }

  #stop (cause: unknown): void {
    if (this.#stopped !== undefined) return
    // Whatever a signal has for a reason.
    const reason = cause as Error
    this.#stopped = { reason }
    for (const { wake } of this.#sent) wake.abort()
    clearTimeout(this.#timer)
    if (this.#sent.length === 0) this.#rejectWaiting()
    this.#backlog.stop(reason)
  }

  /** What was never sent, or was not stored, will not be. */
  #rejectWaiting (): void {
    const entries = [...this.#returned.flat(), ...this.#queue.takeAll()]
    this.#returned = []
    this.#reject(entries, withOutcome(this.#stopped!.reason, false))
  }
}
