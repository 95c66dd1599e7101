import type { Clock } from '../../ports/clock.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { StoredToken, TokenStore } from '../../ports/token-store.ts'
import { LogError } from '../errors.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import { forEachBounded, repeated, StoreCalls } from '../store-calls.ts'
import { observedTokens } from '../telemetry.ts'
import { toLogError } from '../to-log-error.ts'
import type { Principal } from './principal.ts'
import { decodeToken, encodeToken, type TokenRecord } from './token-codec.ts'
import { TokenLookups } from './token-lookups.ts'
import { harmless, type NewToken, problemOf } from './token-rules.ts'
import { drawToken, hashOf, idOf, randomText, type RandomText } from './token-text.ts'

export { tokenPattern, tokenPrefix } from './token-text.ts'
export { allowExpected, nameExpected, namePattern, type NewToken, problemOf } from './token-rules.ts'

/** What can be told of a token. */
export interface TokenDescription {
  readonly id: string
  /** `undefined`: what is stored can't be read, so the token is refused. */
  readonly token: Omit<TokenRecord, 'hash'> | undefined
}

export interface CreatedToken {
  /** The token itself, which is not stored. */
  readonly text: string
  readonly id: string
  readonly token: Omit<TokenRecord, 'hash'>
}

export interface TokenPage {
  /** Ascending by id. It may have fewer than were asked for, even none, though there are more. */
  readonly tokens: readonly TokenDescription[]
  /** The `after` of the next page; absent after the last one. */
  readonly next?: string
}

export interface TokensDeps {
  readonly store: TokenStore
  readonly clock: Clock
  readonly limits?: Limits
  /** A number in [0, 1), for delays. */
  readonly random?: () => number
  readonly randomText?: RandomText
  /** Gets the calls to the store. */
  readonly telemetry?: Telemetry
  /** Gets what an operator should know, in words; of each token that can't be read once. */
  readonly warn?: (text: string) => void
}

const STORE = 'the token store'
/** Ids that are drawn, if there are tokens with those before. It takes years of creating until one is there. */
const DRAWS_MAX = 3

/** Access tokens. All methods throw only LogError. */
export class Tokens {
  readonly #deps: TokensDeps & { readonly limits: Limits, readonly random: () => number }
  readonly #store: TokenStore
  readonly #lookups: TokenLookups

  constructor (deps: TokensDeps) {
    const { store, clock, limits = defaultLimits, random = Math.random, telemetry, warn = () => {} } = deps
    this.#deps = { ...deps, limits, random }
    this.#store = telemetry === undefined ? store : observedTokens(store, telemetry, clock)
    const ofLookup = { clock, limits, random }
    this.#lookups = new TokenLookups({
      clock,
      limits,
      warn,
      read: (id) => toLogErrors(repeated(ofLookup, limits.tokenReadTimeoutMs, STORE, (signal) => this.#store.read(id, { signal })))
    })
  }

  /**
   * Whose token it is; `undefined` if it is malformed, unknown, revoked or expired. It answers at once, without a promise, if the
   * token was looked up in the last `tokenCacheMs`.
   * @throws LogError `storage_throttled`, `storage_unavailable`, `storage_misconfigured` if the token can't be looked up, and
   * `rate_limited` if too many unknown tokens come; only by the promise
   */
  find (text: string): Principal | undefined | Promise<Principal | undefined> {
    return this.#lookups.find(text)
  }

  /**
   * Not idempotent: each call that succeeds creates a token. One that fails may have created a token that nobody has.
   * @param createdBy in words, for the list
   * @throws LogError `invalid_request`
   */
  async create (wanted: NewToken, createdBy: string): Promise<CreatedToken> {
    const { clock, limits } = this.#deps
    const now = Math.floor(clock.wall())
    const problem = problemOf(wanted, now, limits)
    if (problem !== undefined) throw new LogError('invalid_request', problem)
    const { name, allow, expiresInMs, requestsPerSecond } = wanted
    const expiresAtMs = expiresInMs === undefined ? wanted.expiresAtMs : now + expiresInMs
    const token = { name, allow, createdAtMs: now, createdBy: harmless(createdBy), expiresAtMs, requestsPerSecond }
    const calls = this.#calls()
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const text = drawToken(this.#deps.randomText ?? randomText)
      const id = idOf(text)
      if (await toLogErrors(this.#stored(calls, { id, text: encodeToken({ hash: hashOf(text), ...token }) }))) return { text, id, token }
    }
    throw new LogError('internal', 'Something unexpected happened.', { cause: new Error('all ids that were drawn are those of tokens') })
  }

  /** @throws LogError `token_not_found` */
  async describe (id: string): Promise<TokenDescription> {
    const stored = await toLogErrors(this.#read(this.#calls(), id))
    if (stored === undefined) throw notFound(id)
    return descriptionOf(stored)
  }

  /** Tokens with ids after `after`. Makes a call for each. */
  async list (after: string, limit: number): Promise<TokenPage> {
    const calls = this.#calls()
    const { ids, truncated } = await toLogErrors(calls.make('list', STORE, (signal) => this.#store.list(after, limit, { signal })))
    const found: Array<StoredToken | undefined> = ids.map(() => undefined)
    await toLogErrors(forEachBounded(ids, this.#deps.limits.readConcurrency, async (id, index) => {
      found[index] = await this.#read(calls, id)
    }))
    // Some may have been removed in the meantime.
    const tokens = found.filter((stored) => stored !== undefined).map(descriptionOf)
    return { tokens, ...truncated && { next: ids.at(-1)! } }
  }

  /**
   * This process refuses the token at once, others within `tokenCacheMs`. One that can't be read is revoked, too.
   * @throws LogError `token_not_found`
   */
  async revoke (id: string): Promise<void> {
    const calls = this.#calls()
    const removed = await toLogErrors(calls.make('write', STORE, (signal) => this.#store.remove(id, { signal })))
    this.#lookups.forget(id)
    // A repeated call does not find what the one before has removed.
    if (!removed && calls.counts.write === 1) throw notFound(id)
  }

  /** @returns whether it is stored; if not, another token has the id */
  async #stored (calls: StoreCalls, token: StoredToken): Promise<boolean> {
    const created = await calls.make('write', STORE, (signal) => this.#store.create(token, { signal }))
    // A repeated call finds what the one before has stored.
    return created === 'created' || (await this.#read(calls, token.id))?.text === token.text
  }

  #read (calls: StoreCalls, id: string): Promise<StoredToken | undefined> {
    return calls.make('read', STORE, (signal) => this.#store.read(id, { signal }))
  }

  #calls (): StoreCalls {
    return new StoreCalls(this.#deps)
  }
}

function descriptionOf ({ id, text }: StoredToken): TokenDescription {
  const stored = decodeToken(text)
  if (stored === undefined) return { id, token: undefined }
  const { hash: _, ...token } = stored
  return { id, token }
}

function notFound (id: string): LogError {
  return new LogError('token_not_found', `There is no access token with the id ${JSON.stringify(harmless(id))}.`)
}

async function toLogErrors<T> (call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw toLogError(error)
  }
}
