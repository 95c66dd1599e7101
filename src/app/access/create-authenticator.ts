import type { FastifyRequest } from 'fastify'
import type { Limits } from '../../domain/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Authenticator, noAuthenticator } from './authenticator.ts'
import { createBearerAuthenticator, type Tokens } from './bearer-authenticator.ts'
import { createPlatformAuthenticator } from './platform.ts'
import type { AccessSettings } from './settings.ts'

export interface AuthenticatorDeps {
  readonly tokens: Tokens
  readonly limits: Limits
  readonly clock: Clock
  /** Gets what an operator should know, in words. */
  readonly warn: (text: string) => void
  /** On a platform that authenticates clients: who sends the request, as far as the platform says so. */
  readonly platformIdentity?: (request: FastifyRequest) => string | undefined
}

/** The authenticator for the settings. What only JWTs need is loaded only for them. */
export async function createAuthenticator (
  access: AccessSettings, { tokens, limits, clock, warn, platformIdentity = () => undefined }: AuthenticatorDeps
): Promise<Authenticator> {
  switch (access.kind) {
    case 'none': return noAuthenticator
    case 'platform': return createPlatformAuthenticator(platformIdentity)
    case 'bearer': {
      const jwts = access.jwt === undefined
        ? undefined
        : (await import('./jwt.ts')).createJwts({ settings: access.jwt, limits, clock, warn })
      return createBearerAuthenticator(limits, { tokens: access.tokens ? tokens : undefined, jwts })
    }
  }
}

/** As the setting AUTH has it, for the log. */
export function describeAccess (access: AccessSettings): string {
  if (access.kind !== 'bearer') return access.kind
  return [...access.tokens ? ['tokens'] : [], ...access.jwt === undefined ? [] : ['jwt']].join()
}
