import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode, Written } from '../../domain/errors.ts'
import type { Operation, StorageCalls } from '../../domain/operation.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { addCostHeaders } from './answers/cost-headers.ts'
import { withVersion } from './version.ts'

/** Fields that a handler adds to its request's log line. Must not contain anything of a message. */
export class RequestLogFields {
  topic: string | undefined = undefined
  group: string | undefined = undefined
  /** The first offset that was appended, or at which the read began. */
  offset: number | undefined = undefined
  messages: number | undefined = undefined
  storage: StorageCalls | undefined = undefined
  code: ErrorCode | undefined = undefined
  /** Whether the request was a stream, or waited for messages: its duration says nothing about the server then. */
  waited = false
  /** Who sends the request; of an open route, or without access control, nobody. Nothing secret. */
  principal: { readonly kind: string, readonly id: string, readonly name?: string } | undefined = undefined
  /** For a failed append whose error has no `written`: `unknown` as soon as the log has been called. */
  written: Written = 'no'

  /** Notes whose group an operation is for, and what calls it will have made. @returns the operation */
  ofGroup ({ topic, group }: { readonly topic: string, readonly group: string }, operation: Operation): Operation {
    this.topic = topic
    this.group = group
    this.storage = operation.calls
    return operation
  }
}

declare module 'fastify' {
  interface FastifyRequest { logFields: RequestLogFields }
}

/** Fields from the platform, such as the id of the Lambda invocation. */
export type PlatformLogFields = (request: FastifyRequest) => Record<string, string> | undefined

/** The form in which a client's own request id is used. Others could forge log lines or flood the log. */
const requestIdPattern = /^[\w.:=@+/-]{1,128}$/

export function requestId (request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID()
}

const unlogged = Symbol('unlogged')

/** On the raw response, so that one function listens to all of them and no request needs a closure of its own. */
interface LoggedResponse extends ServerResponse {
  /** Set until the request has been logged. */
  [unlogged]?: {
    readonly log: FastifyInstance['log']
    readonly request: FastifyRequest
    readonly reply: FastifyReply
    readonly reports: Reports
  } | undefined
}

/** Where ended requests are reported, apart from the log. */
export interface Reports {
  readonly telemetry: Telemetry
  readonly platform?: PlatformLogFields | undefined
}

/** Logs one line per request, when its response has been sent or its client has disconnected. */
export function addRequestLog (app: FastifyInstance, reports: Reports): void {
  const { log } = app
  app.decorateRequest('logFields', null as unknown as RequestLogFields)
  app.addHook('onRequest', (request, reply, done) => {
    request.logFields = new RequestLogFields()
    reply.header('x-request-id', request.id)
    addCostHeaders(request, reply)
    const response: LoggedResponse = reply.raw
    response[unlogged] = { log, request, reply, reports }
    response.on('close', logAborted)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    (reply.raw as LoggedResponse)[unlogged] = undefined
    logRequest(log, request, reply, reports)
    done()
  })
}

/** Fastify does not call onResponse if the connection was closed before the response. */
function logAborted (this: LoggedResponse): void {
  if (this[unlogged] === undefined) return
  const { log, request, reply, reports } = this[unlogged]
  logRequest(log, request, reply, reports, true)
}

export function logRequest (
  log: FastifyInstance['log'], request: FastifyRequest, reply: FastifyReply, { telemetry, platform }: Reports, aborted = false
): void {
  const { topic, group, offset, messages, storage, code, waited, principal } = request.logFields
  const ms = reply.elapsedTime
  const status = aborted ? undefined : reply.statusCode
  // The route's pattern, not the path, which may contain anything.
  const route = withVersion(request.routeOptions.url, request.originalUrl)
  telemetry.request({ method: request.method, route, status, code, ms: waited ? undefined : ms })
  if (log.level === 'silent') return
  log.info({
    request_id: request.id,
    method: request.method,
    route,
    status,
    aborted: aborted ? true : undefined,
    code,
    principal: principal === undefined ? undefined : `${principal.kind}:${principal.id}`,
    principal_name: principal?.name,
    topic,
    group,
    offset,
    messages,
    duration_ms: Math.round(ms * 1000) / 1000,
    storage,
    ...platform?.(request)
  }, 'request')
}
