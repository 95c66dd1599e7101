import type { ErrorKinds } from '../../domain/errors.ts'

/** The errors that only HTTP raises: of a request that does not reach the domain. */
export const httpErrors = {
  malformed_request: { retriable: false, title: 'The request is not valid HTTP' },
  missing_body: { retriable: false, title: 'The request has no body' },
  malformed_json: { retriable: false, title: 'The body is not valid JSON' },
  invalid_encoding: { retriable: false, title: 'The body is not valid UTF-8' },
  invalid_request: { retriable: false, title: 'A field of the request is not valid' },
  not_found: { retriable: false, title: 'There is nothing at this path' },
  method_not_allowed: { retriable: false, title: 'The path does not take this method' },
  request_timeout: { retriable: true, title: 'The request did not arrive in time' },
  body_too_large: { retriable: false, title: 'The body is too large' },
  unsupported_media_type: { retriable: false, title: 'The content type is not supported' },
  misdirected_request: { retriable: false, title: 'The server is not served under this host name' },
  request_headers_too_large: { retriable: false, title: 'The request headers are too large' },
  not_implemented: { retriable: false, title: 'The request needs what this server does not implement' },
  too_many_followers: { retriable: true, title: 'Too many requests wait for messages' },
  server_busy: { retriable: true, title: 'The server has too much in memory' }
} as const satisfies ErrorKinds

declare module '../../domain/errors.ts' {
  interface ErrorTables { http: typeof httpErrors }
}
