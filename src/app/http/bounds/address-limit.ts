import type { FastifyInstance } from 'fastify'
import type { Limits } from '../../../domain/limits.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'
import { RateLimiter, tooFast } from './rate-limiter.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Requests to this route are never refused because of their rate. */
    unlimited?: boolean
  }
}

/**
 * Refuses requests of an address that come faster than `ratePerSecond`. The address is the client's only if the proxies in
 * between are trusted: see `trustProxy` of the app.
 */
export function addAddressLimit (
  app: FastifyInstance, ratePerSecond: number, { rateAddressesMax }: Limits, telemetry: Telemetry
): void {
  const limiter = new RateLimiter(ratePerSecond, rateAddressesMax)
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.unlimited === true) {
      done()
      return
    }
    const waitMs = limiter.take(clientOf(request.ip), ratePerSecond)
    if (waitMs === 0) {
      done()
      return
    }
    telemetry.refused('rate')
    done(tooFast('address', ratePerSecond, waitMs))
  })
}

/** What a proxy may have written instead of an address is not kept, however long it is. */
const addressCharsMax = 45

/**
 * Who has an address: of IPv6, the network of 64 bits, because that is what one customer gets, so one can use all its addresses.
 * @param address `undefined` if the connection has ended
 */
export function clientOf (address: string | undefined): string {
  if (address === undefined || address.length > addressCharsMax) return 'unknown'
  if (!address.includes(':')) return address
  // An IPv4 client of a socket that listens on both.
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1)
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail]
  return groups.slice(0, 4).join(':')
}
