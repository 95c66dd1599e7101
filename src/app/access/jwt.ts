import { createHash } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import { Grants } from '../../domain/access/grants.ts'
import type { Principal } from '../../domain/access/principal.ts'
import { LogError } from '../../domain/errors.ts'
import type { Limits } from '../../domain/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Jwts } from './bearer-authenticator.ts'
import { unauthorized } from './bearer.ts'
import { createKeySet, KeySetError } from './key-set.ts'

export interface JwtSettings {
  readonly issuer: string
  readonly audience: string
  readonly jwksUrl: string
  /** The claim that has the grants. */
  readonly scopeClaim: string
}

export interface JwtDeps {
  readonly settings: JwtSettings
  readonly limits: Limits
  readonly clock: Clock
  readonly warn: (text: string) => void
}

/** With a public key only: a symmetric algorithm would take the public key for a shared secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** RFC 7519 and RFC 9068. Without `typ` there is no other use that the token could be for. */
const types = ['jwt', 'at+jwt']
const subjectCharsMax = 255

/** Verifies JWTs of one issuer, and remembers for a short time which were valid. */
export function createJwts ({ settings, limits, clock, warn }: JwtDeps): Jwts {
  const keys = createKeySet({ url: settings.jwksUrl, limits, warn })
  const { jwtsKeptBytes, jwtKeptMs } = limits
  // By their hashes, and bounded by the length of the tokens, since a token with many grants takes more memory.
  const verified = new LRUCache<string, Principal>({
    maxSize: jwtsKeptBytes, ttl: jwtKeptMs, perf: { now: () => clock.monotonic() }
  })
  return {
    verify (text) {
      const hash = createHash('sha256').update(text).digest('base64')
      const kept = verified.get(hash)
      if (kept !== undefined && kept.expiresAtMs! > clock.wall()) return kept
      return verify(text, keys, settings, limits, clock).then((principal) => {
        verified.set(hash, principal, { size: text.length })
        return principal
      })
    }
  }
}

async function verify (
  text: string, keys: JWTVerifyGetKey, { issuer, audience, scopeClaim }: JwtSettings, { clockToleranceMs }: Limits, clock: Clock
): Promise<Principal> {
  try {
    const { payload, protectedHeader } = await jwtVerify(text, keys, {
      algorithms,
      issuer,
      audience,
      requiredClaims: ['exp', 'sub'],
      clockTolerance: clockToleranceMs / 1_000,
      currentDate: new Date(clock.wall())
    })
    checkType(protectedHeader.typ)
    return {
      kind: 'jwt',
      id: subjectOf(payload),
      grants: new Grants(scopesOf(payload, scopeClaim)),
      expiresAtMs: payload.exp! * 1_000 + clockToleranceMs
    }
  } catch (error) {
    throw toLogError(error)
  }
}

function checkType (typ: unknown): void {
  if (typ === undefined) return
  if (typeof typ === 'string' && types.includes(typ.toLowerCase().replace(/^application\//, ''))) return
  throw unauthorized('expected a JWT with typ JWT or at+jwt, got another')
}

function subjectOf ({ sub }: JWTPayload): string {
  if (typeof sub === 'string' && sub !== '' && sub.length <= subjectCharsMax) return sub
  throw unauthorized(`expected a JWT with a sub of 1 to ${subjectCharsMax} characters, got another`)
}

/** Grants separated by spaces, or an array of them. What is neither is no grant. */
function scopesOf (payload: JWTPayload, claim: string): readonly string[] {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined
  if (typeof value === 'string') return value.split(' ')
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** The reason in words. Nothing of the token: it is sent to the client, and who reads a log must not learn a token. */
function toLogError (error: unknown): LogError {
  if (error instanceof LogError) return error
  if (error instanceof KeySetError) {
    return new LogError('auth_unavailable', 'The keys of the issuer of tokens cannot be read at the moment.')
  }
  if (error instanceof errors.JWTExpired) return unauthorized('expected a valid token, got one that has expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    const claim = ['iss', 'aud', 'nbf', 'exp', 'sub'].find((name) => name === error.claim)
    if (claim !== undefined) {
      return unauthorized(`expected a JWT of this server's issuer and audience, got one whose ${claim} is missing or is not accepted`)
    }
  }
  if (error instanceof errors.JWKSNoMatchingKey) return unauthorized('expected a JWT that a key of the issuer has signed, got another key')
  return unauthorized('expected a token of this server, or a JWT that is signed by its issuer, got neither')
}
