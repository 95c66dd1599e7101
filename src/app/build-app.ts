import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { LogError } from '../domain/errors.ts'
import type { Log } from '../domain/log.ts'
import { addCors } from './cors.ts'
import { addDefaultHeaders, setDefaultHeaders } from './default-headers.ts'
import { addDocs, addSpecification } from './docs.ts'
import { createBoundedServer } from './connections.ts'
import type { StreamBounds } from './event-stream.ts'
import { handleClientError, handleError, pathOf, refuseConnect } from './errors.ts'
import { addHolds } from './holds.ts'
import { addHostCheck } from './host-check.ts'
import { MemoryBudget } from './memory-budget.ts'
import { ProblemSchema } from './problem.ts'
import { addBodyParsers } from './raw-body.ts'
import { addRequestLog, logRequest, type PlatformFacts, RequestFacts, requestId } from './request-log.ts'
import { consumeRoute, type TimeLeft } from './routes/consume.ts'
import { produceRoute } from './routes/produce.ts'
import { serviceRoutes, type StoreCheck } from './routes/service.ts'
import { Status } from './schemas/common.ts'
import { MessagePage } from './schemas/consume.ts'
import { Produced } from './schemas/produce.ts'
import { ajvOptions, show, validationError } from './validation.ts'

export interface AppDeps {
  readonly log: Log
  /** Of bytes held for clients, bodies and answers; 256 MiB if not given. */
  readonly memory?: MemoryBudget
  /** What /ready asks. */
  readonly checks: readonly StoreCheck[]
  /** pino's, or one like it; none logs nothing. */
  readonly logger?: FastifyBaseLogger
  readonly platformFacts?: PlatformFacts
  /** The `Host` names that are served, lower case and without ports; none: all. */
  readonly servedHosts?: readonly string[] | undefined
  /** The origins of web pages that may use the service, or `*`; none: no other than its own. */
  readonly corsOrigins?: readonly string[]
  /** What a platform allows; none allows as long as it takes. */
  readonly timeLeft?: TimeLeft
  readonly streamBounds?: (request: FastifyRequest) => StreamBounds
}

/** The HTTP interface of a log. Listens on nothing. */
export function buildApp (deps: AppDeps): FastifyInstance {
  const app = Fastify({
    ...(deps.logger === undefined ? {} : { loggerInstance: deps.logger }),
    logController: new LogController({ disableRequestLogging: true }),
    // Lines name their request themselves, so no request needs a logger of its own.
    childLoggerFactory: (logger) => logger,
    genReqId: requestId,
    ajv: ajvOptions,
    schemaErrorFormatter: validationError,
    // Names that are too long are the topic rule's business (400), not the router's (404).
    routerOptions: { maxParamLength: 64 * 1024, ignoreTrailingSlash: true },
    // Requests on connections that are still open during shutdown are served, and the connection closed after them.
    return503OnClosing: false,
    // Node would answer a request without a host with an empty 400; the hook below does it with a problem.
    serverFactory: (handle) => createBoundedServer({ requireHostHeader: false }, handle),
    clientErrorHandler: handleClientError,
    frameworkErrors: (error, request, reply) => {
      const bare = request as unknown as FastifyRequest
      // These come before any hook has run.
      bare.facts = new RequestFacts()
      reply.header('x-request-id', request.id)
      setDefaultHeaders(reply)
      handleError(error, bare, reply)
      logRequest(app.log, bare, reply, deps.platformFacts)
    }
  }).withTypeProvider<TypeBoxTypeProvider>()

  for (const schema of [ProblemSchema, Produced, MessagePage, Status]) app.addSchema(schema)
  addBodyParsers(app)
  app.setErrorHandler(handleError)
  addRequestLog(app, deps.platformFacts)
  addDefaultHeaders(app)
  addHolds(app, deps.memory ?? new MemoryBudget(256 * 1024 * 1024))
  addMessageChecks(app)
  addHostCheck(app, deps.servedHosts)
  if (deps.corsOrigins !== undefined && deps.corsOrigins.length > 0) addCors(app, deps.corsOrigins)
  addUnknownPaths(app)
  // Node would answer an expectation it does not know with an empty 417. RFC 9110 lets a server ignore it.
  app.server.on('checkExpectation', (request, response) => { app.server.emit('request', request, response) })
  // Node would close the connection without an answer.
  app.server.on('connect', (request, socket) => { refuseConnect(app.log, request, socket) })

  addDocs(app)
  for (const { prefix, hide } of [{ prefix: '', hide: false }, { prefix: '/v1', hide: true }]) {
    app.register((scope, _options, done) => {
      scope.register(produceRoute, { log: deps.log, hide })
      scope.register(consumeRoute, { log: deps.log, timeLeft: deps.timeLeft, streamBounds: deps.streamBounds, hide })
      scope.register(serviceRoutes, { checks: deps.checks, hide })
      addSpecification(scope)
      done()
    }, { prefix })
  }
  return app
}

/** What HTTP/1.1 demands to be refused (RFC 9112, 6.1), and Node lets through. */
function addMessageChecks (app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const coding = request.raw.headers['transfer-encoding']
    if (coding === undefined || coding.trim().toLowerCase() === 'chunked') done()
    else done(new LogError('not_implemented', `transfer-encoding: expected chunked, got ${show.text(coding)}`))
  })
}

/**
 * 404, or 405 where the path is known and takes other methods. In a hook, because by the time Fastify's not-found
 * handler runs the body has been parsed, and a wrong one would be answered as that.
 */
function addUnknownPaths (app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    // No route takes OPTIONS but the one for preflights, which have been answered by now.
    if (!request.is404 && request.method !== 'OPTIONS') {
      done()
      return
    }
    const path = pathOf(request)
    const allowed = app.supportedMethods.filter((method) => method !== 'OPTIONS' && app.findRoute({ method, url: path }) !== null)
    if (allowed.length === 0) {
      done(nothingHere())
      return
    }
    const allow = allowed.sort().join(', ')
    reply.header('allow', allow)
    done(new LogError('method_not_allowed', `method: expected ${allow}, got ${request.method}`))
  })
  // Of a file that the pages of /docs don't have, the hook knows nothing: their route takes every name.
  app.setNotFoundHandler(() => { throw nothingHere() })
}

function nothingHere (): LogError {
  return new LogError('not_found', 'There is nothing at this path; /docs lists the paths there are.')
}
