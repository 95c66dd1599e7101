import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode, Written } from '../domain/errors.ts'
import type { StorageCalls } from '../domain/log.ts'

/** What a handler found out about its request, for the request's line in the log. Nothing of a message's content. */
export class RequestFacts {
  topic: string | undefined = undefined
  /** The first offset appended, or the one a read began at. */
  offset: number | undefined = undefined
  messages: number | undefined = undefined
  storage: StorageCalls | undefined = undefined
  code: ErrorCode | undefined = undefined
  /** Of a failed append whose error does not tell: `unknown` from the moment that the log was asked. */
  written: Written = 'no'
}

declare module 'fastify' {
  interface FastifyRequest { facts: RequestFacts }
}

/** What the platform knows about a request, such as the id of its Lambda invocation. */
export type PlatformFacts = (request: FastifyRequest) => Record<string, string> | undefined

/** A caller's own id is kept where it is one; anything else could forge or flood the log. */
const sane = /^[\w.:=@+/-]{1,128}$/

export function requestId (request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && sane.test(given) ? given : randomUUID()
}

const unlogged = Symbol('unlogged')

/** On the raw response, so that one function listens to all of them and no request needs a closure of its own. */
interface LoggedResponse extends ServerResponse {
  /** Until the request has its line. */
  [unlogged]?: { log: FastifyInstance['log'], request: FastifyRequest, reply: FastifyReply, platform: PlatformFacts | undefined } | undefined
}

/** One line a request: when its answer is out, or its client is gone. */
export function addRequestLog (app: FastifyInstance, platform: PlatformFacts | undefined): void {
  const { log } = app
  app.decorateRequest('facts', null as unknown as RequestFacts)
  app.addHook('onRequest', (request, reply, done) => {
    request.facts = new RequestFacts()
    reply.header('x-request-id', request.id)
    const response: LoggedResponse = reply.raw
    response[unlogged] = { log, request, reply, platform }
    response.on('close', logAborted)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    (reply.raw as LoggedResponse)[unlogged] = undefined
    logRequest(log, request, reply, platform)
    done()
  })
}

/** Fastify's onResponse does not come when the connection went before the answer. */
function logAborted (this: LoggedResponse): void {
  if (this[unlogged] === undefined) return
  const { log, request, reply, platform } = this[unlogged]
  logRequest(log, request, reply, platform, true)
}

export function logRequest (
  log: FastifyInstance['log'], request: FastifyRequest, reply: FastifyReply, platform?: PlatformFacts, aborted = false
): void {
  if (log.level === 'silent') return
  const { topic, offset, messages, storage, code } = request.facts
  log.info({
    request_id: request.id,
    method: request.method,
    // The pattern, not the path: what a client puts into an unknown path does not belong into the log.
    route: request.routeOptions.url,
    status: aborted ? undefined : reply.statusCode,
    aborted: aborted ? true : undefined,
    code,
    topic,
    offset,
    messages,
    duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
    storage,
    ...platform?.(request)
  }, 'request')
}
