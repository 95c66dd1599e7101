import { Readable, type Writable } from 'node:stream'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { type Follower, messagesOf, type Page } from '../../../domain/log/log.ts'
import type { Hold } from '../bounds/memory-budget.ts'
import { errorKinds, toProblem } from '../problem.ts'

/*
 * A stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
 *
 *   retry: MS LF id: N LF LF              at the beginning; N is the offset before the requested one, so that a client
 *                                         that has received nothing else resumes at the same offset
 *   id: OFFSET LF data: LINE LF LF        a message, in its wire form, which is one line
 *   : LF LF                               a heartbeat
 *   event: closed LF id: N LF data: {"next_offset":N+1} LF LF
 *                                         the last event at the end of a closed topic
 *   event: problem LF data: JSON LF LF    the last event of a stream that cannot go on
 */

/** Limits that a platform sets on a stream. The stream ends gracefully before them, and its client resumes. */
export interface StreamBounds {
  readonly bytes: number
  /**
   * True where the platform delivers a response only when it is complete (buffered Lambda): the stream then ends as soon as
   * it has messages.
   */
  readonly buffered: boolean
}

export interface EventStreamOptions {
  readonly limits: Limits
  readonly follower: Follower
  /** The offset at which the follower begins. */
  readonly from: number
  /** When the stream ends gracefully, in ms of `performance.now`. */
  readonly endsAt: number
  readonly bounds: StreamBounds | undefined
  /** The response to write to, and the memory that is held for it. */
  readonly client: { readonly hold: Hold, readonly raw: Writable }
  /** Called with every page that is sent. */
  readonly onPage: (page: Page) => void
  /** Called with the error that ends the stream. */
  readonly onError: (error: LogError) => void
}

/**
 * A stream of server-sent events. It reads messages only when the client has received the ones before, so a slow client costs
 * two pages of memory. If there is no memory for a page, the stream ends, and its client resumes later.
 */
export class EventStream extends Readable {
  readonly #options: EventStreamOptions
  /** Size of one page of the stream, and the most memory for a client that has stopped reading. */
  readonly #pageSize: { readonly limit: number, readonly maxBytes: number }
  #opening: Buffer | undefined
  /** The offset after which the client would resume. */
  #id: number
  #failure: LogError | undefined
  #fetching = false
  #ended = false
  #endsAt: number
  #bytes = 0

  constructor (options: EventStreamOptions) {
    super({ highWaterMark: 1 })
    const { limits: { pageMessagesMax, streamPageBytes } } = options
    this.#options = options
    this.#pageSize = { limit: pageMessagesMax, maxBytes: streamPageBytes }
    this.#endsAt = options.endsAt
    this.#id = options.from - 1
  }

  /**
   * Reads the messages that are already there. To be called before the stream is read.
   * @param timeoutMs the time until the client must have the beginning of the stream
   * @returns false if the topic is closed and ends where the stream begins
   * @throws LogError
   */
  async open (timeoutMs = Infinity): Promise<boolean> {
    const { follower, limits } = this.#options
    const opening = `retry: ${limits.streamRetryMs}\nid: ${this.#id}\n\n`
    const page = await follower.next(this.#pageSize, 0, timeoutMs)
    this.#opening = Buffer.concat([Buffer.from(opening), this.#take(page)])
    const { hold, raw } = this.#options.client
    raw.on('drain', () => { hold.resize(0) })
    return !page.closed || page.count > 0
  }

  /** Ends the stream with this error: it sends no more messages. */
  fail (error: LogError): void {
    this.#failure = error
    this.#options.follower.close()
  }

  override _read (): void {
    if (this.#opening !== undefined) {
      const opening = this.#opening
      this.#opening = undefined
      this.push(opening)
      return
    }
    if (this.#fetching) return
    this.#fetching = true
    this.#next().then((bytes) => {
      this.#fetching = false
      if (!this.destroyed) this.push(bytes)
    }, (error: unknown) => { this.destroy(error as Error) })
  }

  /** @returns the next bytes; `null` at the end */
  async #next (): Promise<Buffer | null> {
    const { follower, limits } = this.#options
    if (this.#ended) return null
    if (this.#failure !== undefined) return this.#problem(this.#failure)
    this.#holdUnsent()
    const left = Math.max(0, this.#endsAt - performance.now())
    try {
      const page = await follower.next(this.#pageSize, Math.min(limits.heartbeatMs, left))
      // While it was read, the stream may have been ended.
      if (this.#failure !== undefined) return this.#problem(this.#failure)
      if (page.count > 0 || page.closed) return this.#mayTake(page) ? this.#take(page) : null
      return follower.closed || performance.now() >= this.#endsAt ? null : this.#heartbeat()
    } catch (error) {
      const known = error instanceof LogError ? error : new LogError('internal', 'The stream could not be continued.', { cause: error })
      if (errorKinds[known.code].retriable && left > limits.streamRetryMs) {
        // If the stream ended, an EventSource would reconnect, and give up if the response is not a 200.
        await new Promise((resolve) => { setTimeout(resolve, limits.streamRetryMs) })
        return this.#heartbeat()
      }
      return this.#problem(known)
    }
  }

  #problem (error: LogError): Buffer {
    this.#options.onError(error)
    this.#ended = true
    return Buffer.from(`event: problem\ndata: ${JSON.stringify(toProblem(error))}\n\n`)
  }

  #holdUnsent (): void {
    const { hold, raw } = this.#options.client
    if (hold.bytes === 0 && raw.writableLength > 0) hold.awaitClient(() => { raw.destroy() })
    hold.resize(raw.writableLength)
  }

  /** Whether there is room for the page. It needs none if the client has received everything before it. */
  #mayTake (page: Page): boolean {
    const { bounds, client: { hold } } = this.#options
    const { length } = eventsOf(page)
    if (this.#bytes + length > (bounds?.bytes ?? Infinity)) return false
    this.#holdUnsent()
    return hold.bytes === 0 || hold.tryAdd(length)
  }

  #take (page: Page): Buffer {
    const last = page.runs.at(-1)
    if (last !== undefined) this.#id = last.first + last.stop - last.start - 1
    this.#options.onPage(page)
    const bytes = page.closed ? Buffer.concat([eventsOf(page), this.#closed(page)]) : eventsOf(page)
    this.#bytes += bytes.length
    // The client gets the response only at its end, so the stream ends now; messages that are already there are still sent.
    if (this.#options.bounds?.buffered === true && page.count > 0) this.#endsAt = 0
    return bytes
  }

  /** The stream ends. Its client gets 204 when it comes again, and then stays away. */
  #closed ({ nextOffset }: Page): Buffer {
    this.#ended = true
    this.#id = nextOffset - 1
    return Buffer.from(`event: closed\nid: ${this.#id}\ndata: {"next_offset":${nextOffset}}\n\n`)
  }

  /** Has an `id` if sealed offsets were passed, so that a client that resumes does not read them again. */
  #heartbeat (): Buffer {
    const { position } = this.#options.follower
    const moved = this.#id < position - 1
    this.#id = position - 1
    return Buffer.from(moved ? `:\nid: ${this.#id}\n\n` : ':\n\n')
  }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    this.#options.follower.close()
    callback(error)
  }
}

/** Encoded pages by their runs, which followers at the same offset share. */
const encoded = new WeakMap<Page['runs'], Buffer>()

function eventsOf (page: Page): Buffer {
  let bytes = encoded.get(page.runs)
  if (bytes === undefined) {
    bytes = encode(page)
    encoded.set(page.runs, bytes)
  }
  return bytes
}

function encode (page: Page): Buffer {
  const parts: Uint8Array[] = []
  for (const { offset, line } of messagesOf(page)) parts.push(Buffer.from(`id: ${offset}\ndata: `, 'latin1'), line, eventEnd)
  return Buffer.concat(parts)
}

const eventEnd = Buffer.from('\n\n')
