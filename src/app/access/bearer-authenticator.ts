import { tokenPrefix } from '../../domain/access/tokens.ts'
import type { Principal } from '../../domain/access/principal.ts'
import type { Limits } from '../../domain/limits.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerOf, unauthorized } from './bearer.ts'

/** Finds the principals of access tokens. */
export interface Tokens {
  /** @returns `undefined` for a token that is unknown, revoked or expired @throws LogError by the promise only, if it can't be looked up */
  find (text: string): Principal | undefined | Promise<Principal | undefined>
}

/** Finds the principals of JWTs. */
export interface Jwts {
  /** @throws LogError `unauthorized`, `auth_unavailable`, also as a rejection */
  verify (text: string): Principal | Promise<Principal>
}

/** `Authorization: Bearer …` with an access token, a JWT, or either. */
export function createBearerAuthenticator (
  { authorizationBytesMax }: Limits, { tokens, jwts }: { readonly tokens?: Tokens | undefined, readonly jwts?: Jwts | undefined }
): Authenticator {
  return {
    required: true,
    authenticate ({ raw }) {
      const text = bearerOf(raw, authorizationBytesMax)
      // No JWT begins with the prefix: it does not begin a JSON object in base64url.
      if (jwts !== undefined && (tokens === undefined || !text.startsWith(tokenPrefix))) return jwts.verify(text)
      const found = tokens!.find(text)
      return found instanceof Promise ? found.then(known) : known(found)
    }
  }
}

function known (principal: Principal | undefined): Principal {
  if (principal === undefined) throw unauthorized('expected a valid token, got one that is unknown, revoked or expired')
  return principal
}
