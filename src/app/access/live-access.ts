import type { FastifyRequest } from 'fastify'
import type { Principal } from '../../domain/access/principal.ts'
import { hasCode, LogError } from '../../domain/errors.ts'
import type { Limits } from '../../domain/limits.ts'
import { forEachBounded } from '../../domain/store-calls.ts'
import type { Authenticator } from './authenticator.ts'

/** A request that lasts, and may be ended because of its credentials. */
export interface Watch {
  /** Whether it was ended. */
  readonly ended: boolean
  /** Must be called when the request ends by itself. */
  release (): void
}

export interface LiveAccessDeps {
  readonly authenticator: Authenticator
  readonly limits: Limits
  /** Ms since epoch. */
  readonly wall?: () => number
  readonly monotonic?: () => number
}

/** The requests with the same credentials. */
interface Client {
  readonly principal: Principal
  readonly watches: Set<LiveWatch>
  /** When its credentials were valid, in monotonic ms. */
  validAt: number
}

/**
 * Ends requests that wait or stream when their token is revoked or expires. One timer looks at the credentials of all of them, so
 * thousands of streams with one token cost one look-up, and no timer of their own.
 */
export class LiveAccess {
  readonly #deps: Required<LiveAccessDeps>
  /** By their `Authorization`. */
  readonly #clients = new Map<string, Client>()
  #timer: NodeJS.Timeout | undefined
  #checking = false

  constructor (deps: LiveAccessDeps) {
    this.#deps = { wall: Date.now, monotonic: () => performance.now(), ...deps }
  }

  /** Credentials of requests that last. */
  get size (): number { return this.#clients.size }

  /** @param end called once, if the credentials are not valid any more */
  watch (request: FastifyRequest, end: () => void): Watch {
    const { principal, headers: { authorization } } = request
    // What a platform has checked lasts as long as the platform's request.
    if (authorization === undefined || (principal.kind !== 'token' && principal.kind !== 'jwt')) return unwatched
    let client = this.#clients.get(authorization)
    if (client === undefined) {
      client = { principal, watches: new Set(), validAt: this.#deps.monotonic() }
      this.#clients.set(authorization, client)
    }
    const watch = new LiveWatch(request, end, () => { this.#release(authorization, watch) })
    client.watches.add(watch)
    this.#timer ??= setInterval(() => { this.#check().catch(() => {}) }, this.#deps.limits.liveCheckMs).unref()
    return watch
  }

  #release (authorization: string, watch: LiveWatch): void {
    const client = this.#clients.get(authorization)
    if (client?.watches.delete(watch) !== true || client.watches.size > 0) return
    this.#clients.delete(authorization)
    if (this.#clients.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #check (): Promise<void> {
    if (this.#checking) return
    this.#checking = true
    // Nothing in it rejects.
    await forEachBounded([...this.#clients.values()], this.#deps.limits.readConcurrency, async (client) => {
      if (!await this.#isValid(client)) for (const watch of [...client.watches]) watch.endNow()
    })
    this.#checking = false
  }

  async #isValid (client: Client): Promise<boolean> {
    const { authenticator, limits, wall, monotonic } = this.#deps
    const { principal: { kind, expiresAtMs }, watches } = client
    if (expiresAtMs !== undefined && wall() >= expiresAtMs) return false
    const [watch] = watches
    // A JWT can't be revoked.
    if (watch === undefined || kind === 'jwt') return true
    const startedAt = monotonic()
    try {
      await authenticator.authenticate(watch.request)
      client.validAt = startedAt
      return true
    } catch (error) {
      // While the storage does not answer, nobody can tell. That is no reason to end all streams at once, nor to go on forever.
      return !hasCode(error, 'unauthorized') && startedAt - client.validAt < limits.liveUncheckedMs
    }
  }
}

class LiveWatch implements Watch {
  readonly request: FastifyRequest
  readonly #end: () => void
  readonly release: () => void
  ended = false

  constructor (request: FastifyRequest, end: () => void, release: () => void) {
    this.request = request
    this.#end = end
    this.release = release
  }

  endNow (): void {
    this.release()
    this.ended = true
    this.#end()
  }
}

const unwatched: Watch = { ended: false, release () {} }

/** The error with which a request ends while it lasts. */
export function endedAccess (): LogError {
  return new LogError('unauthorized', 'authorization: expected a token that stays valid, got one that was revoked or has expired meanwhile')
}
