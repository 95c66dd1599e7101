import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryTokenStore } from '../../../src/adapters/memory/token-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createBearerAuthenticator } from '../../../src/app/access/bearer-authenticator.ts'
import { createJwts } from '../../../src/app/access/jwt.ts'
import { Tokens } from '../../../src/domain/access/tokens.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { accessApp, bearer } from '../../support/http/access.ts'
import { listeningApp } from '../../support/http/app.ts'
import { audience, createKey, inSeconds, issuerName, sign, startIssuer } from '../../support/http/issuer.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, assertProblem, exchange, produce } from '../../support/http/requests.ts'

const unknown = 'authorization: expected a valid token, got one that is unknown, revoked or expired'
const malformed = 'authorization: expected "Bearer", a space and a token, got another form'
const invalid = 'Bearer realm="streams", error="invalid_token"'

test('a request without a valid token is answered with 401, whatever is wrong with its credentials', async (t) => {
  const log = logLines()
  const { baseUrl, token, tokens } = await accessApp(t, { logger: log.logger })
  const valid = await token('consume:*', 'produce:*')
  const revoked = await token('consume:*')
  await tokens.revoke(revoked.split('_')[1]!)
  const { text: expired } = await tokens.create({ name: 'expired', allow: ['consume:*'], expiresInMs: 20 }, 'a test')
  await new Promise((resolve) => { setTimeout(resolve, 30) })
  const changed = valid.slice(0, -1) + (valid.endsWith('a') ? 'b' : 'a')
  const jwt = await sign(await createKey('a'))
  const cases: Array<[authorization: string, detail: string]> = [
    [`Bearer ${revoked}`, unknown],
    [`Bearer ${expired}`, unknown],
    [`Bearer ${changed}`, unknown],
    [`Bearer ${valid.toUpperCase()}`, unknown],
    [`Bearer ${valid}x`, unknown],
    [`Bearer ${jwt}`, unknown],
    [`Bearer ${'x'.repeat(8_000)}`, unknown],
    [`Bearer ${'x'.repeat(8_192)}`, 'authorization: expected at most 8192 bytes, got more'],
    ['Bearer', malformed],
    ['Bearer ', malformed],
    [`Basic ${Buffer.from(`admin:${valid}`).toString('base64')}`, malformed],
    [`Digest username="${valid}"`, malformed],
    [valid, malformed],
    [`Bearer  ${valid} ${valid}`, malformed],
    [`Bearer ${valid},Bearer ${valid}`, malformed],
    [`Bearer "${valid}"`, malformed],
    [`Bearer ${valid};`, malformed],
    [`BearerX ${valid}`, malformed],
    [`Bearer\t${valid}`, malformed],
    [`Token ${valid}`, malformed]
  ]
  for (const [authorization, detail] of cases) {
    const answer = await ask(baseUrl, { path: '/topics/orders/consume', headers: { authorization } })
    assertProblem(answer, 'unauthorized', detail)
    assert.equal(answer.headers['www-authenticate'], invalid, authorization)
    assert.equal(answer.headers['cache-control'], 'no-store')
  }
  // The body is not looked at, nor are the parameters.
  const late = await ask(baseUrl, { method: 'POST', path: '/topics/orders/produce?x', headers: { 'content-type': 'a/b' }, body: '{' })
  assertProblem(late, 'unauthorized', 'authorization: expected a bearer token, got none')
  assert.equal(late.headers['www-authenticate'], 'Bearer realm="streams"')
  // Several headers, of which one is valid.
  for (const names of [['authorization', 'Authorization'], ['Authorization', 'authorization']]) {
    const lines = ['GET /topics HTTP/1.1', 'host: x', 'connection: close', ...names.map((name) => `${name}: Bearer ${valid}`)]
    const received = await exchange(baseUrl, `${lines.join('\r\n')}\r\n\r\n`)
    assert.match(received, /^HTTP\/1\.1 401 /)
    assert.match(received, /authorization: expected one header of that name, got more/)
  }
  // Tokens in other places are not taken, and not shown either.
  for (const path of [`/topics?access_token=${valid}`, `/topics/${valid}/consume`, `/topics/a/consume?token=${valid}`]) {
    assert.equal((await ask(baseUrl, { path, headers: { cookie: `access_token=${valid}`, 'x-api-key': valid } })).status, 401, path)
  }
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEARER', 'Bearer   ']) {
    assert.equal((await ask(baseUrl, { path: '/topics', headers: { authorization: `${scheme} ${valid}` } })).status, 200, scheme)
  }
  // Of a token, the log has its id only.
  for (const text of [valid, revoked, expired, jwt]) assert(!log.text().includes(text.slice(-20)), 'a token is in the log')
  assert(!log.text().includes(valid.slice(22, 42)))
})

test('the log has who sent a request, with what outcome', async (t) => {
  const log = logLines()
  const { baseUrl, tokens, as } = await accessApp(t, { logger: log.logger })
  const { text, id } = await tokens.create({ name: 'order service', allow: ['produce:orders'] }, 'a test')
  const headers = { 'content-type': 'application/json', ...bearer(text) }
  assert.equal((await ask(baseUrl, { method: 'POST', path: '/topics/orders/produce', headers, body: '{"payload":1}' })).status, 200)
  assert.equal((await ask(baseUrl, { path: '/topics/orders/consume', headers })).status, 403)
  assert.equal((await ask(baseUrl, { path: '/topics/orders/consume' })).status, 401)
  assert.equal((await ask(baseUrl, { path: '/health', headers })).status, 200)
  assert.equal((await as('admin:*', { path: '/tokens' })).status, 200)
  const requests = log.lines().filter(({ msg }) => msg === 'request')
  const said = requests.slice(0, 4).map(({ principal, principal_name: name, status, code, topic }) => (
    [principal, name, status, code, topic]))
  assert.deepEqual(said, [
    [`token:${id}`, 'order service', 200, undefined, 'orders'],
    [`token:${id}`, 'order service', 403, 'forbidden', undefined],
    [undefined, undefined, 401, 'unauthorized', undefined],
    [undefined, undefined, 200, undefined, undefined]
  ])
})

test('a token that cannot be looked up is not let through', async (t) => {
  const store = createMemoryTokenStore()
  let failure: StoreError | undefined
  const tokenStore = { ...store, read: async (id: string) => { if (failure !== undefined) throw failure; return store.read(id) } }
  const { baseUrl, token } = await accessApp(t, { tokenStore, limits: { tokenReadTimeoutMs: 100, retryDelayMs: 1 } })
  const text = await token('consume:*')
  failure = new StoreError('unavailable', 'none', 'down')
  const answer = await ask(baseUrl, { path: '/topics/a/consume', headers: bearer(text) })
  assert.equal(answer.status, 503)
  assert.equal((JSON.parse(answer.text) as { code: string }).code, 'storage_unavailable')
  assert.equal(answer.headers['www-authenticate'], undefined)
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
  failure = undefined
  assert.equal((await ask(baseUrl, { path: '/topics/a/consume', headers: bearer(text) })).status, 200)
})

test('each token, and each subject, may send so many requests a second', async (t) => {
  const { baseUrl, token, tokens } = await accessApp(t, { principalRate: 3 })
  const [one, other] = [await token('consume:*'), await token('consume:*')]
  const { text: fast } = await tokens.create({ name: 'fast', allow: ['consume:*'], requestsPerSecond: 10 }, 'a test')
  const burst = async (text: string, count: number): Promise<number[]> => {
    const request = { path: '/topics/a/consume', headers: bearer(text) }
    const answers = await Promise.all(Array.from({ length: count }, () => ask(baseUrl, request)))
    for (const { status, headers, text } of answers) {
      if (status !== 429) continue
      assert.equal(headers['retry-after'], '1')
      assert.match(text, /"code":"rate_limited".*requests: expected at most (3|10) a second from one token, got more/s)
    }
    return answers.map(({ status }) => status).sort()
  }
  assert.deepEqual(await burst(one, 5), [200, 200, 200, 429, 429])
  assert.deepEqual(await burst(other, 3), [200, 200, 200])
  assert.deepEqual(await burst(fast, 11), [...Array<number>(10).fill(200), 429])
  // Open routes are not concerned, nor are requests that nobody may send: those are the addresses' limit.
  for (let i = 0; i < 5; i++) assert.equal((await ask(baseUrl, { path: '/health', headers: bearer(one) })).status, 200)
})

test('tokens and JWTs side by side', async (t) => {
  const log = logLines()
  const key = await createKey('a')
  const issuer = await startIssuer(t, [key])
  const tokens = new Tokens({ store: createMemoryTokenStore(), clock: systemClock })
  const settings = { issuer: issuerName, audience, jwksUrl: issuer.url, scopeClaim: 'scope' }
  const jwts = createJwts({ settings, limits: defaultLimits, clock: systemClock, warn () {} })
  const both = await listeningApp(t, { authenticator: createBearerAuthenticator(defaultLimits, { tokens, jwts }), logger: log.logger })
  const jwtOnly = await listeningApp(t, { authenticator: createBearerAuthenticator(defaultLimits, { jwts }), logger: log.logger })
  const jwt = await sign(key, { sub: 'alice\n"', scope: 'consume:a' })
  const { text } = await tokens.create({ name: 'a', allow: ['consume:a'] }, 'a test')
  const status = async (baseUrl: string, token: string, path = '/topics/a/consume'): Promise<number> => (
    (await ask(baseUrl, { path, headers: bearer(token) })).status)
  assert.deepEqual(await Promise.all([status(both.baseUrl, jwt), status(both.baseUrl, text)]), [200, 200])
  assert.deepEqual(await Promise.all([status(jwtOnly.baseUrl, jwt), status(jwtOnly.baseUrl, text)]), [200, 401])
  assert.deepEqual(await Promise.all([status(both.baseUrl, jwt, '/topics/b/consume'), status(both.baseUrl, jwt, '/tokens')]), [403, 403])
  assert.equal(await status(both.baseUrl, await sign(key, { exp: inSeconds(-100) })), 401)
  assert(log.lines().some(({ principal }) => principal === 'jwt:alice\n"'))
  assert.equal(log.text().split('\n').length, log.lines().length + 1)
  issuer.answer = (request) => { request.socket.destroy() }
  const other = await listeningApp(t, {
    authenticator: createBearerAuthenticator(defaultLimits, {
      jwts: createJwts({ settings, limits: defaultLimits, clock: systemClock, warn () {} })
    })
  })
  const answer = await ask(other.baseUrl, { path: '/topics/a/consume', headers: bearer(jwt) })
  assertProblem(answer, 'auth_unavailable', 'The keys of the issuer of tokens cannot be read at the moment.')
  assert.equal(answer.headers['retry-after'], '1')
  assert.equal((await ask(other.baseUrl, { path: '/topics/a/consume', headers: bearer('x'.repeat(7_000)) })).status, 401)
  for (const secret of [jwt, text]) assert(!log.text().includes(secret.slice(-20)))
})

test('what is public needs no token: pages, health, unknown paths, preflight requests', async (t) => {
  const { baseUrl, token } = await accessApp(t, { corsOrigins: ['https://app.example.com'], servedHosts: ['localhost', '127.0.0.1', 'x'] })
  for (const path of ['/health', '/ready', '/docs', '/docs/json', '/docs/errors', '/openapi.json', '/v1/health', '/health/']) {
    assert.equal((await ask(baseUrl, { path })).status, 200, path)
  }
  for (const path of ['/nothing', '/topics/a/nothing', '/docs/nothing', '/health/x']) {
    assert.equal((await ask(baseUrl, { path })).status, 404, path)
  }
  assert.equal((await ask(baseUrl, { method: 'PATCH', path: '/topics/a' })).status, 405)
  const foreign = { host: 'evil.example.com', ...bearer(await token('admin:*')) }
  assert.equal((await ask(baseUrl, { path: '/topics', headers: foreign })).status, 421)
  const origin = 'https://app.example.com'
  const preflight = await ask(baseUrl, {
    method: 'OPTIONS',
    path: '/topics/a/produce',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }
  })
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-headers']], [204, 'authorization,content-type'])
  const refused = await ask(baseUrl, { path: '/topics/a/consume', headers: { origin } })
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, origin])
  assert.match(refused.headers['access-control-expose-headers'] as string, /www-authenticate/)
  assert.equal((await produce(baseUrl, 'a', '{"payload":1}')).status, 401)
})
