import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { CompactEncrypt, exportSPKI, importJWK, type CryptoKey } from 'jose'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import type { Jwts } from '../../../src/app/access/bearer-authenticator.ts'
import { createJwts } from '../../../src/app/access/jwt.ts'
import type { Principal } from '../../../src/domain/access/principal.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { audience, createKey, inSeconds, type Issuer, issuerName, type Key, sign, startIssuer } from '../../support/http/issuer.ts'

interface Setting { readonly jwts: Jwts, readonly issuer: Issuer, readonly warnings: string[] }

async function start (t: TestContext, keys: readonly Key[], limits: Partial<Limits> = {}, scopeClaim = 'scope'): Promise<Setting> {
  const issuer = await startIssuer(t, keys)
  const warnings: string[] = []
  const jwts = createJwts({
    settings: { issuer: issuerName, audience, jwksUrl: issuer.url, scopeClaim },
    limits: { ...defaultLimits, ...limits },
    clock: systemClock,
    warn: (text) => { warnings.push(text) }
  })
  return { jwts, issuer, warnings }
}

async function refused ({ jwts }: Setting, token: string, detail: RegExp, code = 'unauthorized'): Promise<void> {
  await assert.rejects(async () => jwts.verify(token), (error) => {
    assert(error instanceof LogError)
    assert.equal(error.code, code, error.message)
    assert.match(error.message, detail)
    assert(token.length < 8 || !error.message.includes(token))
    return true
  })
}

const base64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

const es = await createKey('es')
const otherIssuer = await createKey('es')
const unsigned = /signed by its issuer/

test('a token of the issuer is its subject with the grants of its scope', async (t) => {
  const setting = await start(t, [es])
  const exp = inSeconds(300)
  const token = await sign(es, { exp, scope: 'openid consume:orders.* produce:orders.eu metrics', other: 1 })
  const { kind, id, name, grants, expiresAtMs } = await setting.jwts.verify(token)
  assert.deepEqual({ kind, id, name, expiresAtMs }, { kind: 'jwt', id: 'alice', name: undefined, expiresAtMs: (exp + 60) * 1_000 })
  assert(grants.may('consume', 'orders.eu') && grants.may('produce', 'orders.eu') && grants.metrics)
  assert(!grants.may('consume', 'orders') && !grants.may('produce', 'orders.us') && !grants.may('groups', 'orders.eu'))
  const again = setting.jwts.verify(token)
  assert(!(again instanceof Promise), 'verified a second time')
  assert.equal(setting.issuer.requests, 1)
})

test('all asymmetric algorithms work, and no other', async (t) => {
  const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
  const keys = await Promise.all(algorithms.map((alg) => createKey(`key of ${alg}`, alg)))
  const setting = await start(t, keys)
  for (const key of keys) assert.equal((await setting.jwts.verify(await sign(key))).id, 'alice', key.alg)
  const [rsa] = keys as [Key]
  // The public key is known to everybody: it must not work as a shared secret.
  const secrets = [await exportSPKI(await importJWK(rsa.jwk, 'RS256') as CryptoKey), JSON.stringify(rsa.jwk), '']
  const payload = base64({ iss: issuerName, aud: audience, sub: 'alice', exp: inSeconds(300) })
  for (const secret of secrets) {
    for (const alg of ['HS256', 'hs256']) {
      const input = `${base64({ alg, kid: rsa.kid, typ: 'JWT' })}.${payload}`
      await refused(setting, `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`, unsigned)
    }
  }
  for (const alg of ['none', 'None', 'nOnE', '', 'RS1', 'ES256K', 'dir', null, 7, {}]) {
    const input = `${base64({ alg, kid: rsa.kid, typ: 'JWT' })}.${payload}`
    for (const signature of ['', 'AAAA', base64('x'.repeat(256))]) await refused(setting, `${input}.${signature}`, unsigned)
  }
  // A valid signature whose header says another algorithm.
  const [header, body, signature] = (await sign(rsa)).split('.') as [string, string, string]
  const changed = base64({ ...JSON.parse(Buffer.from(header, 'base64url').toString()) as object, alg: 'PS256' })
  await refused(setting, `${changed}.${body}.${signature}`, /signed/)
})

test('claims that are missing, wrong, too early or too late', async (t) => {
  const setting = await start(t, [es])
  const wrong: Array<[Record<string, unknown>, RegExp]> = [
    [{ iss: 'https://login.example.com' }, /whose iss/],
    [{ iss: 'https://evil.example.com/' }, /whose iss/],
    [{ iss: [issuerName] }, /whose iss/],
    [{ iss: undefined }, /whose iss/],
    [{ aud: 'https://other.example.com' }, /whose aud/],
    [{ aud: ['a', 'b'] }, /whose aud/],
    [{ aud: [] }, /whose aud/],
    [{ aud: undefined }, /whose aud/],
    [{ exp: inSeconds(-61) }, /has expired/],
    [{ exp: undefined }, /whose exp/],
    [{ exp: '9999999999' }, /whose exp/],
    [{ exp: null }, /whose exp/],
    [{ nbf: inSeconds(70) }, /whose nbf/],
    [{ nbf: 'now' }, /whose nbf/],
    [{ sub: undefined }, /whose sub/],
    [{ sub: '' }, /sub of 1 to 255/],
    [{ sub: 7 }, /sub of 1 to 255/],
    [{ sub: 'x'.repeat(256) }, /sub of 1 to 255/]
  ]
  for (const [claims, detail] of wrong) await refused(setting, await sign(es, claims), detail)
  // Within the tolerance for clocks.
  for (const claims of [{ exp: inSeconds(-50) }, { nbf: inSeconds(50) }, { aud: ['a', audience] }, { sub: 'ä\u2028' }]) {
    assert.equal((await setting.jwts.verify(await sign(es, claims))).kind, 'jwt')
  }
})

test('a remembered token is refused once it has expired', async (t) => {
  const setting = await start(t, [es], { clockToleranceMs: 0 })
  const token = await sign(es, { exp: inSeconds(2) })
  assert.equal((await setting.jwts.verify(token)).id, 'alice')
  assert.equal((await setting.jwts.verify(token)).id, 'alice')
  await pause(2_100)
  await refused(setting, token, /has expired/)
})

test('the grants of each form of scope', async (t) => {
  const may = ({ grants }: Principal): boolean => grants.may('consume', 'orders')
  const cases: Array<[claim: string, value: unknown, may: boolean]> = [
    ['scope', 'consume:orders', true],
    ['scp', ['a', 'consume:orders'], true],
    ['permissions', ['consume:*'], true],
    ['https://example.com/grants', 'x consume:ord*', true],
    ['scope', ['consume:orders a'], false],
    ['scope', 'consume:orders,a', false],
    ['scope', 'a\tconsume:orders', false],
    ['scope', { 'consume:orders': true }, false],
    ['scope', [['consume:orders']], false],
    ['scope', 7, false],
    ['scope', null, false],
    ['scope', undefined, false],
    ['scope', 'Consume:orders consume:ORDERS CONSUME:*  consume: :orders consume:orders:', false],
    ['a.b', undefined, false],
    ['constructor', undefined, false],
    ['toString', undefined, false],
    ['__proto__', undefined, false]
  ]
  for (const [claim, value, expected] of cases) {
    const setting = await start(t, [es], {}, claim)
    const claims = { scope: undefined, a: { b: 'consume:orders' }, ...value === undefined ? {} : { [claim]: value } }
    assert.equal(may(await setting.jwts.verify(await sign(es, claims))), expected, `${claim} ${JSON.stringify(value)}`)
  }
  // JSON in which a claim is there twice: as for all JSON of JavaScript, the last one counts. The issuer has signed both.
  const setting = await start(t, [es])
  const header = base64({ alg: 'ES256', kid: 'es' })
  const twice = JSON.stringify({ iss: issuerName, aud: audience, exp: inSeconds(60), sub: 'a', scope: 'consume:*' })
    .replace(/}$/, ',"sub":"b","scope":"consume:orders"}')
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, es.privateKey, Buffer.from(`${header}.${base64(twice)}`))
  const { id, grants } = await setting.jwts.verify(`${header}.${base64(twice)}.${Buffer.from(signature).toString('base64url')}`)
  assert.deepEqual([id, grants.may('consume', 'orders'), grants.may('consume', 'other')], ['b', true, false])
})

test('headers that would choose the key, or demand what nobody implements', async (t) => {
  const attacker = await createKey('evil')
  const evil = await startIssuer(t, [attacker])
  const setting = await start(t, [es])
  for (const header of [{ jwk: attacker.jwk }, { jku: evil.url }, { x5u: evil.url }, { jku: evil.url, jwk: attacker.jwk, kid: 'es' }]) {
    await refused(setting, await sign(attacker, {}, header), /signed/)
  }
  await refused(setting, await sign(otherIssuer), /signed/)
  assert.equal(evil.requests, 0)
  await refused(setting, await sign(es, {}, { crit: ['exp'], exp: 1 }).catch(async () => {
    // jose does not sign what it does not know.
    const input = `${base64({ alg: 'ES256', kid: 'es', crit: ['exp'], exp: 1 })}.${base64({ sub: 'a' })}`
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, es.privateKey, Buffer.from(input))
    return `${input}.${Buffer.from(signature).toString('base64url')}`
  }), unsigned)
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined]) {
    assert.equal((await setting.jwts.verify(await sign(es, {}, { typ } as object))).id, 'alice', typ)
  }
  for (const typ of ['dpop+jwt', 'logout+jwt', 'secevent+jwt', 'JWS', '', 'x/jwt']) {
    await refused(setting, await sign(es, {}, { typ }), /typ JWT or at\+jwt/)
  }
})

test('what is no JWT', async (t) => {
  const setting = await start(t, [es])
  const token = await sign(es)
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const { publicKey } = await crypto.subtle.generateKey({
    name: 'RSA-OAEP',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256'
  }, true, ['encrypt', 'decrypt'])
  const jwe = new CompactEncrypt(Buffer.from(token)).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
  const encrypted = await jwe.encrypt(publicKey)
  const shapes = [
    encrypted, '', '.', '..', '...', 'a.b.c', `${header}.${payload}`, `${header}.${payload}.`, `${token}.x`, `.${payload}.${signature}`,
    `${header}..${signature}`, `${header}.${payload}.${signature.slice(0, -2)}`, `${base64('[]')}.${payload}.${signature}`,
    `${base64('null')}.${payload}.${signature}`, `${base64('{"alg":"ES256","alg":"none"}')}.${payload}.`, 'x'.repeat(8_000)
  ]
  for (const shape of shapes) await refused(setting, shape, /authorization: expected a (token|JWT)/)
})

test('an unknown key is looked for once in each cool-down, and a new one is found', async (t) => {
  const setting = await start(t, [es], { jwksCooldownMs: 300 })
  const { jwts, issuer } = setting
  await jwts.verify(await sign(es))
  assert.equal(issuer.requests, 1)
  const random = (): Promise<string> => sign(otherIssuer, {}, { kid: `k${Math.random()}` })
  for (let i = 0; i < 20; i++) await refused(setting, await random(), /a key of the issuer/)
  assert.equal(issuer.requests, 1, 'the key set is fresh')
  const next = await createKey('next')
  issuer.keys = [es.jwk, next.jwk]
  await pause(350)
  assert.equal((await jwts.verify(await sign(next))).id, 'alice')
  assert.equal(issuer.requests, 2)
  await Promise.all(Array.from({ length: 20 }, async () => refused(setting, await random(), /a key of the issuer/)))
  assert.equal(issuer.requests, 2)
  await pause(350)
  await Promise.all(Array.from({ length: 20 }, async () => refused(setting, await random(), /a key of the issuer/)))
  assert.equal(issuer.requests, 3)
})

test('a key that the issuer withdraws stops working', async (t) => {
  const setting = await start(t, [es], { jwksRefreshMs: 50, jwtKeptMs: 100 })
  const token = await sign(es)
  await setting.jwts.verify(token)
  setting.issuer.keys = [(await createKey('next')).jwk]
  await pause(150)
  // Fetches the keys again, and goes on with those that are there.
  await setting.jwts.verify(token)
  await pause(150)
  await refused(setting, token, /a key of the issuer/)
})

test('an issuer that does not answer, or nonsense, is asked once in each cool-down', async (t) => {
  const answers: Array<[name: string, answer: Issuer['answer'], RegExp]> = [
    ['an error', (_request, response) => { response.writeHead(500).end('{"keys":[]}') }, /expected status 200, got 500/],
    ['a redirect', (_request, response) => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end() }, /expected status 200, got/],
    ['text', (_request, response) => { response.end('<html>') }, /got no JSON/],
    ['other JSON', (_request, response) => { response.end('{"keys":{"a":1}}') }, /got other JSON/],
    ['null', (_request, response) => { response.end('null') }, /got other JSON/],
    ['null keys', (_request, response) => { response.end('{"keys":[null]}') }, /got other JSON/],
    ['too much', (_request, response) => { response.end(`{"keys":[],"x":"${'x'.repeat(200_000)}"}`) }, /at most 131072 bytes/],
    ['endless', (_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(10_000)), 1)
      response.on('close', () => { clearInterval(timer) })
    }, /at most 131072 bytes/],
    ['a reset', (request) => { request.socket.destroy() }, /fetch failed/],
    ['silence', () => {}, /timeout/],
    ['a stalled body', (_request, response) => { response.write('{') }, /timeout/]
  ]
  for (const [name, answer, warning] of answers) {
    const setting = await start(t, [es], { jwksCooldownMs: 500, jwksTimeoutMs: 300 })
    setting.issuer.answer = answer
    const token = await sign(es)
    await Promise.all(Array.from({ length: 10 }, async () => refused(setting, token, /keys of the issuer/, 'auth_unavailable')))
    await refused(setting, token, /keys of the issuer/, 'auth_unavailable')
    assert.equal(setting.issuer.requests, 1, name)
    assert.equal(setting.warnings.length, 1, name)
    assert.match(setting.warnings[0]!, warning, name)
    setting.issuer.answer = undefined
    await pause(550)
    assert.equal((await setting.jwts.verify(token)).id, 'alice', `${name}: the issuer is back`)
  }
})

test('known keys work on while the issuer does not answer', async (t) => {
  const setting = await start(t, [es], { jwksCooldownMs: 50, jwksRefreshMs: 50, jwksAgeMaxMs: 1_000 })
  await setting.jwts.verify(await sign(es))
  setting.issuer.answer = (request) => { request.socket.destroy() }
  await pause(150)
  assert.equal((await setting.jwts.verify(await sign(es, { sub: 'b' }))).id, 'b')
  await pause(150)
  assert.equal((await setting.jwts.verify(await sign(es, { sub: 'c' }))).id, 'c')
  assert(setting.issuer.requests >= 2)
  await pause(1_000)
  await refused(setting, await sign(es, { sub: 'd' }), /keys of the issuer/, 'auth_unavailable')
})
