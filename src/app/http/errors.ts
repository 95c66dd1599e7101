import { randomUUID } from 'node:crypto'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LogError } from '../../domain/errors.ts'
import type { Limits } from '../../domain/limits.ts'
import { defaultHeaders } from './answers/default-headers.ts'
import { bodyEncodings, UnsupportedEncoding } from './bodies/body-encoding.ts'
import { unsupported } from './bodies/raw-body.ts'
import { afterAnswers } from './bounds/connections.ts'
import { problemType, retryAfter, toProblem } from './problem.ts'
import { requestId } from './request-log.ts'
import { statusOf } from './status.ts'
import { show } from './validation.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Errors of this route have `written` (log §3.4). */
    appends?: boolean
  }
}

/** Sends every error as a problem document, and logs the cause of a 5xx. */
export type HandleError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

export function createErrorHandler ({ requestBytesMax }: Limits): HandleError {
  return (error, request, reply) => {
    const known = toLogError(error, request)
    // These have no cause, and there may be many. The request's own line has the code.
    if (statusOf[known.code] >= 500 && known.code !== 'overloaded' && known.code !== 'auth_unavailable') {
      const message = known.code === 'internal' ? 'internal error' : 'request failed'
      request.log.error({ request_id: request.id, code: known.code, err: known }, message)
    }
    request.logFields.code = known.code
    // `complete` is not set for injected requests, which have no connection.
    const read = request.raw.complete || request.raw.readableEnded
    // Fastify closes the connection after an error in the body. This is not necessary if the body has been read completely.
    if (read) reply.removeHeader('connection')
    // So that the client can distinguish it from a wrong content type (RFC 9110, 12.5.3).
    if (known instanceof UnsupportedEncoding) reply.header('accept-encoding', bodyEncodings)
    if (known.code === 'body_too_large' && !read) {
      drain(request, 4 * requestBytesMax, () => { sendProblem(reply, known) })
      return
    }
    sendProblem(reply, known)
  }
}

function sendProblem (reply: FastifyReply, error: LogError): void {
  const seconds = retryAfter(error)
  if (seconds !== undefined) reply.header('retry-after', String(seconds))
  const { logFields, routeOptions } = reply.request
  const problem = toProblem(error)
  if (routeOptions.config.appends === true) problem.written ??= logFields.written
  reply.code(statusOf[error.code]).header('content-type', problemType).send(JSON.stringify(problem))
}

function toLogError (error: unknown, request: FastifyRequest): LogError {
  if (error instanceof LogError) return error
  const { code, statusCode } = error as Partial<FastifyError>
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return unsupported(request)
    case 'FST_ERR_BAD_URL':
      return new LogError('malformed_request', `path: expected valid percent-encoding of UTF-8, got ${show.text(pathOf(request))}`)
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new LogError('malformed_request', 'The request could not be read completely.', { cause: error })
  }
  return new LogError('internal', 'The request could not be completed.', { cause: error })
}

export function pathOf (request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!
}

/**
 * Reads and ignores the rest of a body that is too large, up to `bytesMax` and for up to 5 s, before the response is sent. A
 * client that is still sending when the connection is closed gets a reset instead of the response.
 */
function drain ({ raw }: FastifyRequest, bytesMax: number, then: () => void): void {
  let left = bytesMax
  const end = (): void => {
    clearTimeout(timer)
    raw.off('data', count).off('end', end).off('close', end)
    then()
  }
  const count = (chunk: Buffer): void => { if ((left -= chunk.length) < 0) end() }
  const timer = setTimeout(end, 5_000)
  raw.on('data', count).on('end', end).on('close', end).resume()
}

/** Sends the error for data that Node cannot parse as a request. */
export type HandleClientError = (this: FastifyInstance, error: Error & { code?: string }, socket: Socket) => void

export function createClientErrorHandler ({ stalledConnectionMs }: Limits): HandleClientError {
  return function (error, socket) {
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy()
      return
    }
    afterAnswers(socket, stalledConnectionMs, () => {
      if (!socket.writable) return
      const known = clientError(error.code)
      const id = randomUUID()
      // Not the error itself, because it contains the client's data.
      const logFields = { request_id: id, status: statusOf[known.code], code: known.code, parser: error.code }
      this.log.info(logFields, 'request refused before routing')
      sendRaw(socket, known, { 'x-request-id': id })
    })
  }
}

/** Refuses a CONNECT, which Node does not report as a request, so Fastify does not see it. */
export function refuseConnect (log: FastifyBaseLogger, request: IncomingMessage, socket: Duplex): void {
  const error = new LogError('method_not_allowed', 'method: expected DELETE, GET, HEAD, POST, PUT, got CONNECT')
  const id = requestId(request)
  log.info({ request_id: id, status: statusOf[error.code], code: error.code, method: 'CONNECT' }, 'request refused before routing')
  socket.on('error', () => {})
  sendRaw(socket, error, { 'x-request-id': id, allow: 'DELETE, GET, HEAD, POST, PUT' })
}

function sendRaw (socket: Duplex, error: LogError, more: Record<string, string>): void {
  const body = JSON.stringify(toProblem(error))
  const status = statusOf[error.code]
  const headers = {
    'content-type': problemType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...defaultHeaders,
    ...more
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

function clientError (code: string | undefined): LogError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new LogError('request_headers_too_large', 'header: expected at most 16384 bytes together, got more')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new LogError('request_timeout', 'The request did not arrive in time.')
    default: return new LogError('malformed_request', 'The request is not valid HTTP.')
  }
}
