import type { Round } from './backlog.ts'
import { StreamsError } from './errors.ts'
import { jsonOf, type Transport } from './transport.ts'

/** One append to a producer: one message, or several that stay together. */
export interface Entry {
  /** Its messages as JSON, joined by commas. */
  readonly text: string
  readonly messages: number
  /** When it was appended, in ms of `performance.now`. */
  readonly at: number
  readonly round: Round
  /** Absent if nobody waits for the outcome. */
  readonly waiting?: { readonly resolve: (firstOffset: number) => void, readonly reject: (error: unknown) => void } | undefined
}

/**
 * How the delivery of a batch ended. `refused`: something in it, so that its halves are tried. `returned`: the batch before it
 * failed, so it was not stored, and can be sent again under another seq.
 */
export type Outcome =
  | { readonly kind: 'stored', readonly offset: number }
  | { readonly kind: 'failed', readonly error: unknown }
  | { readonly kind: 'refused' | 'returned' }

/** Entries that are sent as one append, under one seq. */
export class Batch {
  readonly entries: readonly Entry[]
  readonly seq: number
  readonly #text: string
  /** An attempt had no answer, or one that does not say whether the messages are stored. */
  unknown = false
  outcome: Outcome | undefined
  /** Ends a pause between attempts. */
  readonly wake = new AbortController()
  #finish = (): void => {}
  readonly finished = new Promise<void>((resolve) => { this.#finish = resolve })

  constructor (entries: readonly Entry[], seq: number) {
    this.entries = entries
    this.seq = seq
    this.#text = entries.map(({ text }) => text).join(',')
  }

  /** The same for all attempts, as the service compares them. */
  body (id: string, epoch: number): string {
    return `{"producer":${JSON.stringify({ id, epoch, seq: this.seq })},"messages":[${this.#text}]}`
  }

  /** When its oldest entry was appended. */
  get at (): number { return this.entries[0]!.at }

  end (outcome: Outcome): void {
    this.outcome = outcome
    this.#finish()
  }

  halves (): Array<readonly Entry[]> {
    const middle = this.entries.length >> 1
    return [this.entries.slice(0, middle), this.entries.slice(middle)]
  }
}

const fixedCodes: ReadonlySet<string> = new Set(['invalid_request', 'malformed_json', 'invalid_encoding', 'body_too_large'])

/**
 * Whether it is something in the messages themselves, so that others are not concerned. `always`: the same messages were never and will
 * never be stored. `now`: by the topic's config, which may have been another one at an earlier attempt.
 */
export function refusalOf ({ code, written }: StreamsError): 'always' | 'now' | undefined {
  if (written !== 'no') return undefined
  return fixedCodes.has(code) ? 'always' : code === 'message_too_large' ? 'now' : undefined
}

/** Entries that wait to be sent. */
export class EntryQueue {
  readonly #messagesMax: number
  readonly #charsMax: number
  #entries: Entry[] = []
  #messages = 0
  #chars = 0

  constructor (messagesMax: number, charsMax: number) {
    this.#messagesMax = messagesMax
    this.#charsMax = charsMax
  }

  /** When the oldest was appended. */
  get at (): number | undefined { return this.#entries[0]?.at }

  /** There is enough for a batch. */
  get full (): boolean { return this.#messages >= this.#messagesMax || this.#chars >= this.#charsMax }

  add (entry: Entry): void {
    this.#entries.push(entry)
    this.#messages += entry.messages
    this.#chars += entry.text.length
  }

  /** The entries of the next batch; at least one. */
  take (): readonly Entry[] {
    let messages = 0
    let chars = 0
    let count = 0
    for (const entry of this.#entries) {
      if (count > 0 && (messages + entry.messages > this.#messagesMax || chars + entry.text.length > this.#charsMax)) break
      messages += entry.messages
      chars += entry.text.length
      count++
    }
    this.#messages -= messages
    this.#chars -= chars
    return this.#entries.splice(0, count)
  }

  takeAll (): readonly Entry[] {
    const entries = this.#entries
    this.#entries = []
    this.#messages = this.#chars = 0
    return entries
  }
}

/** A rejection that nobody awaits is not the end of the process: `flush` and `close` tell of it. */
export function handled<T> (promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Sends a batch once. @returns the first offset, or the error */
export async function append (
  transport: Transport, path: string, body: string, options: Parameters<Transport['once']>[2]
): Promise<unknown> {
  try {
    const call = { operation: 'produce', method: 'POST', path, body, appends: true } as const
    return (await transport.once(call, jsonOf<{ offset: number }>, options)).offset
  } catch (error) {
    return error
  }
}

/** A batch that was never sent: it had to wait for others for all of its time. */
export function tooLate (): StreamsError {
  return new StreamsError('produce: no time was left to send it', { code: 'timeout', retriable: true, written: 'no' })
}

export function closedError (): StreamsError {
  return new StreamsError('append: the producer is closed', { code: 'producer_closed', written: 'no' })
}

export function afterUnknown (): StreamsError {
  return new StreamsError('The batch before failed, and may be stored', {
    code: 'no_answer', retriable: true, written: 'unknown'
  })
}

/** The reason of a stop, as the error of other messages. */
export function withOutcome (reason: unknown, unknown: boolean): unknown {
  return reason instanceof StreamsError ? reason.withWritten(unknown ? 'unknown' : 'no') : reason
}
