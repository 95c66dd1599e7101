import { hasCode, problemOf, StreamsError } from './errors.ts'
import type { Message } from './messages.ts'
import type { CallOptions } from './options.ts'
import { type Position, type Reader, startOf } from './reading.ts'
import { EventParser, type StreamEvent } from './sse.ts'
import { mayRepeat, type Watch } from './transport.ts'
import { sleep } from './waiting.ts'

export interface FollowOptions {
  /** Where to begin; by default `earliest`. To resume, give the offset after the last message that was handled. */
  readonly from?: Position
  /** Ends the loop, without an error. */
  readonly signal?: AbortSignal | undefined
  /** `auto`: server-sent events, or long polls where something between holds events back. */
  readonly transport?: 'auto' | 'sse' | 'poll'
  /** How long a stream may take to begin before it counts as held back, in ms; 5,000 by default. */
  readonly openMs?: number
  /** How long a stream may be silent, in ms; 35,000 by default: the service sends a heartbeat every 15 seconds. */
  readonly silentMs?: number
}

/** After this time without success, server-sent events are tried again. */
const pollingMs = 300_000

/** The stream does not begin in time, or is none. */
function heldBack (text: string, cause?: unknown): StreamsError {
  return new StreamsError(`consume: ${text}`, { code: 'held_back', retriable: true, cause })
}

/** Follows one topic: existing messages, then new ones, for ever or to the end of a closed topic. */
export class Following<Output> {
  readonly #reader: Reader<Output>
  readonly #options: FollowOptions
  #offset = 0
  #closed = false
  #pollsUntil = 0
  /** Attempts without a success between. */
  #failures = 0

  constructor (reader: Reader<Output>, options: FollowOptions) {
    this.#reader = reader
    this.#options = options
  }

  /** @throws StreamsError if it cannot go on */
  async * messages (): AsyncGenerator<Message<Output>, void, undefined> {
    const { from = 'earliest', signal } = this.#options
    try {
      // Once for all, so that what is written during a reconnection is not passed over.
      this.#offset = await this.#again(async () => this.#reader.resolve(from, { signal })) ?? 0
      while (!this.#closed) yield * this.#attempt()
    } catch (error) {
      // Whoever aborts knows; everything else is an error.
      if (signal?.aborted !== true) throw error
    }
  }

  /** One stream or one poll. Errors that may pass have passed when it returns. */
  async * #attempt (): AsyncGenerator<Message<Output>, void, undefined> {
    const { transport = 'auto' } = this.#options
    if (transport === 'poll' || (transport === 'auto' && performance.now() < this.#pollsUntil)) {
      const page = await this.#again((options) => this.#reader.poll({ ...options, from: this.#offset }))
      if (page === undefined) return
      this.#failures = 0
      this.#closed = page.closed
      for (const message of page.messages) yield this.#passed(message)
      this.#offset = page.nextOffset
      return
    }
    const stream = await this.#again((options) => this.#open(options))
    if (stream === undefined) return
    const before = this.#offset
    const openedAt = performance.now()
    try {
      yield * this.#stream(stream)
    } catch (error) {
      // Where nothing is appended, a stream that lived was a success, too.
      if (performance.now() - openedAt > 60_000) this.#failures = 0
      await this.#failed(error)
      return
    } finally {
      await stream.close()
    }
    // The service or the platform has ended the stream in order. Many clients do not come back at the same moment. Where streams end
    // whenever they have messages, the next ones do not have to wait.
    if (!this.#closed) await sleep(Math.random() * (this.#offset > before ? 100 : 1_000), this.#options.signal)
  }

  /** @returns `undefined` after an error that may pass, and its pause */
  async #again<T> (ask: (options: CallOptions) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await ask({ signal: this.#options.signal })
      } catch (error) {
        await this.#failed(error)
        if (isHeldBack(error)) return undefined
      }
    }
  }

  /** Waits for another attempt. @throws the error, if it stays */
  async #failed (error: unknown): Promise<void> {
    const { transport } = this.#reader
    this.#options.signal?.throwIfAborted()
    if (isHeldBack(error)) {
      if (this.#options.transport === 'sse') throw error
      this.#pollsUntil = performance.now() + pollingMs
      return
    }
    if (!(error instanceof StreamsError) || !mayRepeat({}, error)) throw error
    const delayMs = transport.pause(error, ++this.#failures)
    transport.hooks.onRetry({ operation: 'consume', attempt: this.#failures, error, delayMs })
    await sleep(delayMs, this.#options.signal)
  }

  /** A stream that has begun to flow. */
  async #open ({ signal }: CallOptions): Promise<OpenStream> {
    const { openMs = 5_000 } = this.#options
    const call = {
      operation: 'consume',
      path: this.#reader.path,
      query: startOf(this.#offset),
      headers: { accept: 'text/event-stream' }
    } as const
    return new Promise((resolve, reject) => {
      // The attempt goes on as long as the stream, and takes its time limit from what flows.
      this.#reader.transport.once(call, (response, watch) => {
        return OpenStream.begin(response, watch, resolve, openMs)
      }, { signal, timeoutMs: openMs }).catch((error: unknown) => {
        const late = hasCode(error, 'timeout')
        reject(late ? heldBack('the stream did not begin in time', error) : error as Error)
      })
    })
  }

  async * #stream (stream: OpenStream): AsyncGenerator<Message<Output>, void, undefined> {
    const { silentMs = 35_000 } = this.#options
    for (;;) {
      const events = await stream.next(silentMs)
      if (events === undefined) return
      for (const { event, id, data } of events) {
        if (event === 'problem') throw problemOf(data ?? '', {})
        if (data !== undefined && event === undefined) {
          const message = this.#reader.format.decode(data)
          // A proxy that repeats a part of a stream must not repeat messages.
          if (message.offset < this.#offset) continue
          yield this.#passed(message)
        } else if (Number(id) >= this.#offset) {
          this.#moved(Number(id) + 1)
        }
        if (event === 'closed') {
          this.#closed = true
          return
        }
      }
    }
  }

  /** @throws the reason of the signal */
  #passed (message: Message<Output>): Message<Output> {
    this.#options.signal?.throwIfAborted()
    this.#moved(message.offset + 1)
    return message
  }

  /** Only that is a success: a stream may begin just to say that something failed. */
  #moved (offset: number): void {
    this.#offset = offset
    this.#failures = 0
  }
}

/** The body of a stream, and what keeps its request alive. */
class OpenStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #watch: Watch
  readonly #parser = new EventParser()
  readonly #end: () => void
  #first: Uint8Array | undefined

  private constructor (reader: ReadableStreamDefaultReader<Uint8Array>, watch: Watch, first: Uint8Array | undefined, end: () => void) {
    this.#reader = reader
    this.#watch = watch
    this.#first = first
    this.#end = end
  }

  /** Waits for the first bytes, which come at once unless something holds them back; then gives the stream, and waits for its end. */
  static async begin (response: Response, watch: Watch, give: (stream: OpenStream) => void, openMs: number): Promise<void> {
    const type = response.headers.get('content-type') ?? ''
    if (response.status !== 204 && !type.startsWith('text/event-stream')) {
      await response.body?.cancel()
      throw heldBack(`expected text/event-stream, got ${type}`)
    }
    const reader = (response.body ?? new Blob([]).stream()).getReader()
    watch.restart(openMs)
    const { value } = await reader.read()
    watch.stop()
    await new Promise<void>((resolve) => { give(new OpenStream(reader, watch, value, resolve)) })
  }

  /** @returns the next events; `undefined` at the end of the stream @throws StreamsError if it breaks, or is silent for too long */
  async next (silentMs: number): Promise<StreamEvent[] | undefined> {
    let bytes = this.#first
    this.#first = undefined
    if (bytes === undefined) {
      this.#watch.restart(silentMs)
      try {
        bytes = (await this.#reader.read()).value
      } catch (cause) {
        throw new StreamsError('consume: the stream broke', { code: 'no_answer', retriable: true, cause })
      } finally {
        // A slow handler is not the stream's silence.
        this.#watch.stop()
      }
    }
    return bytes === undefined ? undefined : this.#parser.push(bytes)
  }

  async close (): Promise<void> {
    await this.#reader.cancel().catch(() => {})
    this.#end()
  }
}

function isHeldBack (error: unknown): boolean {
  return hasCode(error, 'held_back')
}
