import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify'
import { demand, demandOnAll, demandSight, Forbidden, forbidden } from '../../domain/access/demand.ts'
import type { TopicAction } from '../../domain/access/grants.ts'
import type { Principal } from '../../domain/access/principal.ts'
import { hasCode } from '../../domain/errors.ts'
import type { Limits } from '../../domain/limits.ts'
import { RateLimiter, tooFast } from '../http/bounds/rate-limiter.ts'
import type { Authenticator } from './authenticator.ts'
import { challenge, invalidChallenge } from './bearer.ts'

/**
 * What a route needs:
 * - `produce`, `consume`, `groups`, `admin`: this action on the topic in its path
 * - `see`: any action on the topic in its path
 * - `list`: only a valid token; the handler shows what the principal may see
 * - `tokens`: `admin` on all topics
 * - `metrics`: the grant of that name
 * - `open`: nothing, not even a token
 */
export type Need = TopicAction | 'see' | 'list' | 'tokens' | 'metrics' | 'open'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route needs. Required of all routes. */
    access?: Need
  }
  interface FastifyRequest {
    /** Who sends the request. Not of routes that are open. */
    principal: Principal
  }
}

export interface AccessOptions {
  readonly authenticator: Authenticator
  readonly limits: Limits
  /** Requests a second of each principal that has no rate of its own; unlimited by default. */
  readonly principalRate?: number | undefined
}

/**
 * Checks for each route what it needs, after all other hooks on requests and before the body is read. Paths that do not exist,
 * methods that they do not take and preflight requests of CORS are answered without it: all of that is public.
 * To be called before the routes are added. A route without `config.access` is an error.
 */
export function addAccess (app: FastifyInstance, { authenticator, limits, principalRate = Infinity }: AccessOptions): void {
  const limiter = new RateLimiter(principalRate, limits.ratePrincipalsMax)
  app.decorateRequest('principal', null as unknown as Principal)
  app.addHook('onError', (request, reply, error, done) => {
    if (hasCode(error, 'unauthorized')) {
      reply.header('www-authenticate', request.headers.authorization === undefined ? challenge : invalidChallenge)
    } else if (error instanceof Forbidden) reply.header('www-authenticate', insufficient(error.grant))
    done()
  })
  app.addHook('onRoute', (route) => {
    const need = needOf(route)
    if (need === 'open') return
    const hook = accessHook(need, authenticator, (principal) => { limitRate(limiter, principal, principalRate) })
    route.onRequest = [...[route.onRequest ?? []].flat(), hook]
  })
}

/** @throws Error for a route that does not say what it needs */
function needOf (route: RouteOptions & { url: string }): Need {
  const { method, url } = route
  // Routes of plugins, which cannot say it.
  const isOfPlugin = url === '/docs' || url.startsWith('/docs/') || (method === 'OPTIONS' && url === '*')
  const need = route.config?.access ?? (isOfPlugin ? 'open' : undefined)
  if (need === undefined) throw new Error(`${String(method)} ${url}: expected config.access, what the route needs, got nothing`)
  const needsTopic = !['list', 'tokens', 'metrics', 'open'].includes(need)
  if (needsTopic && !url.includes('/:topic')) throw new Error(`${String(method)} ${url}: expected a topic in the path, for ${need}`)
  return need
}

/** @throws LogError `rate_limited` */
function limitRate (limiter: RateLimiter, { kind, id, requestsPerSecond }: Principal, principalRate: number): void {
  const rate = requestsPerSecond ?? principalRate
  if (rate === Infinity) return
  const waitMs = limiter.take(`${kind}:${id}`, rate)
  if (waitMs > 0) throw tooFast(kind === 'token' ? 'token' : 'subject', rate, waitMs)
}

function accessHook (
  need: Exclude<Need, 'open'>, authenticator: Authenticator, checkRate: (principal: Principal) => void
): onRequestHookHandler {
  const admit = (request: FastifyRequest, principal: Principal): Error | undefined => {
    request.principal = principal
    if (principal.kind === 'none') return undefined
    request.logFields.principal = principal
    try {
      checkRate(principal)
      check(need, request)
      return undefined
    } catch (error) {
      return error as Error
    }
  }
  return (request, _reply, done) => {
    let principal
    try {
      principal = authenticator.authenticate(request)
    } catch (error) {
      done(error as Error)
      return
    }
    if (principal instanceof Promise) principal.then((found) => { done(admit(request, found)) }, done)
    else done(admit(request, principal))
  }
}

/** @throws LogError `forbidden`, `invalid_topic` */
function check (need: Exclude<Need, 'open'>, { principal: { grants }, params }: FastifyRequest): void {
  switch (need) {
    case 'list': return
    case 'tokens': return demandOnAll(grants, 'admin')
    case 'metrics':
      if (!grants.metrics) throw forbidden('metrics')
      return
    case 'see': return demandSight(grants, topicOf(params))
    default: demand(grants, need, topicOf(params))
  }
}

/** As the router has decoded it, and as the handler gets it. */
function topicOf (params: unknown): string {
  return (params as { topic: string }).topic
}

function insufficient (grant: string): string {
  return `${challenge}, error="insufficient_scope", scope="${grant}"`
}
