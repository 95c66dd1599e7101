import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { noCalls } from '../../../src/domain/operation.ts'
import { eventually } from '../../support/eventually.ts'
import { listeningApp, memoryApp } from '../../support/http/app.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, consume, exchange, produce } from '../../support/http/requests.ts'
import { withFaults } from '../../support/storage/faults.ts'

const id = /^[0-9a-f-]{36}$/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** The line without what differs from run to run, which is checked for its form. */
function stable (line: Record<string, unknown>): Record<string, unknown> {
  const { time: at, request_id: request, duration_ms: duration, ...rest } = line
  assert.match(at as string, time)
  assert.match(request as string, id)
  assert(typeof duration === 'number' && duration >= 0 && duration < 60_000)
  return rest
}

test('one line a request, with exactly these fields', async (t) => {
  const { logger, lines } = logLines()
  const { app } = memoryApp(t, { logger })
  const headers = { 'content-type': 'application/json' }
  await app.inject({ method: 'POST', url: '/topics/orders/produce', headers, body: '{"payload":1}' })
  await app.inject({ method: 'POST', url: '/v1/topics/orders/produce', headers, body: '{"payload":2}' })
  await app.inject('/topics/orders/consume?limit=5')
  await app.inject('/topics/orders/consume?offset=latest')
  await app.inject('/topics/orders/consume?offset=0')
  await app.inject({ method: 'DELETE', url: '/health' })
  await app.inject('/nowhere/secret')
  await app.inject('/topics/%zz/consume')
  await app.inject('/health')
  const request = { level: 'info', msg: 'request' }
  const produced = { ...request, method: 'POST', status: 200, topic: 'orders', messages: 1 }
  const consume = { ...request, method: 'GET', route: '/topics/:topic/consume' }
  const none = { reserve: 0, state: 0, put: 0, get: 0, list: 0 }
  assert.deepEqual(lines().map(stable), [
    { ...produced, route: '/topics/:topic/produce', offset: 1, storage: { ...none, reserve: 1, put: 1 } },
    { ...produced, route: '/v1/topics/:topic/produce', offset: 2, storage: { ...none, reserve: 1, put: 1 } },
    { ...consume, status: 200, topic: 'orders', offset: 1, messages: 2, storage: { ...none, state: 1 } },
    // The lookup of the offset, and the read.
    { ...consume, status: 200, topic: 'orders', offset: 3, messages: 0, storage: { ...none, state: 2 } },
    { ...consume, status: 400, code: 'invalid_request' },
    { ...request, method: 'DELETE', status: 405, code: 'method_not_allowed' },
    { ...request, method: 'GET', status: 404, code: 'not_found' },
    { ...request, method: 'GET', status: 400, code: 'malformed_request' },
    { ...request, method: 'GET', route: '/health', status: 200 }
  ])
})

test('of a batch, the first offset and how many messages', async (t) => {
  const { logger, lines } = logLines()
  const { app } = memoryApp(t, { logger })
  const post = (type: string, body: string): unknown => app.inject({
    method: 'POST',
    url: '/topics/orders/produce',
    headers: { 'content-type': type },
    body
  })
  await post('application/json', '{"payload":1}')
  await post('application/json', '{"messages":[{"payload":1},{"payload":2},{"payload":3}]}')
  await post('application/x-ndjson', '{"payload":1}\n{"payload":2}\n')
  await post('application/json', '{"messages":[]}')
  assert.deepEqual(lines().map(({ status, offset, messages }) => [status, offset, messages]),
    [[200, 1, 1], [200, 2, 3], [200, 5, 2], [400, undefined, undefined]])
})

test('the platform adds what it knows', async (t) => {
  const { logger, lines } = logLines()
  const { app } = memoryApp(t, { logger, platformLogFields: () => ({ lambda_request_id: 'abc' }) })
  await app.inject('/health')
  assert.equal(lines()[0]?.['lambda_request_id'], 'abc')
})

test('the caller\'s request id is the one in the log', async (t) => {
  const { logger, lines } = logLines()
  const { app } = memoryApp(t, { logger })
  await app.inject({ url: '/health', headers: { 'x-request-id': 'order-7' } })
  assert.equal(lines()[0]?.['request_id'], 'order-7')
})

test('nothing of a message is in the log, whatever becomes of it', async (t) => {
  const { logger, text, lines } = logLines()
  const segments = createMemorySegmentStore()
  const { baseUrl } = await listeningApp(t, { logger, segments: withFaults(segments, { list: () => Promise.reject(new Error('broken')) }) })
  const marker = 'MARKER'
  const good = `{"payload":{"${marker}":"${marker}"},"key":"${marker}","headers":{"${marker}":"${marker}"}}`
  await produce(baseUrl, 'a', good)
  await consume(baseUrl, 'a')
  await consume(baseUrl, 'a', `?${marker}=${marker}`)
  await consume(baseUrl, 'a', `?offset=${marker}`)
  await consume(baseUrl, `%23${marker}`)
  await ask(baseUrl, { path: `/${marker}` })
  await ask(baseUrl, { path: `/topics/%zz${marker}/consume` })
  await exchange(baseUrl, `${marker} ${marker}\r\n\r\n`)
  const broken = [
    good + marker,
    `"${marker}"`,
    `{"${marker}":1}`,
    `{"payload":1,"key":["${marker}"]}`,
    `{"payload":1,"key":"${marker.repeat(200)}"}`,
    `{"payload":1,"headers":{"${marker}":1}}`,
    `{"payload":"${marker}"`,
    `{"payload":"${marker}","payload":"${marker}"}`,
    `{"payload":${marker}}`,
    `{"messages":[{"payload":"${marker}"},{"${marker}":1}]}`,
    `{"messages":"${marker}"}`,
    `{"messages":[{"payload":"${marker}","key":["${marker}"]}]}`
  ]
  for (const body of broken) assert.equal((await produce(baseUrl, 'a', body)).status, 400, body)
  await ask(baseUrl, { method: 'POST', path: '/topics/a/produce', headers: { 'content-type': `text/${marker}` }, body: marker })
  assert(lines().length >= 17)
  assert(!text().includes(marker), text())
})

test('a request whose client has gone leaves its line as well', async (t) => {
  const { logger, lines } = logLines()
  const segments = createMemorySegmentStore()
  let arrived = (): void => {}
  let release = (): void => {}
  const inside = new Promise<void>((resolve) => { arrived = resolve })
  const held = new Promise<void>((resolve) => { release = resolve })
  const { baseUrl } = await listeningApp(t, {
    logger,
    segments: withFaults(segments, {
      putIfAbsent: async (call) => {
        arrived()
        await held
        return call()
      }
    })
  })
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  socket.write('POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"payload":1}')
  await inside
  socket.destroy()
  const requests = (): Array<Record<string, unknown>> => lines().filter(({ msg }) => msg === 'request')
  await eventually(() => requests().length > 0)
  release()
  await eventually(async () => await segments.get('a', 1) !== undefined)
  assert.deepEqual(requests().map(stable), [
    { level: 'info', msg: 'request', method: 'POST', route: '/topics/:topic/produce', aborted: true, topic: 'a', storage: noCalls() }
  ])
})
