import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemoryTokenStore } from '../../../src/adapters/memory/token-store.ts'
import { noAuthenticator } from '../../../src/app/access/authenticator.ts'
import { createBearerAuthenticator } from '../../../src/app/access/bearer-authenticator.ts'
import { LiveAccess } from '../../../src/app/access/live-access.ts'
import { Grants } from '../../../src/domain/access/grants.ts'
import type { Principal } from '../../../src/domain/access/principal.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { type AccessApp, accessApp, bearer } from '../../support/http/access.ts'
import type { MemoryAppOptions } from '../../support/http/app.ts'
import { follow } from '../../support/http/events.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, assertProblem, problem } from '../../support/http/requests.ts'

const limits = { liveCheckMs: 40, tokenCacheMs: 60, liveUncheckedMs: 300 }
const ended = 'authorization: expected a token that stays valid, got one that was revoked or has expired meanwhile'
const json = { 'content-type': 'application/json' }

async function start (t: TestContext, options: MemoryAppOptions = {}): Promise<AccessApp> {
  const app = await accessApp(t, { limits, ...options })
  await app.as('produce:*', { method: 'POST', path: '/topics/a/produce', headers: json, body: '{"payload":1}' })
  return app
}

const idOf = (token: string): string => token.split('_')[1]!

test('streams and long polls end soon after their token is revoked, also in another process, or has expired', async (t) => {
  const log = logLines()
  const tokenStore = createMemoryTokenStore()
  const app = await start(t, { tokenStore, logger: log.logger })
  const waits = (token: string): Array<Promise<unknown>> => [
    ask(app.baseUrl, { path: '/topics/a/consume?offset=2&wait=20', headers: bearer(token) }),
    ask(app.baseUrl, {
      method: 'POST', path: '/topics/b/groups/g/receive', headers: { ...json, ...bearer(token) }, body: '{"wait":20}'
    })
  ]
  const token = (): Promise<string> => app.token('consume:*', 'groups:*')
  const [stays, here, elsewhere] = [await token(), await token(), await token()]
  const { text: expires } = await app.tokens.create({ name: 'b', allow: ['consume:*', 'groups:*'], expiresInMs: 1_000 }, 'a test')
  const lasting = await follow(t, app.baseUrl, 'a', '', bearer(stays))
  for (const [token, end] of [
    [here, () => app.tokens.revoke(idOf(here))],
    [elsewhere, () => tokenStore.remove(idOf(elsewhere))],
    [expires, async () => {}]
  ] as const) {
    const stream = await follow(t, app.baseUrl, 'a', '', bearer(token))
    await stream.atLeast(1)
    const polls = waits(token)
    await new Promise((resolve) => { setTimeout(resolve, 30) })
    const startedAt = performance.now()
    await end()
    await stream.until(({ ended }) => ended)
    for (const answer of await Promise.all(polls) as Array<Awaited<ReturnType<typeof ask>>>) {
      assertProblem(answer, 'unauthorized', ended)
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="streams", error="invalid_token"')
    }
    assert(performance.now() - startedAt < 3_000)
    const last = stream.events.at(-1)!
    assert.equal(last.event, 'problem')
    assert.deepEqual(JSON.parse(last.data), problem('unauthorized', ended))
    // So a client that reconnects with the same token learns why it may not.
    const headers = { accept: 'text/event-stream', ...bearer(token) }
    assert.equal((await ask(app.baseUrl, { path: '/topics/a/consume', headers })).status, 401)
  }
  await app.as('produce:*', { method: 'POST', path: '/topics/a/produce', headers: json, body: '{"payload":2}' })
  await lasting.atLeast(2)
  assert(!lasting.ended)
  assert(!log.text().includes('stream failed'), 'that is no error of the server')
})

test('messages that come after a stream was ended are not sent', async (t) => {
  const app = await start(t)
  const token = await app.token('consume:*')
  const stream = await follow(t, app.baseUrl, 'a', '', bearer(token))
  await stream.atLeast(1)
  stream.pause()
  await app.tokens.revoke(idOf(token))
  await new Promise((resolve) => { setTimeout(resolve, 300) })
  for (let i = 0; i < 5; i++) {
    await app.as('produce:*', { method: 'POST', path: '/topics/a/produce', headers: json, body: '{"payload":"late"}' })
  }
  stream.resume()
  await stream.until(({ ended }) => ended)
  assert(!stream.events.some(({ data }) => data.includes('late')))
})

test('while the storage does not answer, streams go on for a bounded time', async (t) => {
  const store = createMemoryTokenStore()
  let down = false
  const tokenStore: typeof store = {
    ...store,
    async read (id) {
      if (down) throw new StoreError('unavailable', 'none', 'down')
      return store.read(id)
    }
  }
  const app = await start(t, { tokenStore, limits: { ...limits, tokenReadTimeoutMs: 20, retryDelayMs: 1 } })
  const stream = await follow(t, app.baseUrl, 'a', '', bearer(await app.token('consume:*')))
  await stream.atLeast(1)
  down = true
  await new Promise((resolve) => { setTimeout(resolve, 150) })
  assert(!stream.ended)
  await stream.until(({ ended }) => ended)
  assert.equal(stream.events.at(-1)?.event, 'problem')
})

test('thousands of streams with a token cost one look-up and one timer', async () => {
  let lookups = 0
  let valid = true
  const principal: Principal = { kind: 'token', id: 'a', grants: new Grants([]) }
  const authenticator = createBearerAuthenticator(defaultLimits, {
    tokens: {
      async find () {
        lookups++
        return valid ? principal : undefined
      }
    }
  })
  const live = new LiveAccess({ authenticator, limits: { ...defaultLimits, liveCheckMs: 30 } })
  const request = { principal, headers: bearer('x'), raw: { headers: bearer('x'), rawHeaders: [] } } as never
  let endings = 0
  const watches = Array.from({ length: 5_000 }, () => live.watch(request, () => { endings++ }))
  assert.equal(live.size, 1)
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  assert(lookups >= 1 && lookups <= 4, `${lookups} look-ups`)
  for (const watch of watches.slice(0, 1_000)) watch.release()
  valid = false
  await eventually(() => endings === 4_000)
  assert.deepEqual([watches[0]!.ended, watches[4_999]!.ended, live.size], [false, true, 0])
  lookups = 0
  await new Promise((resolve) => { setTimeout(resolve, 80) })
  assert.equal(lookups, 0, 'nothing is looked at any more')
})

test('JWTs end at their time, and are not verified again; others are not watched', async () => {
  let now = 1_000
  const authenticator = { required: true, authenticate (): never { throw new LogError('unauthorized', 'never asked') } }
  const live = new LiveAccess({ authenticator, limits: { ...defaultLimits, liveCheckMs: 20 }, wall: () => now })
  const jwt = (token: string, expiresAtMs: number): never => (
    { principal: { kind: 'jwt', id: 'a', grants: new Grants([]), expiresAtMs }, headers: bearer(token) } as never)
  const endings: string[] = []
  live.watch(jwt('a', 2_000), () => { endings.push('a') })
  live.watch(jwt('b', 3_000), () => { endings.push('b') })
  live.watch({ principal: noAuthenticator.authenticate({} as never), headers: bearer('c') } as never, () => { endings.push('c') })
  assert.equal(live.size, 2)
  await new Promise((resolve) => { setTimeout(resolve, 60) })
  assert.deepEqual(endings, [])
  now = 2_000
  await eventually(() => endings.length === 1)
  assert.deepEqual(endings, ['a'])
  now = 3_000
  await eventually(() => endings.length === 2)
  assert.equal(live.size, 0)
})
