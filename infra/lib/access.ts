/** Who may use the service. */
import type { Values } from './context.ts'

export type Auth = NonNullable<Values['auth']>

export interface Access {
  readonly auth: Auth
  /** For `jwt`. */
  readonly jwt: Jwt | undefined
}

export interface Jwt {
  readonly issuer: string
  readonly audience: string
  readonly jwksUrl: string
  readonly scopeClaim: string | undefined
}

/** The ways out, where none was chosen: an API on the internet has no access control that fits everybody. */
export const authNeeded = `auth: is missing. Say who may use the service:
  -c auth=tokens    whoever has an access token; you make the first one with "npm run token"
  -c auth=jwt -c jwtIssuer=https://… -c jwtAudience=… -c jwtJwksUrl=https://…
                    whoever has a token of your identity provider
  -c auth=platform  whoever AWS IAM allows to invoke the API; requests are signed
  -c auth=none      everybody on the internet who finds the URL: reads, writes and deletes all topics`

/** Adds a line to `wrong` for each value that is missing, or that has no effect. */
export function readAccess (values: Values, wrong: string[]): Access {
  const { auth = 'none', jwtIssuer, jwtAudience, jwtJwksUrl, jwtScopeClaim } = values
  const given = { jwtIssuer, jwtAudience, jwtJwksUrl }
  if (!usesJwt(auth)) {
    const useless = Object.entries({ ...given, jwtScopeClaim }).filter(([, value]) => value !== undefined && values.auth !== undefined)
    wrong.push(...useless.map(([name]) => `${name}: has no effect with auth=${auth}`))
    return { auth, jwt: undefined }
  }
  const missing = Object.entries(given).filter(([, value]) => value === undefined)
  wrong.push(...missing.map(([name]) => `${name}: is missing, auth=${auth} needs it`))
  return { auth, jwt: { issuer: jwtIssuer ?? '', audience: jwtAudience ?? '', jwksUrl: jwtJwksUrl ?? '', scopeClaim: jwtScopeClaim } }
}

function usesJwt (auth: Auth): boolean {
  return auth === 'jwt' || auth === 'tokens,jwt'
}

/** The environment variables of the service. */
export function accessVariables ({ auth, jwt }: Access): Record<string, string> {
  return {
    AUTH: auth,
    ...jwt !== undefined && { JWT_ISSUER: jwt.issuer, JWT_AUDIENCE: jwt.audience, JWT_JWKS_URL: jwt.jwksUrl },
    ...jwt?.scopeClaim !== undefined && { JWT_SCOPE_CLAIM: jwt.scopeClaim }
  }
}
