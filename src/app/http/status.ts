import type { ErrorCode } from '../../domain/errors.ts'

/** The HTTP status of each error, in the order of docs/errors.md and of the page /docs/errors. */
export const statusOf = {
  malformed_request: 400,
  missing_body: 400,
  malformed_json: 400,
  invalid_encoding: 400,
  invalid_request: 400,
  offset_out_of_range: 400,
  invalid_topic: 400,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  unsupported_media_type: 415,
  misdirected_request: 421,
  request_headers_too_large: 431,
  internal: 500,
  not_implemented: 501,
  segment_corrupt: 500,
  overloaded: 503,
  server_busy: 503,
  storage_throttled: 503,
  storage_unavailable: 503,
  storage_misconfigured: 503,
  append_timeout: 503,
  append_contended: 503,
  shutting_down: 503,
  storage_full: 507
} as const satisfies Record<ErrorCode, number>
