import { wholeNumber } from './checks.ts'

export interface ProducerOptions {
  /**
   * Names the program, so that an instance that starts anew shuts out the one before it. By default each producer has an id of its
   * own, and nobody shuts it out.
   */
  readonly id?: string
  /** Above that of every instance before. By default the time, for an `id` of yours. */
  readonly epoch?: number
  /** Messages of one batch, at most 65,536; 1,000 by default. */
  readonly batchMessages?: number
  /** Characters of one batch as JSON, at most 1,398,101, so that they fit into the 4 MiB of a request; 1,000,000 by default. */
  readonly batchChars?: number
  /** How long a batch waits for more messages, in ms; 5 by default. `Infinity`: until it is full, or flushed. */
  readonly lingerMs?: number
  /** Batches on their way at one time, at most and by default 5. */
  readonly inFlight?: number
  /** Messages that are not acknowledged yet, above which `ready` waits; 10,000 by default. */
  readonly bufferMessages?: number
  /** The same in characters as JSON; 16,000,000 by default. */
  readonly bufferChars?: number
  /** How long a message is tried, in ms; 120,000 by default. `Infinity`: for ever. */
  readonly deliveryTimeoutMs?: number
  /**
   * Whether a message that could not be stored stops the producer, so that no later one is stored either. By default it fails alone,
   * and those after it are stored.
   */
  readonly stopOnError?: boolean
  /** Stops the producer at once; what is not acknowledged fails with the signal's reason. To end gracefully, call `close`. */
  readonly signal?: AbortSignal | undefined
}

const windowMax = 5
const batchCharsMax = 1_398_101

export type Settings = Required<Omit<ProducerOptions, 'id' | 'epoch' | 'signal'>>

/** The options with their defaults. @throws RangeError */
export function settingsOf (options: ProducerOptions): Settings {
  const { batchMessages = 1_000, batchChars = 1_000_000, lingerMs = 5, inFlight = windowMax, stopOnError = false } = options
  const { bufferMessages = 10_000, bufferChars = 16_000_000, deliveryTimeoutMs = 120_000 } = options
  return {
    batchMessages: wholeNumber('batchMessages', batchMessages, 1, 65_536),
    batchChars: wholeNumber('batchChars', batchChars, 1, batchCharsMax),
    inFlight: wholeNumber('inFlight', inFlight, 1, windowMax),
    lingerMs,
    bufferMessages,
    bufferChars,
    deliveryTimeoutMs,
    stopOnError
  }
}
