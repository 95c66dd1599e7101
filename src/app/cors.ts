import fastifyCors, { type FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Headers of answers that a script of another origin may read, beside those that it always may. */
const exposedHeaders = ['allow', 'next-offset', 'retry-after', 'x-request-id']

/** For how long a browser need not ask again. */
const maxAgeSeconds = 600

/** Lets pages of other origins read and write topics. @param origins as browsers send them, or `*` */
export function addCors (app: FastifyInstance, origins: readonly string[]): void {
  const common: FastifyCorsOptions = {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST'],
    exposedHeaders,
    maxAge: maxAgeSeconds
  }
  const other: FastifyCorsOptions = { ...common, preflight: false }
  app.register(fastifyCors, { delegator: (request, done) => { done(null, isPreflight(request) ? common : other) } })
}

/** The plugin has a route for OPTIONS on every path: what is no preflight there is a wrong method, as it is without the plugin. */
function isPreflight ({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}
