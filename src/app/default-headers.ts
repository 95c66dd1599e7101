import type { FastifyInstance, FastifyReply } from 'fastify'

/**
 * For all answers. A cache that kept a page or an error for only seconds would hide new messages from its readers. And no
 * browser may take a payload for HTML or a script, whatever is in it.
 */
export const defaultHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

export function addDefaultHeaders (app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    setDefaultHeaders(reply)
    done()
  })
}

/** One by one: `reply.headers` would list the names anew for each request. */
export function setDefaultHeaders (reply: FastifyReply): void {
  reply.header('cache-control', defaultHeaders['cache-control']).header('x-content-type-options', defaultHeaders['x-content-type-options'])
}
