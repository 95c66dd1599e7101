import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { LogError } from '../domain/errors.ts'
import { defaultLimits } from '../domain/limits.ts'
import type { Log } from '../domain/log.ts'
import { addDocs, addSpecification } from './docs.ts'
import { handleClientError, handleError, pathOf } from './errors.ts'
import { ProblemSchema } from './problem.ts'
import { addBodyParsers } from './raw-body.ts'
import { addRequestLog, logRequest, type PlatformFacts, RequestFacts, requestId } from './request-log.ts'
import { serviceRoutes, type StoreCheck } from './routes/service.ts'
import { topicRoutes } from './routes/topics.ts'
import { MessagePage, Produced, Status } from './schemas.ts'
import { ajvOptions, validationError } from './validation.ts'

export interface AppDeps {
  readonly log: Log
  /** What /ready asks. */
  readonly checks: readonly StoreCheck[]
  /** pino's, or one like it; none logs nothing. */
  readonly logger?: FastifyBaseLogger
  readonly platformFacts?: PlatformFacts
}

/** A request has to arrive within this, body included; the slowest line that can send the largest body has 0.5 Mbit/s. */
const requestTimeoutMs = 60_000

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
    bodyLimit: defaultLimits.requestBytesMax,
    requestTimeout: requestTimeoutMs,
    // Names that are too long are the topic rule's business (400), not the router's (404).
    routerOptions: { maxParamLength: 64 * 1024 },
    // Requests on connections that are still open during shutdown are served, and the connection closed after them.
    return503OnClosing: false,
    clientErrorHandler: handleClientError,
    frameworkErrors: (error, request, reply) => {
      const bare = request as unknown as FastifyRequest
      // These come before any hook has run.
      bare.facts = new RequestFacts()
      reply.header('x-request-id', request.id)
      handleError(error, bare, reply)
      logRequest(app.log, bare, reply, deps.platformFacts)
    }
  }).withTypeProvider<TypeBoxTypeProvider>()

  for (const schema of [ProblemSchema, Produced, MessagePage, Status]) app.addSchema(schema)
  addBodyParsers(app)
  app.setErrorHandler(handleError)
  addRequestLog(app, deps.platformFacts)
  addUnknownPaths(app)

  addDocs(app)
  for (const { prefix, hide } of [{ prefix: '', hide: false }, { prefix: '/v1', hide: true }]) {
    app.register((scope, _options, done) => {
      scope.register(topicRoutes, { log: deps.log, hide })
      scope.register(serviceRoutes, { checks: deps.checks, hide })
      addSpecification(scope)
      done()
    }, { prefix })
  }
  return app
}

/**
 * 404, or 405 where the path is known and takes other methods. In a hook, because by the time Fastify's not-found
 * handler runs the body has been parsed, and a wrong one would be answered as that.
 */
function addUnknownPaths (app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    const path = pathOf(request)
    const allowed = app.supportedMethods.filter((method) => app.findRoute({ method, url: path }) !== null)
    if (allowed.length === 0) {
      done(new LogError('not_found', 'There is nothing at this path; /docs lists the paths there are.'))
      return
    }
    const allow = allowed.sort().join(', ')
    reply.header('allow', allow)
    done(new LogError('method_not_allowed', `method: expected ${allow}, got ${request.method}`))
  })
}
