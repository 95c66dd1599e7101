import type { FastifyInstance, FastifyReply } from 'fastify'

/**
 * For all responses. No cache may store them: a page or an error that is only seconds old would hide new messages. And browsers
 * must not interpret a payload as HTML or as a script; if one did, the policy would let it load and run nothing. The pages of the
 * service have policies of their own. Each header costs about 0.2 µs, so there are no others: no answer has links (Referrer-Policy),
 * and TLS ends in front of the server (Strict-Transport-Security).
 */
export const defaultHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
} as const

export function addDefaultHeaders (app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    setDefaultHeaders(reply)
    done()
  })
}

/** One by one, because `reply.headers` would iterate over the names for each request. */
export function setDefaultHeaders (reply: FastifyReply): void {
  reply.header('cache-control', defaultHeaders['cache-control'])
    .header('x-content-type-options', defaultHeaders['x-content-type-options'])
    .header('content-security-policy', defaultHeaders['content-security-policy'])
}
