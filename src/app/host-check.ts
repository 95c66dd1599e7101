import type { FastifyInstance } from 'fastify'
import { LogError } from '../domain/errors.ts'
import { listOf, type Settings } from './config.ts'
import { show } from './validation.ts'

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

export function isLoopback (host: string): boolean {
  return /^(localhost|127\.[\d.]+|::1)$/i.test(host)
}

/**
 * The names under which the server is served, lower case and without a port; `undefined`: under any. On a loopback address
 * it is meant for this machine only, but a web page can make its own name point there and then read and write (DNS rebinding).
 */
export function servedHosts ({ HOST: host, ALLOWED_HOSTS: allowed }: Settings): readonly string[] | undefined {
  if (!isLoopback(host) && allowed === undefined) return undefined
  return [...loopbackNames, host.includes(':') ? `[${host}]` : host, ...listOf(allowed)].map((name) => name.toLowerCase())
}

/** @param served see `servedHosts` */
export function addHostCheck (app: FastifyInstance, served: readonly string[]): void {
  // Clients send the same header again and again.
  let lastServed: string | undefined
  app.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.raw.headers
    // HTTP/1.0 has none; browsers always send one.
    if (host === undefined || host === lastServed) {
      done()
      return
    }
    if (!served.includes(host.toLowerCase().replace(/:\d*$/, ''))) {
      done(new LogError('misdirected_request', `host: expected ${loopbackNames.join(', ')} or a name from the setting ALLOWED_HOSTS, got ${show.text(host)}`))
      return
    }
    lastServed = host
    done()
  })
}
