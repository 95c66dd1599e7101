import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listeningApp, memoryApp } from '../../support/http/app.ts'
import { follow } from '../../support/http/events.ts'
import { ask, assertProblem, problem } from '../../support/http/requests.ts'

const page = 'https://app.example.com'
const stranger = 'https://evil.example'
const corsOrigins = [page, 'http://localhost:3000']

const corsHeaders = (headers: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))

const preflight = (origin: string, method: string, requested?: string): Record<string, string> =>
  ({ origin, 'access-control-request-method': method, ...requested === undefined ? {} : { 'access-control-request-headers': requested } })

const shared = {
  'access-control-allow-origin': page,
  'access-control-expose-headers': 'allow, earliest-offset, end-offset, next-offset, preference-applied, retry-after, server-timing, ' +
    'storage-calls, topic-closed, www-authenticate, x-request-id'
}

test('a preflight of an origin that may is answered with what is allowed', async (t) => {
  const { app } = memoryApp(t, { corsOrigins })
  for (const [url, method, requested] of [
    ['/topics/a/produce', 'POST', 'authorization,content-type,x-request-id,idempotency-key,prefer'],
    ['/topics/a', 'DELETE', 'x-request-id'],
    ['/v1/topics/a/consume?offset=1', 'GET', 'authorization,last-event-id']
  ] as const) {
    const answer = await app.inject({ method: 'OPTIONS', url, headers: preflight(page, method, requested) })
    assert.equal(answer.statusCode, 204)
    assert.equal(answer.body, '')
    assert.deepEqual(corsHeaders(answer.headers), {
      ...shared,
      'access-control-allow-methods': 'DELETE, GET, HEAD, POST, PUT',
      'access-control-allow-headers': requested,
      'access-control-max-age': '600'
    })
  }
})

test('answers to such an origin, errors too, can be read by its pages; those to another can not', async (t) => {
  const { app } = memoryApp(t, { corsOrigins })
  const headers = { origin: page, 'content-type': 'application/json' }
  const answers = [
    await app.inject({ method: 'POST', url: '/topics/a/produce', headers, payload: '{"payload":1}' }),
    await app.inject({ url: '/topics/a/consume', headers }),
    await app.inject({ url: '/topics/a/consume?offset=0', headers }),
    await app.inject({ method: 'DELETE', url: '/topics/a/consume', headers }),
    await app.inject({ url: '/nothing', headers })
  ]
  assert.deepEqual(answers.map(({ statusCode }) => statusCode), [200, 200, 400, 405, 404])
  for (const answer of answers) assert.deepEqual(corsHeaders(answer.headers), shared)
  for (const origin of [stranger, `${page}:8443`, 'https://app.example.com.evil.example', 'null']) {
    const answer = await app.inject({ url: '/topics/a/consume', headers: { origin } })
    assert.equal(answer.headers['access-control-allow-origin'], undefined, origin)
    const asked = await app.inject({ method: 'OPTIONS', url: '/topics/a/produce', headers: preflight(origin, 'POST') })
    assert.equal(asked.headers['access-control-allow-origin'], undefined, origin)
  }
})

test('*: every origin may', async (t) => {
  const { app } = memoryApp(t, { corsOrigins: ['*'] })
  assert.equal((await app.inject({ url: '/topics/a/consume', headers: { origin: stranger } })).headers['access-control-allow-origin'], '*')
  assert.equal((await app.inject({
    method: 'OPTIONS',
    url: '/topics/a/produce',
    headers: preflight(stranger, 'POST')
  })).headers['access-control-allow-origin'], '*')
})

test('a stream of events can be followed from another origin', async (t) => {
  const { baseUrl } = await listeningApp(t, { corsOrigins })
  const { answer } = await follow(t, baseUrl, 'a', '', { origin: page })
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(corsHeaders(answer.headers), shared)
})

test('OPTIONS that is no preflight is the wrong method, or nothing is there', async (t) => {
  const { app } = memoryApp(t, { corsOrigins })
  const wrong = await app.inject({ method: 'OPTIONS', url: '/topics/a/produce', headers: { origin: page } })
  assert.deepEqual(wrong.json(), problem('method_not_allowed', 'method: expected POST, got OPTIONS'))
  assert.equal(wrong.headers['allow'], 'POST')
  const nothing = await app.inject({ method: 'OPTIONS', url: '/nothing' })
  assert.deepEqual(nothing.json(), problem('not_found', 'There is nothing at this path; see /docs for all paths.'))
})

test('without the setting there are no such headers, and OPTIONS is the wrong method', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const answer = await ask(baseUrl, { method: 'OPTIONS', path: '/topics/a/produce', headers: preflight(page, 'POST') })
  assertProblem(answer, 'method_not_allowed', 'method: expected POST, got OPTIONS')
  assert.deepEqual(corsHeaders((await ask(baseUrl, { path: '/topics/a/consume', headers: { origin: page } })).headers), {})
})
