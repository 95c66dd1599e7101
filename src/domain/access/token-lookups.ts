import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import type { StoredToken } from '../../ports/token-store.ts'
import type { Bytes, Ms } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { Grants } from './grants.ts'
import type { Principal } from './principal.ts'
import { decodeToken } from './token-codec.ts'
import { hashOf, idOf, isToken, tokenChars } from './token-text.ts'

export interface LookupDeps {
  readonly clock: Clock
  readonly limits: Limits
  /** @throws LogError */
  readonly read: (id: string) => Promise<StoredToken | undefined>
  /** Gets what an operator should know, in words. */
  readonly warn: (text: string) => void
}

/** When something was looked up. Both clocks, because neither goes on in every machine that was suspended. */
interface Seen { monotonicMs: Ms, wallMs: Ms }

interface Known extends Seen {
  /** As it is stored, to see that it is still the same. */
  readonly text: string
  /** The digits of the hash. */
  readonly hash: Buffer
  readonly principal: Principal
  readonly bytes: Bytes
}

/** Of the objects around the text of a token. */
const OVERHEAD_BYTES = 1_024

/**
 * Finds tokens in the store, and remembers what it found for `tokenCacheMs`. Two kinds of requests could make it expensive, and
 * both are bounded: ids that have no token, which anybody can make up, and many requests with one token.
 */
export class TokenLookups {
  readonly #deps: LookupDeps
  readonly #known: LRUCache<string, Known>
  /** Ids without a token, or with one that can't be read. `maxSize`, because lru-cache allocates all slots of `max` at construction. */
  readonly #unknown: LRUCache<string, Seen>
  /** In progress, by id. */
  readonly #running = new Map<string, Promise<Known | undefined>>()
  readonly #misses: MissBudget
  /** Ids of tokens that can't be read. */
  readonly #warned = new LRUCache<string, true>({ maxSize: 100, sizeCalculation: () => 1 })
  /** Reused: comparing is synchronous. */
  readonly #digits = Buffer.alloc(64)

  constructor (deps: LookupDeps) {
    const { clock, limits } = deps
    this.#deps = deps
    this.#known = new LRUCache({ maxSize: limits.tokenCacheBytes, sizeCalculation: ({ bytes }) => bytes })
    this.#unknown = new LRUCache({ maxSize: limits.unknownTokensMax, sizeCalculation: () => 1 })
    this.#misses = new MissBudget(clock, limits)
  }

  /**
   * Whose token it is: at once if that is remembered. `undefined` if it is malformed, unknown, revoked or expired.
   * @throws LogError `storage_…`, or `rate_limited` if too many unknown tokens come; by the promise
   */
  find (text: string): Principal | undefined | Promise<Principal | undefined> {
    if (text.length !== tokenChars) return undefined
    const id = idOf(text)
    const known = this.#known.get(id)
    if (known !== undefined && this.#isFresh(known)) return this.#principalOf(known, text)
    if (!isToken(text)) return undefined
    const unknown = this.#unknown.get(id)
    if (unknown !== undefined && this.#isFresh(unknown)) return undefined
    return this.#lookUp(id).then((found) => found === undefined ? undefined : this.#principalOf(found, text))
  }

  /** The token was removed. What is being read now may still have it. */
  forget (id: string): void {
    this.#known.delete(id)
    this.#unknown.set(id, this.#now())
  }

  #lookUp (id: string): Promise<Known | undefined> {
    const running = this.#running.get(id)
    if (running !== undefined) return running
    const isNew = this.#known.peek(id) === undefined
    if (isNew && !this.#misses.take()) return Promise.reject(tooMany())
    const lookup = this.#read(id, isNew).finally(() => { this.#running.delete(id) })
    this.#running.set(id, lookup)
    return lookup
  }

  async #read (id: string, isNew: boolean): Promise<Known | undefined> {
    // What is read is at least as new as this.
    const seen = this.#now()
    const stored = await this.#deps.read(id)
    const removed = this.#unknown.peek(id)
    const isGone = removed !== undefined && removed.monotonicMs >= seen.monotonicMs
    const known = stored === undefined || isGone ? undefined : this.#knownOf(stored, seen)
    if (known === undefined) {
      this.#known.delete(id)
      if (!isGone) this.#unknown.set(id, seen)
      return undefined
    }
    if (isNew) this.#misses.giveBack()
    this.#known.set(id, known)
    return known
  }

  #knownOf (stored: StoredToken, { monotonicMs, wallMs }: Seen): Known | undefined {
    const { id, text } = stored
    const before = this.#known.peek(id)
    if (before?.text === text) return { ...before, monotonicMs, wallMs }
    const token = decodeToken(text)
    if (token === undefined) {
      const text = `What is stored of the access token ${id} can't be read, so it is refused: revoke it, and create another one`
      if (!this.#warned.has(id)) this.#deps.warn(text)
      this.#warned.set(id, true)
      return undefined
    }
    const { hash, name, allow, expiresAtMs, requestsPerSecond } = token
    const principal: Principal = {
      kind: 'token',
      id,
      name,
      grants: new Grants(allow),
      ...expiresAtMs !== undefined && { expiresAtMs },
      ...requestsPerSecond !== undefined && { requestsPerSecond }
    }
    return { text, hash: Buffer.from(hash, 'latin1'), principal, bytes: OVERHEAD_BYTES + 4 * text.length, monotonicMs, wallMs }
  }

  #principalOf ({ hash, principal }: Known, text: string): Principal | undefined {
    this.#digits.write(hashOf(text), 'latin1')
    if (!timingSafeEqual(this.#digits, hash)) return undefined
    return principal.expiresAtMs !== undefined && this.#deps.clock.wall() >= principal.expiresAtMs ? undefined : principal
  }

  #isFresh ({ monotonicMs, wallMs }: Seen): boolean {
    const { clock, limits: { tokenCacheMs } } = this.#deps
    return clock.monotonic() - monotonicMs < tokenCacheMs && clock.wall() - wallMs < tokenCacheMs
  }

  #now (): Seen {
    const { clock } = this.#deps
    return { monotonicMs: clock.monotonic(), wallMs: clock.wall() }
  }
}

/**
 * How many look-ups may find nothing: `unknownTokensPerSecond`, and `unknownTokensBurst` at once. Each takes one before it
 * begins, so this bounds those in progress, too, and gets it back if it finds a token.
 */
class MissBudget {
  readonly #clock: Clock
  readonly #limits: Limits
  #left: number
  #atMs: Ms

  constructor (clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
    this.#left = limits.unknownTokensBurst
    this.#atMs = clock.monotonic()
  }

  take (): boolean {
    const { unknownTokensBurst, unknownTokensPerSecond } = this.#limits
    const now = this.#clock.monotonic()
    this.#left = Math.min(unknownTokensBurst, this.#left + (now - this.#atMs) / 1_000 * unknownTokensPerSecond)
    this.#atMs = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }

  giveBack (): void {
    this.#left++
  }
}

function tooMany (): LogError {
  return new LogError('rate_limited', 'authorization: too many unknown tokens come at the moment, so this one is not looked up', {
    retry_after: 1
  })
}
