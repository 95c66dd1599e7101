import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { clientOf } from '../../../src/app/http/bounds/address-limit.ts'
import { listeningApp, memoryApp } from '../../support/http/app.ts'
import { ask, assertProblem, problem } from '../../support/http/requests.ts'

const refusal = 'requests: expected at most 2 a second from one address, got more'
const json = { 'content-type': 'application/json' }

test('an address has so many requests at once, whatever they are; health checks are not limited', async (t) => {
  const { app } = memoryApp(t, { addressRate: 2, corsOrigins: ['https://a.example'] })
  const from = (remoteAddress: string) => async (url: string, options: object = {}) => app.inject({ url, remoteAddress, ...options })
  const [one, other] = [from('192.0.2.1'), from('192.0.2.2')]
  for (let i = 0; i < 10; i++) for (const path of ['/health', '/ready', '/v1/health']) assert.equal((await one(path)).statusCode, 200)
  const preflight = { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' } }
  for (let i = 0; i < 10; i++) assert.equal((await one('/topics/a/produce', preflight)).statusCode, 204)
  assert.deepEqual([(await one('/topics')).statusCode, (await one('/nothing')).statusCode], [200, 404])
  for (const path of ['/topics', '/nothing', '/docs', '/openapi.json']) {
    const answer = await one(path, { headers: { origin: 'https://a.example' } })
    assert.equal(answer.statusCode, 429, path)
    assert.deepEqual(answer.json(), problem('rate_limited', refusal, { retry_after: 1 }))
    assert.equal(answer.headers['retry-after'], '1')
    assert.equal(answer.headers['access-control-allow-origin'], 'https://a.example')
  }
  const append = await one('/topics/a/produce', { method: 'POST', headers: json, payload: '{"payload":1}' })
  assert.deepEqual(append.json(), problem('rate_limited', refusal, { written: 'no', retry_after: 1 }))
  assert.equal((await other('/topics')).statusCode, 200)
})

test('who comes again after Retry-After is served', async (t) => {
  const { baseUrl } = await listeningApp(t, { addressRate: 2 })
  for (let i = 0; i < 2; i++) await ask(baseUrl, { path: '/topics' })
  const refused = await ask(baseUrl, { path: '/topics' })
  assertProblem(refused, 'rate_limited', refusal, { retry_after: 1 })
  await new Promise((resolve) => { setTimeout(resolve, Number(refused.headers['retry-after']) * 1_000) })
  assert.equal((await ask(baseUrl, { path: '/topics' })).status, 200)
})

test('a refused request leaves the connection as it was: a body does not become the next request', async (t) => {
  const { baseUrl } = await listeningApp(t, { addressRate: 1 })
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (bytes: Buffer) => { received += bytes.toString() })
  const inner = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n'
  const head = 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  const post = `${head}content-length: ${inner.length}\r\n\r\n${inner}`
  socket.write(`${post}${post}GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
  await new Promise((resolve) => { socket.on('close', resolve) })
  assert.deepEqual([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), ['400', '429', '200'])
})

test('X-Forwarded-For is used only if a trusted proxy has sent it', async (t) => {
  for (const [trustedProxies, remoteAddress, forwarded, limited] of [
    [[], '10.0.0.1', ['192.0.2.1', '192.0.2.2', '192.0.2.3'], true],
    [['10.0.0.0/8'], '10.0.0.1', ['192.0.2.1', '192.0.2.2', '192.0.2.3'], false],
    [['10.0.0.0/8'], '::ffff:10.0.0.1', ['192.0.2.1', '192.0.2.2', '192.0.2.3'], false],
    [['10.0.0.0/8'], '192.0.2.9', ['192.0.2.1', '192.0.2.2', '192.0.2.3'], true],
    // What the client itself has sent stands before the address that the proxy has added.
    [['10.0.0.0/8'], '10.0.0.1', ['1.1.1.1, 192.0.2.1', '2.2.2.2, 192.0.2.1', 'x, 192.0.2.1'], true],
    [['10.0.0.0/8', '192.0.2.1'], '10.0.0.1', ['1.1.1.1, 192.0.2.1', '2.2.2.2, 192.0.2.1', '3.3.3.3, 192.0.2.1'], false]
  ] as const) {
    const { app } = memoryApp(t, { addressRate: 2, trustedProxies })
    const statuses = []
    for (const address of forwarded) {
      statuses.push((await app.inject({ url: '/topics', remoteAddress, headers: { 'x-forwarded-for': address } })).statusCode)
    }
    assert.deepEqual(statuses, [200, 200, limited ? 429 : 200], JSON.stringify([trustedProxies, remoteAddress, forwarded]))
  }
})

test('who has an address', () => {
  for (const [address, client] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:db8::3:4:5:6', '2001:db8:0:0'],
    ['2001::2:3:4:5:6', '2001:0:0:2'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    [undefined, 'unknown'],
    ['x'.repeat(10_000), 'unknown']
  ] as const) assert.equal(clientOf(address), client, address)
})
