import { errorOf, messageOf, StreamsError, type Written } from './errors.ts'
import type { CallOptions, ClientOptions, Hooks, RequestInfo } from './options.ts'
import { childOf, pauseOf, sleep, timerOf, unexpected } from './waiting.ts'

/** A request of one operation. */
export interface Call {
  /** Its id in the OpenAPI document. */
  readonly operation: string
  /** By default `GET`. */
  readonly method?: 'DELETE' | 'GET' | 'POST' | 'PUT'
  /** Below the service's URL; its parts are encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** JSON. */
  readonly body?: string | undefined
  /** Whether it has the same effect once and several times, so that it can be sent again after a lost answer. By default it has. */
  readonly repeatable?: boolean
  /** Its errors say whether messages were written. */
  readonly appends?: boolean
  /** Of one attempt, in ms, beyond the client's own: the time that a long poll asks the service to wait. */
  readonly waitMs?: number
}

/** Shorter bodies do not get shorter. */
const compressedMin = 1_000

type Read<T> = (response: Response, watch: Watch) => Promise<T>

/** The time limit of an attempt, for what reads a body for longer than an attempt takes. */
export interface Watch {
  /** Aborts when the attempt has taken too long. */
  readonly signal: AbortSignal
  /** Sets the time that is left. */
  restart (ms: number): void
  stop (): void
}

/** Sends requests, with retries. */
export class Transport {
  readonly hooks: Hooks & Required<Pick<Hooks, 'onResponse' | 'onRetry'>>
  readonly timeoutMs: number
  readonly attemptTimeoutMs: number
  readonly retry: { readonly attempts: number, readonly baseMs: number, readonly maxMs: number }
  readonly #url: string
  readonly #fetch: typeof globalThis.fetch
  readonly #token: ClientOptions['token']
  readonly #headers: Readonly<Record<string, string>>
  readonly #compression: ClientOptions['compression']

  constructor (options: ClientOptions) {
    const { url, token, fetch, headers = {}, retry, timeoutMs = 60_000, attemptTimeoutMs = 30_000, hooks = {} } = options
    const { hostname } = new URL(url)
    this.#url = new URL(url).href.replace(/\/+$/, '')
    this.#token = token
    // Not the function itself: Workers and browsers want it called on their global object.
    this.#fetch = fetch ?? ((input, init) => globalThis.fetch(input, init))
    this.#compression = options.compression
    // Where nothing is sent over a network, compression only costs. Browsers ignore this header.
    const local = /^(localhost|127\..*|\[::1\])$/.test(hostname) && this.#compression === undefined
    this.#headers = local || this.#compression === 'none' ? { 'accept-encoding': 'identity', ...headers } : headers
    // Producers, followers and workers, which go on all the same, pause between.
    this.retry = { attempts: retry === false ? 1 : Infinity, baseMs: 100, maxMs: 5_000, ...retry }
    this.timeoutMs = timeoutMs
    this.attemptTimeoutMs = attemptTimeoutMs
    this.hooks = {
      ...hooks,
      onResponse: safely((response) => hooks.onResponse?.(response)),
      onRetry: safely((retry) => hooks.onRetry?.(retry))
    }
  }

  /**
   * Sends until there is an answer that stays. The body is read within the attempt, so that a cut answer is asked for again.
   * @throws StreamsError @throws the reason of the signal
   */
  async send<T> (call: Call, read: Read<T>, { signal, timeoutMs = this.timeoutMs }: CallOptions = {}): Promise<T> {
    const endsAt = performance.now() + timeoutMs + (call.waitMs ?? 0)
    let written: Written | undefined
    let lost = false
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(call, read, { signal, attempt, timeoutMs: endsAt - performance.now() })
      } catch (caught) {
        let error = caught
        if (!(error instanceof StreamsError)) throw error
        // What an attempt without an answer has deleted is not there any more.
        if (lost && call.method === 'DELETE' && error.status === 404) return undefined as T
        lost ||= error.status === undefined && error.code !== 'no_token'
        // A later attempt that says `no` speaks of itself only.
        if (written === 'unknown' && error.written === 'no') error = error.withWritten('unknown')
        written = (error as StreamsError).written
        const delayMs = this.pause(error as StreamsError, attempt)
        const again = attempt < this.retry.attempts && mayRepeat(call, caught as StreamsError)
        if (!again || performance.now() + delayMs >= endsAt) throw error
        this.hooks.onRetry({ operation: call.operation, attempt, error: error as StreamsError, delayMs })
        await sleep(delayMs, signal)
      }
    }
  }

  /** The pause after a failed attempt, at least as long as the service asked. */
  pause ({ retryAfterMs = 0 }: StreamsError, attempt: number): number {
    return retryAfterMs + pauseOf(this.retry, attempt)
  }

  /** Sends once. @throws StreamsError @throws the reason of the signal */
  async once<T> (
    call: Call, read: Read<T>, { signal, attempt = 1, timeoutMs = Infinity }: CallOptions & { attempt?: number } = {}
  ): Promise<T> {
    signal?.throwIfAborted()
    const { appends = false } = call
    // Before the attempt: what hooks throw, or a header that cannot be sent, is no error of the connection.
    const request = await this.#prepare(call, attempt)
    const { controller, release } = childOf(signal)
    const limitMs = Math.min(this.attemptTimeoutMs + (call.waitMs ?? 0), timeoutMs)
    const watch = watchOf(controller, limitMs)
    try {
      const response = await this.#fetchOnce(request, call.body, controller.signal)
      if (!response.ok) throw await errorOf(response, appends)
      return await read(response, watch)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof StreamsError) throw error
      const written = appends ? 'unknown' as const : undefined
      if (controller.signal.aborted) {
        throw new StreamsError(`${call.operation}: no answer in time`, { code: 'timeout', retriable: true, written, cause: error })
      }
      // The page of something in between; an answer that was cut is an error of the connection.
      const code = error instanceof SyntaxError ? 'invalid_answer' : 'no_answer'
      const reason = String(error instanceof Error ? error.cause ?? error : error)
      throw new StreamsError(`${call.operation}: ${code}: ${reason}`, { code, retriable: true, written, cause: error })
    } finally {
      watch.stop()
      release()
    }
  }

  async #prepare (call: Call, attempt: number): Promise<RequestInfo> {
    const { operation, method = 'GET', path, query = {}, body, appends } = call
    const url = new URL(this.#url + path)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
    const headers = new Headers(this.#headers)
    if (body !== undefined) headers.set('content-type', 'application/json')
    for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers.set(name, value)
    const token = await this.#tokenOf(appends)
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    const request: RequestInfo = { operation, method, url: url.href, headers, attempt }
    await this.hooks.onRequest?.(request)
    return request
  }

  /** @throws StreamsError `no_token`: where tokens come from may be down for a while */
  async #tokenOf (appends = false): Promise<string | undefined> {
    try {
      return typeof this.#token === 'function' ? await this.#token() : this.#token
    } catch (cause) {
      throw new StreamsError(`token: ${messageOf(cause)}`, { code: 'no_token', retriable: true, ...appends && { written: 'no' }, cause })
    }
  }

  async #fetchOnce (request: RequestInfo, body: string | undefined, signal: AbortSignal): Promise<Response> {
    const { method, url, headers } = request
    const startedAt = performance.now()
    const init: RequestInit = { method, headers, signal, redirect: 'manual' }
    if (body !== undefined) init.body = body
    if (this.#compression === 'gzip' && body !== undefined && body.length >= compressedMin) {
      headers.set('content-encoding', 'gzip')
      init.body = await gzip(body)
    }
    const response = await this.#fetch(url, init)
    const { status } = response
    const requestId = response.headers.get('x-request-id') ?? undefined
    this.hooks.onResponse({ ...request, status, ms: performance.now() - startedAt, requestId })
    return response
  }
}

/** Whether the call can be sent again after the error of one attempt. */
export function mayRepeat ({ repeatable = true }: Pick<Call, 'repeatable'>, error: StreamsError): boolean {
  const { code, status, retriable, written, applied } = error
  // It lasts as long as other workers take.
  if (code === 'group_busy') return false
  const known = status !== undefined && code !== 'invalid_answer' && written !== 'unknown' && applied !== 'unknown'
  if (!known && !repeatable && code !== 'no_token') return false
  // Of an append whose outcome is not known, only a repetition tells.
  return retriable || (written === 'unknown' && (status ?? 0) >= 500)
}

/** What an observer throws is a defect of the program, not of the request: it becomes an uncaught exception. */
function safely<T> (observe: (event: T) => void): (event: T) => void {
  return (event) => {
    try {
      observe(event)
    } catch (error) {
      unexpected(error)
    }
  }
}

function watchOf (controller: AbortController, limitMs: number): Watch {
  const abort = (): void => { controller.abort() }
  let timer: ReturnType<typeof setTimeout> | undefined
  const watch: Watch = {
    signal: controller.signal,
    restart (ms) {
      clearTimeout(timer)
      timer = timerOf(ms, abort)
    },
    stop () { clearTimeout(timer) }
  }
  watch.restart(limitMs)
  return watch
}

function gzip (text: string): Promise<ArrayBuffer> {
  return new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
}

/** A path below the service's URL. */
export function pathOf (...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('')
}

/** Reads an answer within its attempt. @throws SyntaxError which becomes an `invalid_answer` */
export async function jsonOf<T> (response: Response): Promise<T> {
  return JSON.parse(await response.text()) as T
}
