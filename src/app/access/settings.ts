import { type Static, type TObject, Type } from '@sinclair/typebox'
import { isLoopback } from '../http/host-check.ts'
import { show } from '../http/validation.ts'
import type { JwtSettings } from './jwt.ts'

const authValues = ['none', 'tokens', 'jwt', 'tokens,jwt', 'platform'] as const
const authExpected = 'one of none, tokens, jwt, "tokens,jwt", platform'

/** The environment variables about access. */
export const AccessSettingsSchema = Type.Object({
  AUTH: Type.Optional(Type.Union(authValues.map((value) => Type.Literal(value)), {
    description: 'How clients prove who they are: access tokens, JWTs, either, what the platform of a Lambda function has checked, or ' +
      'not at all. Not set: not at all, and only on a loopback address',
    'x-expected': authExpected
  })),
  JWT_ISSUER: Type.Optional(Type.String({
    description: 'The `iss` of the JWTs that are accepted',
    pattern: '^\\S{1,1000}$',
    'x-expected': 'the iss of the JWTs, such as https://login.example.com/'
  })),
  JWT_AUDIENCE: Type.Optional(Type.String({
    description: 'The `aud` that JWTs must have: the name under which the issuer knows this service',
    pattern: '^\\S{1,1000}$',
    'x-expected': 'the aud of the JWTs, such as https://streams.example.com'
  })),
  JWT_JWKS_URL: Type.Optional(Type.String({
    description: 'Where the issuer publishes its public keys; `jwks_uri` of its OpenID configuration',
    minLength: 1,
    'x-expected': 'a URL that begins with https://, or with http:// on a loopback address'
  })),
  JWT_SCOPE_CLAIM: Type.String({
    description: 'The claim of a JWT that has its grants, separated by spaces or as an array',
    default: 'scope',
    pattern: '^[A-Za-z0-9_.:/-]{1,200}$',
    'x-expected': 'the name of a claim, such as scope, scp, permissions or https://example.com/scope'
  })
})

type Variables = Static<typeof AccessSettingsSchema>

/** How it is found out who sends a request. */
export type AccessSettings =
  | { readonly kind: 'none' | 'platform' }
  | { readonly kind: 'bearer', readonly tokens: boolean, readonly jwt: JwtSettings | undefined }

const jwtVariables = ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL'] as const

/** @param wrong gets a line for each variable that is missing, or contradicts another @returns `undefined` if AUTH is not set */
export function accessOf (variables: Variables, wrong: string[]): AccessSettings | undefined {
  const { AUTH: auth, JWT_JWKS_URL: jwksUrl } = variables
  const usesJwt = auth === 'jwt' || auth === 'tokens,jwt'
  for (const name of jwtVariables) {
    const { 'x-expected': expected } = (AccessSettingsSchema as TObject).properties[name]!
    if (usesJwt && variables[name] === undefined) wrong.push(`${name}: expected ${expected} because AUTH is ${auth}, got nothing`)
    // Who sets it believes that the server checks tokens.
    if (!usesJwt && variables[name] !== undefined) {
      wrong.push(`AUTH: expected jwt or "tokens,jwt" because ${name} is set, got ${auth ?? 'nothing'}`)
    }
  }
  if (jwksUrl !== undefined && !isSafe(jwksUrl)) {
    wrong.push(`JWT_JWKS_URL: expected ${AccessSettingsSchema.properties.JWT_JWKS_URL['x-expected']}, got ${show.text(jwksUrl)}`)
  }
  switch (auth) {
    case undefined: return undefined
    case 'none': case 'platform': return { kind: auth }
    case 'tokens': return { kind: 'bearer', tokens: true, jwt: undefined }
    default: return { kind: 'bearer', tokens: auth === 'tokens,jwt', jwt: jwtOf(variables) }
  }
}

/** Who can change the keys on their way can make tokens. A URL with credentials ends up in logs, and `fetch` does not take it. */
function isSafe (text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  const isHttps = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')))
  return isHttps && username === '' && password === ''
}

function jwtOf (variables: Variables): JwtSettings {
  const { JWT_ISSUER: issuer = '', JWT_AUDIENCE: audience = '', JWT_JWKS_URL: jwksUrl = '', JWT_SCOPE_CLAIM: scopeClaim } = variables
  return { issuer, audience, jwksUrl, scopeClaim }
}

const firstToken = 'npm run token -- create --name admin --allow admin:*'

/** The access of a server that listens on the address. @returns it, or a line that says what to set */
export function accessOfServer (access: AccessSettings | undefined, host: string): AccessSettings | string {
  if (access?.kind === 'platform') {
    return 'AUTH: expected one of none, tokens, jwt, "tokens,jwt", got platform, which is for AWS Lambda: there, events say who was ' +
      'authenticated. If a proxy authenticates clients, and nobody else can reach the port, set AUTH=none'
  }
  if (access !== undefined) return access
  if (isLoopback(host)) return { kind: 'none' }
  return `AUTH: expected a value because HOST is ${host}, where other machines can reach the server, got nothing. ` +
    `Set AUTH=tokens, and make the first token with \`${firstToken}\`; or set AUTH=none, and everybody who can reach the port can ` +
    'read, write and delete everything'
}

/** The access of a function. @returns it, or a line that says what to set */
export function accessOfFunction (access: AccessSettings | undefined): AccessSettings | string {
  return access ?? `AUTH: expected ${authExpected}, got nothing. On AWS Lambda it must be set: AUTH=platform if the API or the ` +
    'function URL authenticates clients; AUTH=tokens if this service does; AUTH=none, and everybody who can reach the URL can read, ' +
    'write and delete everything'
}
