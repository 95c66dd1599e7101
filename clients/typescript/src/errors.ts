/** Whether messages of a failed append are in the topic. */
export type Written = 'no' | 'unknown'

/** Codes of the service are on its page `/docs/errors`. These are the client's own. */
export type ClientErrorCode =
  /** The connection could not be made, or broke before the whole answer had arrived. */
  | 'no_answer'
  /** There was no answer within `attemptTimeoutMs` or `timeoutMs`. */
  | 'timeout'
  /** The function `token` has thrown: nothing was sent. */
  | 'no_token'
  /** The answer is not one of the service: often a proxy's own page. */
  | 'invalid_answer'
  /** Following with `transport: 'sse'`: something between holds the stream back, or answers something else. */
  | 'held_back'
  /** A payload does not fit the schema, or is no JSON value. */
  | 'invalid_payload'
  /** `append` after `close`. */
  | 'producer_closed'
  /** The handler of a group took longer than `handlerTimeoutMs`. */
  | 'handler_timeout'

export interface StreamsErrorOptions {
  readonly code: string
  readonly status?: number | undefined
  readonly retriable?: boolean | undefined
  readonly written?: Written | undefined
  readonly applied?: 'unknown' | undefined
  readonly retryAfterMs?: number | undefined
  readonly requestId?: string | undefined
  readonly problem?: Readonly<Record<string, unknown>> | undefined
  readonly cause?: unknown
}

/** The one class of all errors that the client throws, apart from the reason of an `AbortSignal`, which is thrown as it is. */
export class StreamsError extends Error {
  override readonly name = 'StreamsError'
  /** Stable, for programs: a code of the service, or one of {@link ClientErrorCode}. */
  declare readonly code: ClientErrorCode | (string & {})
  /** HTTP status; `undefined` if there was no answer. */
  declare readonly status: number | undefined
  /** Whether the same request may succeed later. The client has already tried for `timeoutMs`. */
  declare readonly retriable: boolean
  /** Of failed appends only. `unknown`: the messages may be in the topic, now or later. */
  declare readonly written: Written | undefined
  /** `unknown`: a change of a consumer group may have been made. */
  declare readonly applied: 'unknown' | undefined
  /** What the service asked to wait, in ms. */
  declare readonly retryAfterMs: number | undefined
  /** Under which the service's log has the request. */
  declare readonly requestId: string | undefined
  /** All members of the service's answer, such as `end` of `offset_mismatch`. */
  declare readonly problem: Readonly<Record<string, unknown>>

  constructor (message: string, { cause, retriable = false, problem = {}, ...others }: StreamsErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, others, { retriable, problem })
  }

  /** A copy that says what is known after earlier attempts, too. */
  withWritten (written: Written): StreamsError {
    const { message, cause } = this
    return new StreamsError(message, Object.assign({ cause }, this, { written }))
  }
}

export function hasCode (error: unknown, code: string): error is StreamsError {
  return error instanceof StreamsError && error.code === code
}

/** @param error whatever was thrown */
export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Statuses with which proxies and platforms say that it may work later. */
const passing: ReadonlySet<unknown> = new Set([undefined, 408, 425, 429, 500, 502, 503, 504])

/** @param appends whether the request was an append, which may be stored although its answer is none of the service's */
export async function errorOf (response: Response, appends: boolean): Promise<StreamsError> {
  const { status, headers, type } = response
  // As one that is followed would send the token elsewhere, and make a POST a GET. Browsers do not tell its status.
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel()
    const message = `url: expected the service, got a redirect to ${headers.get('location') ?? 'somewhere else'}`
    return new StreamsError(message, { code: 'invalid_answer', status, ...appends && { written: 'no' } })
  }
  const requestId = headers.get('x-request-id') ?? undefined
  return problemOf(await response.text(), { status, retryAfterMs: retryAfterOf(headers), requestId }, appends)
}

/** @param shared what is known without the text; without a status, it is an event of a stream */
export function problemOf (
  text: string, shared: Pick<StreamsErrorOptions, 'status' | 'retryAfterMs' | 'requestId'>, appends = false
): StreamsError {
  const problem = objectOf(text)
  const { code, detail, status, retriable, written, applied } = problem
  if (typeof code !== 'string') {
    const shown = text.replace(/\s+/g, ' ').slice(0, 200)
    return new StreamsError(`${shared.status ?? 'stream'} without a problem of the service: ${shown || 'an empty body'}`, {
      ...shared, code: 'invalid_answer', retriable: passing.has(shared.status), ...appends && { written: 'unknown' }
    })
  }
  return new StreamsError(typeof detail === 'string' ? detail : code, {
    status: Number(status),
    ...shared,
    code,
    retriable: retriable === true,
    // Errors of HTTP come before a request is known to be an append, and do not say it.
    written: written === 'no' || written === 'unknown' ? written : appends ? 'unknown' : undefined,
    applied: applied === 'unknown' ? applied : undefined,
    problem
  })
}

function objectOf (text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
  } catch {
    return {}
  }
}

/** What a service or a proxy may ask for: workers and followers wait that long. */
const retryAfterMaxMs = 600_000

/** Seconds, or a date. */
function retryAfterOf (headers: Headers): number | undefined {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), retryAfterMaxMs)
}
