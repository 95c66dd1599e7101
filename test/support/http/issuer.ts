import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'

export interface Key { readonly kid: string, readonly alg: string, readonly privateKey: CryptoKey, readonly jwk: JWK }

export async function createKey (kid: string, alg = 'ES256'): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } }
}

/** An issuer of JWTs: a key set on a real HTTP server. */
export interface Issuer {
  readonly url: string
  /** Those that it publishes. */
  keys: JWK[]
  /** Requests for the keys so far. */
  requests: number
  /** Answers in place of the key set. */
  answer: RequestListener | undefined
}

export const issuerName = 'https://login.example.com/'
export const audience = 'https://streams.example.com'

export async function startIssuer (t: TestContext, keys: readonly Key[] = []): Promise<Issuer> {
  const server = createServer((request, response) => {
    issuer.requests++
    if (issuer.answer !== undefined) {
      issuer.answer(request, response)
      return
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: issuer.keys }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    keys: keys.map(({ jwk }) => jwk),
    requests: 0,
    answer: undefined
  }
  return issuer
}

/** Seconds since epoch, so much later. */
export function inSeconds (seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds
}

/** A valid token with those claims and members of the header in addition; those that are `undefined` are left out. */
export function sign (key: Key, claims: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const all = { iss: issuerName, aud: audience, sub: 'alice', exp: inSeconds(300), scope: 'consume:orders', ...claims }
  return new SignJWT(JSON.parse(JSON.stringify(all)) as Record<string, unknown>)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey)
}
