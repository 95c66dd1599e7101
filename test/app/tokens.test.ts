import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { createMemoryTokenStore } from '../../src/adapters/memory/token-store.ts'
import { noAuthenticator } from '../../src/app/access/authenticator.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { preparedAtStart } from '../../src/app/prepared.ts'
import { tokenPattern } from '../../src/domain/access/tokens.ts'
import { failing, type Faults, withFaults } from '../support/storage/faults.ts'
import { defaultLimits } from '../../src/domain/limits.ts'
import type { TokenStore } from '../../src/ports/token-store.ts'
import { listeningApp, memoryApp } from '../support/http/app.ts'
import { type Answer, ask } from '../support/http/requests.ts'

interface Created extends Record<string, unknown> { readonly id: string, readonly token: string }

/** An app that has tokens. */
async function open (t: TestContext) {
  const store = createMemoryTokenStore()
  const faults: Faults<TokenStore> = {}
  const { baseUrl, tokens } = await listeningApp(t, { tokenStore: withFaults(store, faults) })
  const send = (method: string, path: string, body?: unknown): Promise<Answer> => {
    if (body === undefined) return ask(baseUrl, { method, path })
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return ask(baseUrl, { method, path, headers: { 'content-type': 'application/json' }, body: text })
  }
  const create = async (body: object = { name: 'ci', allow: ['produce:orders.*'] }): Promise<Created> => {
    const { status, text } = await send('POST', '/tokens', body)
    assert.equal(status, 201, text)
    return JSON.parse(text) as Created
  }
  return { store, faults, send, create, tokens }
}

const codeOf = ({ status, text }: Answer): unknown => [status, (JSON.parse(text) as { code: string }).code]
const detailOf = ({ text }: Answer): string => (JSON.parse(text) as { detail: string }).detail

describe('access tokens over HTTP', () => {
  test('are created, described, listed and deleted', async (t) => {
    const { send, tokens } = await open(t)
    const before = Date.now()
    const body = { name: 'ci', allow: ['produce:orders.*', 'metrics'], expires_in_ms: 5_000, rate: { requests: 7 } }
    const answer = await send('POST', '/tokens', body)
    assert.equal(answer.status, 201)
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { token, ...created } = JSON.parse(answer.text) as Created
    assert.match(token, new RegExp(`^${tokenPattern}$`))
    const createdAt = created['created_at'] as number
    assert(createdAt >= before && createdAt <= Date.now())
    assert.deepEqual(created, {
      id: token.slice(8, 20),
      name: 'ci',
      allow: ['produce:orders.*', 'metrics'],
      created_at: createdAt,
      created_by: created['created_by'],
      expires_at: createdAt + 5_000,
      rate: { requests: 7 }
    })
    assert.equal((await tokens.find(token))?.requestsPerSecond, 7)
    for (const prefix of ['', '/v1']) {
      const described = await send('GET', `${prefix}/tokens/${created.id}`)
      assert.deepEqual([described.status, JSON.parse(described.text)], [200, created])
      const listed = await send('GET', `${prefix}/tokens`)
      assert.deepEqual([listed.status, JSON.parse(listed.text)], [200, { tokens: [created] }])
    }
    const deleted = await send('DELETE', `/tokens/${created.id}`)
    assert.deepEqual([deleted.status, deleted.text], [204, ''])
    assert.equal(await tokens.find(token), undefined)
    for (const method of ['GET', 'DELETE']) {
      const answer = await send(method, `/tokens/${created.id}`)
      assert.deepEqual(codeOf(answer), [404, 'token_not_found'])
      assert.equal(detailOf(answer), `There is no access token with the id "${created.id}".`)
    }
  })

  test('neither the token nor its hash is in any other answer', async (t) => {
    const { send, create, store } = await open(t)
    const { id, token } = await create()
    const { sha256 } = JSON.parse((await store.read(id))!.text) as { sha256: string }
    for (const path of ['/tokens', `/tokens/${id}`, '/v1/tokens', `/tokens?after=${'0'.repeat(12)}`]) {
      const { status, text } = await send('GET', path)
      assert.equal(status, 200)
      for (const secret of [token, token.slice(-39), sha256]) assert(!text.includes(secret), path)
    }
  })

  test('have members that are null where there is nothing, or nothing that can be read', async (t) => {
    const { send, create, store } = await open(t)
    const { token: _, ...plain } = await create()
    assert.deepEqual([plain['expires_at'], plain['rate']], [null, null])
    await store.create({ id: '000', text: 'damaged' })
    const damaged = { id: '000', name: null, allow: [], created_at: null, created_by: null, expires_at: null, rate: null }
    assert.deepEqual(JSON.parse((await send('GET', '/tokens')).text), { tokens: [damaged, plain] })
    assert.equal((await send('DELETE', '/tokens/000')).status, 204)
  })

  test('are listed page by page', async (t) => {
    const { send, create } = await open(t)
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await create()).id)
    const seen: string[] = []
    for (let after: string | undefined = '0'; after !== undefined;) {
      const { text } = await send('GET', `/tokens?limit=2&after=${after}`)
      const { tokens, next } = JSON.parse(text) as { tokens: Created[], next?: string }
      seen.push(...tokens.map(({ id }) => id))
      after = next
    }
    assert.deepEqual(seen, ids.toSorted())
  })

  test('a request that is wrong is told what was expected', async (t) => {
    const { send, store } = await open(t)
    const good = { name: 'ci', allow: ['metrics'] }
    const grant = 'metrics, or one of produce, consume, groups, admin with a colon and a topic or a prefix and *, such as produce:orders.*'
    const grants = 'an array of 1 to 100 grants, such as produce:orders.*'
    const name = '1 to 128 characters, without control characters and invisible ones'
    const most = Number.MAX_SAFE_INTEGER
    const wrong: Array<[unknown, string]> = [
      [{ allow: ['metrics'] }, `name: expected ${name}, got nothing`],
      [{ name: 'ci' }, `allow: expected ${grants}, got nothing`],
      [{ ...good, name: 5 }, `name: expected ${name}, got 5`],
      [{ ...good, name: 'a\u001b[31m' }, `name: expected ${name}, got "a\\u001b[31m"`],
      [{ ...good, allow: [] }, `allow: expected ${grants}, got none`],
      [{ ...good, allow: 'metrics' }, `allow: expected ${grants}, got "metrics"`],
      [{ ...good, allow: Array.from({ length: 101 }, () => 'metrics') }, `allow: expected ${grants}, got an array of 101`],
      [{ ...good, allow: ['metrics', 'consume'] }, `allow.1: expected ${grant}, got "consume"`],
      [{ ...good, allow: ['consume:**'] }, `allow.0: expected ${grant}, got "consume:**"`],
      [{ ...good, allow: [null] }, `allow.0: expected ${grant}, got null`],
      [{ ...good, expires_at: '2030-01-01' }, `expires_at: expected a whole number from 1 to ${most}, got "2030-01-01"`],
      [{ ...good, expires_in_ms: 0 }, `expires_in_ms: expected a whole number from 1 to ${most}, got 0`],
      [{ ...good, expires_in_ms: 1, expires_at: most }, 'expires_in_ms: expected nothing beside expires_at, got both'],
      [{ ...good, rate: { requests: 0 } }, 'rate.requests: expected a whole number from 1 to 1000000, got 0'],
      [{ ...good, rate: {} }, 'rate.requests: expected a whole number from 1 to 1000000, got nothing'],
      [{ ...good, scope: 'x' }, 'scope: expected one of name, allow, expires_at, expires_in_ms, rate, got an unknown member'],
      ['{"name":"a","name":"b","allow":["metrics"]}', 'name: expected once, got twice'],
      [[], 'body: expected a JSON object, got an array']
    ]
    for (const [body, detail] of wrong) {
      const answer = await send('POST', '/tokens', body)
      assert.deepEqual([...codeOf(answer) as unknown[], detailOf(answer)], [400, 'invalid_request', detail])
    }
    const past = await send('POST', '/tokens', { ...good, expires_at: 1_000 })
    assert.match(detailOf(past), /^expires_at: expected a whole number above \d{13} because of the server's time, got 1000$/)
    assert.deepEqual(codeOf(await send('POST', '/tokens', { ...good, name: 'x'.repeat(40_000) })), [413, 'body_too_large'])
    assert.deepEqual((await store.list('', 10)).ids, [])
    assert.deepEqual(codeOf(await send('DELETE', '/tokens/a%2Fb')), [400, 'invalid_request'])
    for (const path of ['/tokens/a%2Fb', `/tokens/${'a'.repeat(65)}`, '/tokens?after=%23', '/tokens?limit=0']) {
      assert.deepEqual(codeOf(await send('GET', path)), [400, 'invalid_request'], path)
    }
    assert.deepEqual(codeOf(await send('PUT', '/tokens', good)), [405, 'method_not_allowed'])
  })

  test('the largest token that is allowed can be created', async (t) => {
    const { create, tokens } = await open(t)
    const allow = Array.from({ length: 100 }, (_, i) => `consume:${String(i).padEnd(249, 'x')}`)
    const { token } = await create({ name: '"'.repeat(128), allow })
    assert.equal((await tokens.find(token))?.grants.may('consume', allow[99]!.slice(8)), true)
  })

  test('a storage that fails is an error of the storage', async (t) => {
    const { send, faults } = await open(t)
    for (const name of ['create', 'read', 'remove', 'list'] as const) faults[name] = failing('misconfigured', 'none')
    const good = { name: 'a', allow: ['metrics'] }
    const requests = [['POST', '/tokens', good], ['GET', '/tokens'], ['GET', '/tokens/a'], ['DELETE', '/tokens/a']] as const
    for (const [method, path, body] of requests) {
      assert.deepEqual(codeOf(await send(method, path, body)), [503, 'storage_misconfigured'], `${method} ${path}`)
    }
  })

  test('are not there without tokens', async (t) => {
    const { log, catalog, groups } = memoryApp(t)
    const app = buildApp({ log, catalog, groups, limits: defaultLimits, authenticator: noAuthenticator, checks: [], ...preparedAtStart() })
    t.after(() => app.close())
    for (const path of ['/tokens', '/tokens/a', '/v1/tokens']) {
      assert.equal((await app.inject({ url: path })).json<{ code: string }>().code, 'not_found')
    }
    assert(!(await app.inject({ url: '/openapi.json' })).body.includes('/tokens'))
  })
})
