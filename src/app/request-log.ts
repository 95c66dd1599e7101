import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../domain/errors.ts'
import type { StorageCalls } from '../domain/log.ts'

/** What a handler found out about its request, for the request's line in the log. Nothing of a message's content. */
export class RequestFacts {
  topic: string | undefined = undefined
  /** The first offset appended, or the one a read began at. */
  offset: number | undefined = undefined
  messages: number | undefined = undefined
  storage: StorageCalls | undefined = undefined
  code: ErrorCode | undefined = undefined
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

/** One line a request, when its answer is out or its client is gone. */
export function addRequestLog (app: FastifyInstance, platform: PlatformFacts | undefined): void {
  const { log } = app
  app.decorateRequest('facts', null as unknown as RequestFacts)
  app.addHook('onRequest', (request, reply, done) => {
    request.facts = new RequestFacts()
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(log, request, reply, platform)
    done()
  })
}

export function logRequest (
  log: FastifyInstance['log'], request: FastifyRequest, reply: FastifyReply, platform?: PlatformFacts
): void {
  const { topic, offset, messages, storage, code } = request.facts
  log.info({
    request_id: request.id,
    method: request.method,
    // The pattern, not the path: what a client puts into an unknown path does not belong into the log.
    route: request.routeOptions.url,
    status: reply.statusCode,
    code,
    topic,
    offset,
    messages,
    duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
    storage,
    ...platform?.(request)
  }, 'request')
}
