import fastifyCors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Response headers that scripts of other origins may read, in addition to those that they always may. */
const exposedHeaders = [
  'allow', 'earliest-offset', 'end-offset', 'next-offset', 'preference-applied', 'retry-after', 'server-timing', 'storage-calls',
  'topic-closed', 'www-authenticate', 'x-request-id'
]

/** How long browsers may cache the response to a preflight request. */
const maxAgeSeconds = 600

/**
 * Allows pages of other origins to read and write topics. Their requests may have any header: what a preflight asks for is allowed.
 * @param origins as browsers send them, or `*`
 */
export function addCors (app: FastifyInstance, origins: readonly string[]): void {
  const common: FastifyCorsOptions = {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['DELETE', 'GET', 'HEAD', 'POST', 'PUT'],
    exposedHeaders,
    maxAge: maxAgeSeconds
  }
  const other: FastifyCorsOptions = { ...common, preflight: false }
  app.register(fastifyCors, { delegator: (request, done) => { done(null, isPreflight(request) ? common : other) } })
}

/** The plugin has a route for OPTIONS on every path. Other OPTIONS requests remain 405, as without the plugin. */
function isPreflight ({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}
