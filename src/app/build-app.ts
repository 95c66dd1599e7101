import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Tokens } from '../domain/access/tokens.ts'
import type { Catalog } from '../domain/catalog/catalog.ts'
import { LogError } from '../domain/errors.ts'
import type { Groups } from '../domain/groups/groups.ts'
import type { Limits } from '../domain/limits.ts'
import type { Log } from '../domain/log/log.ts'
import { noTelemetry } from '../domain/telemetry.ts'
import type { Exposition } from '../ports/exposition.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { addAccess } from './access/access.ts'
import { LiveAccess } from './access/live-access.ts'
import type { Authenticator } from './access/authenticator.ts'
import { createBodySender } from './http/answers/body-sender.ts'
import { addDefaultHeaders, setDefaultHeaders } from './http/answers/default-headers.ts'
import { createPageSender } from './http/answers/page-body.ts'
import { addBodyParsers } from './http/bodies/raw-body.ts'
import { addAddressLimit } from './http/bounds/address-limit.ts'
import { createBoundedServer } from './http/bounds/connections.ts'
import { addHolds } from './http/bounds/holds.ts'
import { MemoryBudget } from './http/bounds/memory-budget.ts'
import { addCors } from './http/cors.ts'
import { addSpecification } from './http/docs.ts'
import { createClientErrorHandler, createErrorHandler, pathOf, refuseConnect } from './http/errors.ts'
import { addHostCheck } from './http/host-check.ts'
import type { StreamBounds } from './http/live/event-stream.ts'
import { LiveRequests } from './http/live/live-requests.ts'
import { ProblemSchema } from './http/problem.ts'
import { addRequestLog, logRequest, type PlatformLogFields, RequestLogFields, requestId } from './http/request-log.ts'
import { show, validationError } from './http/validation.ts'
import { schemaController, validatorCompiler } from './http/validators.ts'
import { withoutVersion } from './http/version.ts'
import type { Prepared } from './prepared.ts'
import { Status } from './routes/common.schema.ts'
import { groupRoutes } from './routes/groups/group.ts'
import { Group, GroupList, Redriven, Sought } from './routes/groups/group.schema.ts'
import { Acked, Extended, Nacked, Received } from './routes/groups/lease.schema.ts'
import { offsetRoutes } from './routes/groups/offset.ts'
import { receiveRoute } from './routes/groups/receive.ts'
import { settleRoutes } from './routes/groups/settle.ts'
import { serviceRoutes } from './routes/service/health.ts'
import { metricsRoute } from './routes/service/metrics.ts'
import { Readiness, type StoreCheck } from './routes/service/readiness.ts'
import { tokenRoutes } from './routes/tokens/token.ts'
import { CreatedTokenBody, Token, TokenList } from './routes/tokens/token.schema.ts'
import { closeRoute } from './routes/topics/close.ts'
import { MessagePage } from './routes/topics/consume.schema.ts'
import { consumeRoute } from './routes/topics/consume.ts'
import { Produced } from './routes/topics/produce.schema.ts'
import { produceRoute } from './routes/topics/produce.ts'
import { Closed, Topic, TopicList, Trimmed } from './routes/topics/topic.schema.ts'
import { topicRoutes } from './routes/topics/topic.ts'
import { trimRoute } from './routes/topics/trim.ts'
import type { TimeLeft } from './routes/time-left.ts'

export interface AppDeps extends Prepared {
  readonly log: Log
  readonly catalog: Catalog
  readonly groups: Groups
  /** Without them, there are no routes that manage tokens. */
  readonly tokens?: Tokens | undefined
  /** The same as those of the log. */
  readonly limits: Limits
  readonly authenticator: Authenticator
  /** The limit for bytes that are held for clients (request bodies and responses); 256 MiB by default. */
  readonly bufferedBytesMax?: number
  /** Gets what the app does; it should be the same as that of the log. By default, nothing is reported. */
  readonly telemetry?: Telemetry
  /** For GET /metrics. Without it, there is no such path. */
  readonly exposition?: Exposition | undefined
  /** The limit for streams, long polls and waiting receives; unlimited by default. */
  readonly followersMax?: number
  /** Requests a second of one address; unlimited by default. */
  readonly addressRate?: number | undefined
  /** Requests a second of one token or subject that has no rate of its own; unlimited by default. */
  readonly principalRate?: number | undefined
  /** Addresses and networks of proxies whose `X-Forwarded-For` is used; none by default. */
  readonly trustedProxies?: readonly string[]
  /** The checks of /ready. */
  readonly checks: readonly StoreCheck[]
  /** A pino logger or a compatible one. Without it, nothing is logged. */
  readonly logger?: FastifyBaseLogger
  readonly platformLogFields?: PlatformLogFields | undefined
  /** Called with each request that has a route, before its handler. */
  readonly onRequest?: ((request: FastifyRequest) => void) | undefined
  /** The `Host` names that are served, in lower case and without ports; `undefined`: all. */
  readonly servedHosts?: readonly string[] | undefined
  /** The origins of web pages that may use the service, or `*`. By default only the service's own pages can. */
  readonly corsOrigins?: readonly string[]
  /** The time that the platform allows for a request; unlimited by default. */
  readonly timeLeft?: TimeLeft
  readonly streamBounds?: (request: FastifyRequest) => StreamBounds
  /** Adds routes that only some entry files serve, such as the console. */
  readonly addRoutes?: ((app: FastifyInstance) => void) | undefined
}

/** Those that others refer to. */
const schemas = [
  ProblemSchema, Produced, MessagePage, Status, Topic, TopicList, Trimmed, Closed,
  Received, Acked, Nacked, Extended, Group, GroupList, Sought, Redriven
]

/** Creates the HTTP interface of a log, which does not listen yet. */
export function buildApp (deps: AppDeps): FastifyInstance {
  const { log, catalog, groups, limits, telemetry = noTelemetry, trustedProxies = [] } = deps
  const { bufferedBytesMax = 256 * 1024 * 1024, followersMax = Infinity } = deps
  const reports = { telemetry, platform: deps.platformLogFields }
  const handleError = createErrorHandler(limits)
  const sendBody = createBodySender(limits)
  const sendPage = createPageSender(sendBody)
  const compileValidator = validatorCompiler(deps.validators)
  const app = Fastify({
    ...(deps.logger === undefined ? {} : { loggerInstance: deps.logger }),
    logController: new LogController({ disableRequestLogging: true }),
    // Log lines contain the request id, so requests do not need loggers of their own.
    childLoggerFactory: (logger) => logger,
    genReqId: requestId,
    ...trustedProxies.length === 0 ? {} : { trustProxy: [...trustedProxies] },
    schemaController: schemaController(compileValidator),
    schemaErrorFormatter: validationError,
    rewriteUrl: ({ url = '' }) => withoutVersion(url),
    // So that a topic name that is too long is refused by the topic rule (400) and not by the router (404).
    routerOptions: { maxParamLength: 64 * 1024, ignoreTrailingSlash: true },
    // During shutdown, requests on open connections are still served; then the connections are closed.
    return503OnClosing: false,
    // Node would send an empty 400 for a request without a host. The host check below sends a problem document.
    serverFactory: (handle) => createBoundedServer(limits, { requireHostHeader: false }, handle, telemetry),
    clientErrorHandler: createClientErrorHandler(limits),
    frameworkErrors: (error, request, reply) => {
      const bare = request as unknown as FastifyRequest
      // These errors occur before any hook has run.
      bare.logFields = new RequestLogFields()
      reply.header('x-request-id', request.id)
      setDefaultHeaders(reply)
      handleError(error, bare, reply)
      logRequest(app.log, bare, reply, reports)
    }
  }).withTypeProvider<TypeBoxTypeProvider>()

  for (const schema of schemas) app.addSchema(schema)
  if (deps.tokens !== undefined) for (const schema of [Token, CreatedTokenBody, TokenList]) app.addSchema(schema)
  addBodyParsers(app, limits, deps.validators)
  app.setErrorHandler(handleError)
  addRequestLog(app, reports)
  if (deps.onRequest !== undefined) addObserver(app, deps.onRequest)
  addDefaultHeaders(app)
  addHolds(app, new MemoryBudget(bufferedBytesMax, limits, telemetry))
  addMessageChecks(app)
  addHostCheck(app, deps.servedHosts)
  if (deps.corsOrigins !== undefined && deps.corsOrigins.length > 0) addCors(app, deps.corsOrigins)
  if (deps.addressRate !== undefined) addAddressLimit(app, deps.addressRate, limits, telemetry)
  addUnknownPaths(app)
  addAccess(app, deps)
  // Node would send an empty 417 for an unknown expectation. RFC 9110 permits to ignore it.
  app.server.on('checkExpectation', (request, response) => { app.server.emit('request', request, response) })
  // Node would close the connection without a response.
  app.server.on('connect', (request, socket) => { refuseConnect(app.log, request, socket) })

  const live = new LiveRequests(log, followersMax, telemetry)
  app.addHook('preClose', (done) => {
    live.close()
    done()
  })
  const liveAccess = new LiveAccess(deps)
  const readiness = new Readiness(deps.checks, limits)

  deps.docs.addPages(app, deps.authenticator.required)
  // Relative, because the path may begin with a stage.
  app.get('/', { config: { access: 'open' }, schema: { hide: true } }, async (_request, reply) => reply.redirect('./docs'))
  const { timeLeft, streamBounds, tokens, exposition } = deps
  app.register(produceRoute, { log, limits, compileValidator })
  app.register(consumeRoute, { log, live, liveAccess, limits, sendPage, telemetry, timeLeft, streamBounds })
  app.register(topicRoutes, { catalog, groups, limits })
  app.register(trimRoute, { log, catalog, limits })
  app.register(closeRoute, { log, limits })
  app.register(receiveRoute, { groups, live, liveAccess, limits, sendBody, telemetry, timeLeft })
  for (const routes of [settleRoutes, groupRoutes, offsetRoutes]) app.register(routes, { groups, limits })
  if (tokens !== undefined) app.register(tokenRoutes, { tokens, limits })
  app.register(serviceRoutes, { readiness })
  if (exposition !== undefined) app.register(metricsRoute, { exposition })
  app.register((scope, _options, done) => {
    addSpecification(scope, deps.docs)
    done()
  })
  deps.addRoutes?.(app)
  return app
}

function addObserver (app: FastifyInstance, observe: (request: FastifyRequest) => void): void {
  app.addHook('onRequest', (request, _reply, done) => {
    observe(request)
    done()
  })
}

/**
 * Refuses transfer codings that Node accepts although HTTP/1.1 requires an error (RFC 9112, 6.1), and then closes the connection: a
 * proxy in front may see another end of the request, and take what comes next for the answer to somebody else's.
 */
function addMessageChecks (app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers: { 'transfer-encoding': coding }, httpVersion } = request.raw
    if (coding === undefined) {
      done()
      return
    }
    const isChunked = coding.trim().toLowerCase() === 'chunked'
    if (isChunked && httpVersion === '1.1') {
      done()
      return
    }
    reply.raw.shouldKeepAlive = false
    done(isChunked
      ? new LogError('malformed_request', `transfer-encoding: expected none with HTTP/${httpVersion}, got ${show.text(coding)}`)
      : new LogError('not_implemented', `transfer-encoding: expected chunked, got ${show.text(coding)}`))
  })
}

/**
 * Sends 404, or 405 if the path exists with other methods. In a hook, because Fastify's not-found handler runs after the
 * body has been parsed, and an invalid body would be reported instead.
 */
function addUnknownPaths (app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    // Only the CORS plugin has a route for OPTIONS, and it has answered preflight requests before this hook.
    if (!request.is404 && request.method !== 'OPTIONS') {
      done()
      return
    }
    const path = pathOf(request)
    const allowed = app.supportedMethods.filter((method) => method !== 'OPTIONS' && app.findRoute({ method, url: path }) !== null)
    if (allowed.length === 0) {
      done(notFound())
      return
    }
    const allow = allowed.sort().join(', ')
    reply.header('allow', allow)
    done(new LogError('method_not_allowed', `method: expected ${allow}, got ${request.method}`))
  })
  // For missing files below /docs, whose route accepts every name, so that the hook does not see them.
  app.setNotFoundHandler(() => { throw notFound() })
}

function notFound (): LogError {
  return new LogError('not_found', 'There is nothing at this path; see /docs for all paths.')
}
