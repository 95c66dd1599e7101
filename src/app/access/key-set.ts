import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import type { Limits } from '../../domain/limits.ts'

/** The issuer's keys cannot be had. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError'
}

export interface KeySetOptions {
  readonly url: string
  readonly limits: Limits
  /** Gets why the keys could not be fetched, in words, once for each attempt. */
  readonly warn: (text: string) => void
  readonly monotonic?: () => number
}

/**
 * The keys of an issuer. They are fetched when the first token comes, again when a token names a key that is not among them, and
 * in the background while they are in use. No client can cause more than one request in each cool-down. While the issuer does not
 * answer, known keys are used on for a bounded time.
 * @returns a function that throws KeySetError, or JOSEError if there is no key for the token
 */
export function createKeySet (options: KeySetOptions): JWTVerifyGetKey {
  const { limits: { jwksTimeoutMs, jwksCooldownMs, jwksRefreshMs, jwksAgeMaxMs }, monotonic = () => performance.now() } = options
  const keySet = createRemoteJWKSet(new URL(options.url), {
    timeoutDuration: jwksTimeoutMs,
    cooldownDuration: jwksCooldownMs,
    cacheMaxAge: jwksAgeMaxMs,
    [customFetch]: createFetch(options, monotonic)
  })
  let fetchedAt = -Infinity
  return async (header, token) => {
    if (!keySet.fresh) fetchedAt = monotonic()
    else if (monotonic() - fetchedAt > jwksRefreshMs) {
      fetchedAt = monotonic()
      keySet.reload().catch(() => {})
    }
    return keySet(header, token)
  }
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Does not ask an issuer again shortly after it did not answer, and reads no more than a key set can have. */
function createFetch ({ limits, warn }: KeySetOptions, monotonic: () => number): Fetch {
  const { jwksBytesMax, jwksCooldownMs } = limits
  let failedAt = -Infinity
  return async (url, init) => {
    if (monotonic() - failedAt < jwksCooldownMs) throw new KeySetError('The issuer did not answer a moment ago.')
    try {
      const response = await fetch(url, init)
      if (response.status !== 200) throw new KeySetError(`expected status 200, got ${response.status}`)
      const body = await textOf(response, jwksBytesMax)
      checkKeys(body)
      return new Response(body)
    } catch (error) {
      failedAt = monotonic()
      const { message, cause } = error as Error
      warn(`The key set at JWT_JWKS_URL could not be read: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
      throw new KeySetError(message, { cause: error })
    }
  }
}

async function textOf ({ body }: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new KeySetError(`expected at most ${bytesMax} bytes, got more`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** @throws KeySetError unless the text is a key set: an issuer that sends something else counts as one that does not answer */
function checkKeys (text: string): void {
  let keys: unknown
  try {
    keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch {
    throw new KeySetError('expected a JSON Web Key Set, got no JSON')
  }
  const isSet = Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null && !Array.isArray(key))
  if (!isSet) throw new KeySetError('expected a JSON Web Key Set, got other JSON')
}
