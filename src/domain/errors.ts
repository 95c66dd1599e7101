/**
 * All errors that a caller can get: the stable `code`, the HTTP status, whether the same request may succeed later, and
 * the title. docs/errors.md is checked against this table.
 */
export const errorTable = {
  malformed_request: { status: 400, retriable: false, title: 'The request is not valid HTTP' },
  missing_body: { status: 400, retriable: false, title: 'The request has no body' },
  malformed_json: { status: 400, retriable: false, title: 'The body is not valid JSON' },
  invalid_encoding: { status: 400, retriable: false, title: 'The body is not valid UTF-8' },
  invalid_request: { status: 400, retriable: false, title: 'A field of the request is not valid' },
  offset_out_of_range: { status: 400, retriable: false, title: 'The offset is beyond the end of the topic' },
  invalid_topic: { status: 400, retriable: false, title: 'The topic name is not valid' },
  not_found: { status: 404, retriable: false, title: 'There is nothing at this path' },
  method_not_allowed: { status: 405, retriable: false, title: 'The path does not take this method' },
  request_timeout: { status: 408, retriable: true, title: 'The request did not arrive in time' },
  body_too_large: { status: 413, retriable: false, title: 'The body is too large' },
  unsupported_media_type: { status: 415, retriable: false, title: 'The content type is not supported' },
  misdirected_request: { status: 421, retriable: false, title: 'The server is not served under this host name' },
  request_headers_too_large: { status: 431, retriable: false, title: 'The request headers are too large' },
  internal: { status: 500, retriable: false, title: 'Internal server error' },
  not_implemented: { status: 501, retriable: false, title: 'The request needs what this server does not implement' },
  segment_corrupt: { status: 500, retriable: false, title: 'A stored segment is damaged' },
  overloaded: { status: 503, retriable: true, title: 'More messages wait than can be written in time' },
  server_busy: { status: 503, retriable: true, title: 'The server has too much in memory' },
  storage_throttled: { status: 503, retriable: true, title: 'The storage asked to slow down' },
  storage_unavailable: { status: 503, retriable: true, title: 'The storage did not answer' },
  storage_misconfigured: { status: 503, retriable: false, title: 'The storage is not set up for this service' },
  append_timeout: { status: 503, retriable: true, title: 'The message could not be written in time' },
  append_contended: { status: 503, retriable: true, title: 'Readers sealed the offsets before the message was written' },
  shutting_down: { status: 503, retriable: true, title: 'The server is shutting down' },
  storage_full: { status: 507, retriable: true, title: 'The storage is full' }
} as const satisfies Record<string, { status: number, retriable: boolean, title: string }>

export type ErrorCode = keyof typeof errorTable

/**
 * Whether the messages of a failed append may be in the log. `no`: they are not and never will be, so a retry is safe.
 * `unknown`: they may be, now or later.
 */
export type Written = 'no' | 'unknown'

/** `earliest` is the first offset of a topic, `end` the offset that its next message would get. */
export interface OffsetRange { readonly earliest: number, readonly end: number }

export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: ErrorCode
  /** Set on every failed append (log §3.4). */
  readonly written: Written | undefined
  /** Set on `offset_out_of_range`. */
  readonly range: OffsetRange | undefined

  /** @param detail what was wrong with this request; shown to the caller, so it must not contain internals */
  constructor (code: ErrorCode, detail: string, options: ErrorOptions & { written?: Written, range?: OffsetRange } = {}) {
    super(detail, options)
    this.code = code
    this.written = options.written
    this.range = options.range
  }

  get status (): number { return errorTable[this.code].status }
  get retriable (): boolean { return errorTable[this.code].retriable }
}
