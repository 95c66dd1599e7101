import { type AppendedBatch, type NewMessage, StreamsError } from '../../clients/typescript/src/index.ts'
import { mayRepeat } from '../../clients/typescript/src/transport.ts'
import { pauseOf, sleep } from '../../clients/typescript/src/waiting.ts'

/** Messages that are stored together, under one seq. */
export interface SequencedBatch {
  readonly seq: number
  readonly messages: ReadonlyArray<NewMessage<string>>
}

/** `undefined`: it was stored so long ago that the service does not know where. */
export type Stored = AppendedBatch | undefined

export interface SequenceOptions<Batch extends SequencedBatch> {
  /** One attempt. */
  readonly append: (batch: Batch) => Promise<AppendedBatch>
  /** Called in the order of the seqs. */
  readonly onStored: (batch: Batch, stored: Stored) => void
  /** How long one batch is tried, in ms. */
  readonly deliveryMs: number
  /** Ends retries. */
  readonly signal: AbortSignal
  readonly onRetry?: (error: StreamsError, delayMs: number) => void
}

/** As many as the service takes of one producer. */
const windowMax = 5

/**
 * Appends batches with the seqs of a producer, several on their way, each stored once and all in order. Unlike the client's producer, it
 * never changes what belongs to a seq, so that another process can go on where this one was killed.
 */
export class Sequence<Batch extends SequencedBatch> {
  readonly #options: SequenceOptions<Batch>
  #open: Array<{ readonly batch: Batch, readonly outcome: Promise<Stored>, readonly handled: Promise<void> }> = []
  #confirmed = false
  #error: { readonly reason: unknown } | undefined

  constructor (options: SequenceOptions<Batch>) {
    this.#options = options
  }

  /** Waits for room, and sends. @throws the error of an earlier batch */
  async add (batch: Batch): Promise<void> {
    // Until the first is stored there is one at a time, so that a gap means that the service has forgotten what was before.
    while (this.#open.length >= (this.#confirmed ? windowMax : 1)) await this.#open[0]!.handled
    this.#throwIfFailed()
    const before = this.#open.at(-1)
    const outcome = this.#deliver(batch, before?.outcome)
    // Its turn to be handled may come later than its failure.
    outcome.catch(() => {})
    const handled = (before?.handled ?? Promise.resolve()).then(() => this.#handle(batch, outcome))
    this.#open.push({ batch, outcome, handled })
  }

  /** Resolves when all batches are stored. @throws the first error */
  async finish (): Promise<void> {
    await this.#open.at(-1)?.handled
    this.#throwIfFailed()
  }

  async #handle (batch: Batch, outcome: Promise<Stored>): Promise<void> {
    try {
      const stored = await outcome
      if (this.#error !== undefined) return
      this.#confirmed = true
      this.#options.onStored(batch, stored)
    } catch (reason) {
      this.#error ??= { reason }
    } finally {
      this.#open = this.#open.filter((open) => open.batch !== batch)
    }
  }

  #throwIfFailed (): void {
    if (this.#error !== undefined) throw this.#error.reason
  }

  async #deliver (batch: Batch, before: Promise<Stored> | undefined): Promise<Stored> {
    const { deliveryMs, signal, onRetry } = this.#options
    const endsAt = performance.now() + deliveryMs
    let unknown = false
    for (let attempt = 1, gaps = 0; ; attempt++) {
      try {
        return await this.#options.append(batch)
      } catch (error) {
        if (!(error instanceof StreamsError)) throw error
        // A later batch of this producer was stored, so this one was, too: they are stored in order.
        if (error.code === 'producer_seq_old') return undefined
        unknown ||= error.written === 'unknown'
        const failed = unknown && error.written === 'no' && error.code !== 'producer_gap' ? error.withWritten('unknown') : error
        const gap = error.code === 'producer_gap'
        if (gap) await before
        if (gap && ++gaps > 3) throw failed
        const delayMs = gap ? 10 : (error.retryAfterMs ?? 0) + pauseOf({ baseMs: 100, maxMs: 5_000 }, attempt)
        if (!mayRepeat({ repeatable: true }, error) || performance.now() + delayMs >= endsAt) throw failed
        if (!gap) onRetry?.(failed, delayMs)
        await sleep(delayMs, signal)
      }
    }
  }
}
