import type { FastifyInstance } from 'fastify'
import { LogError } from '../../domain/errors.ts'
import { show } from './validation.ts'

export const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

export function isLoopback (host: string): boolean {
  return /^(localhost|127\.[\d.]+|::1)$/i.test(host)
}

/**
 * Refuses other `Host` names, and requests with no `Host` or more than one, as HTTP/1.1 requires (RFC 9112, 3.2).
 * @param served names in lower case and without a port; `undefined`: all
 */
export function addHostCheck (app: FastifyInstance, served: readonly string[] | undefined): void {
  // Most requests have the same header as the one before.
  let lastServed: string | undefined
  app.addHook('onRequest', (request, _reply, done) => {
    const { httpVersion, headers: { host }, rawHeaders, url = '' } = request.raw
    if (host === undefined) {
      done(httpVersion === '1.0' ? undefined : new LogError('malformed_request', 'host: expected a header of that name, got none'))
      return
    }
    if (hasSeveralHosts(rawHeaders)) {
      done(new LogError('malformed_request', 'host: expected one header of that name, got more'))
      return
    }
    // A path, as nearly always, or `*`. In a full URL there is a second host, which a proxy may have looked at.
    if (url.charCodeAt(0) !== slash && url !== '*' && hostOf(url) !== host.toLowerCase()) {
      done(new LogError('malformed_request', `host: expected that of the URL in the request line, got ${show.text(host)}`))
      return
    }
    if (served !== undefined && host !== lastServed) {
      if (!served.includes(host.toLowerCase().replace(/:\d*$/, ''))) {
        done(new LogError('misdirected_request',
          `host: expected ${loopbackNames.join(', ')} or a name from the setting ALLOWED_HOSTS, got ${show.text(host)}`))
        return
      }
      lastServed = host
    }
    done()
  })
}

const slash = '/'.charCodeAt(0)

/** @param url `http://HOST/…`. @returns the host in lower case, with its port */
function hostOf (url: string): string | undefined {
  return /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]!.toLowerCase()
}

/** Whether there is more than one `Host` header. Node keeps only the first in `headers`. */
function hasSeveralHosts (rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count > 1
}
