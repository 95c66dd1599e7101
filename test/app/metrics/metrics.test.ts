import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createPrometheusMetrics } from '../../../src/adapters/prometheus/exposition.ts'
import { limitConnections } from '../../../src/app/http/bounds/connections.ts'
import { eventually } from '../../support/eventually.ts'
import { listeningApp, type MemoryAppOptions } from '../../support/http/app.ts'
import { ask, exchange, produce, send } from '../../support/http/requests.ts'
import { parseMetrics, valueOf, type PromText } from '../../support/metrics/prometheus-text.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapUsed (): number {
  collect()
  return process.memoryUsage().heapUsed
}

async function setUp (t: TestContext, { topicsMax = 100, ...options }: MemoryAppOptions & { topicsMax?: number } = {}) {
  const { telemetry, exposition } = createPrometheusMetrics({ topicsMax, paid: true })
  const { app, baseUrl } = await listeningApp(t, { telemetry, exposition, ...options })
  const scrape = async (): Promise<PromText> => parseMetrics((await ask(baseUrl, { path: '/metrics' })).text)
  return { app, baseUrl, telemetry, exposition, scrape }
}

test('/metrics and /v1/metrics are Prometheus text, or OpenMetrics if Accept prefers it', async (t) => {
  const { baseUrl } = await setUp(t)
  const typeFor = async (accept?: string): Promise<unknown> => (
    (await ask(baseUrl, { path: '/metrics', headers: accept === undefined ? {} : { accept } })).headers['content-type'])
  const plain = 'text/plain; version=0.0.4; charset=utf-8'
  const open = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
  assert.equal(await typeFor(), plain)
  assert.equal(await typeFor('*/*'), plain)
  assert.equal(await typeFor('text/plain'), plain)
  assert.equal(await typeFor('application/openmetrics-text'), open)
  assert.equal(await typeFor('application/openmetrics-text;q=0.2, text/plain'), plain)
  // As Prometheus asks.
  assert.equal(await typeFor('application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,' +
    'text/plain;version=0.0.4;q=0.5,*/*;q=0.1'), open)
  assert.equal((await ask(baseUrl, { path: '/v1/metrics' })).headers['content-type'], plain)
  assert.equal((await ask(baseUrl, { method: 'POST', path: '/metrics' })).status, 405)
  const { paths } = JSON.parse((await ask(baseUrl, { path: '/openapi.json' })).text) as { paths: Record<string, object> }
  assert.ok('/metrics' in paths)
})

test('without metrics there is no such path', async (t) => {
  const { baseUrl } = await listeningApp(t)
  assert.equal((await ask(baseUrl, { path: '/metrics' })).status, 404)
})

test('each request is counted by its route and its status, with and without the version in its path', async (t) => {
  const { baseUrl, scrape } = await setUp(t)
  await produce(baseUrl, 'orders', '{"payload":1}')
  await ask(baseUrl, {
    method: 'POST', path: '/v1/topics/orders/produce', headers: { 'content-type': 'application/json' }, body: '{"payload":2}'
  })
  await produce(baseUrl, 'orders', '{')
  await ask(baseUrl, { path: '/nowhere/1' })
  await ask(baseUrl, { method: 'PROPFIND', path: '/nowhere/2' })
  const text = await scrape()
  const route = '/topics/:topic/produce'
  assert.equal(valueOf(text, 'streams_http_requests_total', { method: 'POST', route, status: '200' }), 2)
  assert.equal(valueOf(text, 'streams_http_requests_total', { method: 'POST', route, status: '400' }), 1)
  assert.equal(valueOf(text, 'streams_http_requests_total', { route: 'none', status: '404' }), 2)
  assert.equal(valueOf(text, 'streams_http_errors_total', { code: 'malformed_json' }), 1)
  assert.equal(valueOf(text, 'streams_http_request_duration_seconds_count', { route }), 3)
  assert.equal(valueOf(text, 'streams_appends_total', { outcome: 'ok' }), 2)
  assert.equal(valueOf(text, 'streams_messages_appended_total', { topic: 'orders' }), 2)
  assert.ok(!text.samples.some(({ labels }) => JSON.stringify(labels).includes('nowhere')))
})

test('open streams and long polls are counted while they are open, and their time is no duration of a request', async (t) => {
  const { baseUrl, scrape } = await setUp(t)
  const long = ask(baseUrl, { path: '/topics/a/consume?wait=0.5' })
  const receive = send(baseUrl, 'POST', '/topics/a/groups/g/receive', { wait: 0.5 })
  const abort = new AbortController()
  const stream = fetch(`${baseUrl}/topics/a/consume`, { headers: { accept: 'text/event-stream' }, signal: abort.signal })
  await stream
  const live = async (kind: string) => valueOf(await scrape(), 'streams_live_requests', { kind })
  await eventually(async () => await live('stream') === 1 && await live('long_poll') === 1 && await live('receive') === 1)
  await Promise.all([long, receive])
  abort.abort()
  await eventually(async () => await live('stream') === 0 && await live('long_poll') === 0 && await live('receive') === 0)
  const text = await scrape()
  assert.equal(valueOf(text, 'streams_http_request_duration_seconds_count', { route: '/topics/:topic/consume' }) ?? 0, 0)
  assert.equal(valueOf(text, 'streams_http_requests_total', { route: '/topics/:topic/consume' }), 2)
})

test('what clients get is counted: pages, streams and messages of groups', async (t) => {
  const { baseUrl, scrape } = await setUp(t)
  await produce(baseUrl, 'a', '{"messages":[{"payload":1},{"payload":2},{"payload":3}]}')
  await ask(baseUrl, { path: '/topics/a/consume?offset=1' })
  assert.equal(valueOf(await scrape(), 'streams_messages_delivered_total', { topic: 'a' }), 3)
  const { text } = await send(baseUrl, 'POST', '/topics/a/groups/g/receive', { limit: 2 })
  const { lease } = JSON.parse(text) as { lease: { id: string } }
  await send(baseUrl, 'POST', '/topics/a/groups/g/ack', { lease_id: lease.id })
  const after = await scrape()
  const group = { topic: 'a', group: 'g' }
  assert.equal(valueOf(after, 'streams_messages_delivered_total', { topic: 'a' }), 5)
  assert.equal(valueOf(after, 'streams_group_deliveries_total', group), 2)
  assert.equal(valueOf(after, 'streams_group_acks_total', group), 2)
  assert.equal(valueOf(after, 'streams_group_lag_messages', group), 3)
  assert.ok(valueOf(after, 'streams_message_bytes_delivered_total', { topic: 'a' })! > 100)
})

test('a scrape works under load, and no number of a counter falls', async (t) => {
  const { baseUrl, scrape } = await setUp(t)
  const over = new AbortController()
  const clients = Array.from({ length: 32 }, async (_, client) => {
    let appended = 0
    while (!over.signal.aborted) {
      const { status } = await produce(baseUrl, `t${client % 4}`, '{"payload":1}')
      assert.equal(status, 200)
      appended++
    }
    return appended
  })
  const scrapes: number[] = []
  let slowestMs = 0
  for (let i = 0; i < 20; i++) {
    const began = performance.now()
    const open = ask(baseUrl, { path: '/metrics', headers: { accept: 'application/openmetrics-text' } })
    const [text, other] = await Promise.all([scrape(), open])
    slowestMs = Math.max(slowestMs, performance.now() - began)
    assert.ok(other.text.endsWith('# EOF\n'))
    scrapes.push(valueOf(text, 'streams_messages_appended_total') ?? 0)
    await sleep(20)
  }
  over.abort()
  const appended = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0)
  assert.deepEqual(scrapes, [...scrapes].sort((a, b) => a - b))
  assert.ok(scrapes.at(-1)! > 100, `${scrapes.at(-1)} messages`)
  assert.equal(valueOf(await scrape(), 'streams_messages_appended_total'), appended)
  assert.ok(slowestMs < 2_000, `${slowestMs} ms`)
})

test('20,000 names of topics and groups make no more series than the bound, and take no memory', async (t) => {
  const { baseUrl, telemetry, exposition, scrape } = await setUp(t, { topicsMax: 10 })
  const attack = (round: number): void => {
    for (let i = 0; i < 20_000; i++) {
      const topic = `${round}-${'x'.repeat(200)}-${i}`
      telemetry.segmentWritten(topic, 1, 1, 10)
      telemetry.delivered(topic, 1, 10)
      telemetry.groupReceived({ topic, group: topic }, 1, 0, 5)
      telemetry.groupAcked({ topic: 'orders', group: topic }, 1)
      telemetry.request({ method: `M${i}`, route: undefined, status: 404, code: 'not_found', ms: 1 })
    }
  }
  attack(0)
  await scrape()
  const before = heapUsed()
  for (let round = 1; round <= 5; round++) attack(round)
  const grown = heapUsed() - before
  assert.ok(grown < 1024 * 1024, `${grown} bytes`)
  const { text } = await exposition.show('prometheus')
  assert.ok(text.length < 100_000, `${text.length} bytes`)
  // Ten topics, that of the groups, and all the others.
  const topics = new Set(parseMetrics(text).samples.flatMap(({ labels }) => labels['topic'] ?? []))
  assert.equal(topics.size, 12)
  assert.ok(topics.has('(other)'))
  // Over HTTP, each with a name of its own.
  for (let i = 0; i < 1_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => ask(baseUrl, { path: `/topics/name-${i + j}/consume` })))
  }
  assert.equal(new Set((await scrape()).samples.flatMap(({ labels }) => labels['topic'] ?? [])).size, 12)
  assert.equal(valueOf(parseMetrics(text), 'streams_messages_appended_total'), 6 * 20_000)
})

test('pipelined requests and connections beyond their bounds are counted as refused', async (t) => {
  const { app, baseUrl, telemetry, scrape } = await setUp(t, { limits: { pipelinedRequestsMax: 2 } })
  const many = 'GET /topics/a/consume?wait=1 HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(10)
  await exchange(baseUrl, many).catch(() => {})
  assert.equal(valueOf(await scrape(), 'streams_refusals_total', { bound: 'pipelining' }), 1)
  limitConnections(app.server, { max: 1, reservedFiles: 0, refused: () => {}, telemetry })
  const first = ask(baseUrl, { path: '/topics/a/consume?wait=0.3' })
  await eventually(async () => await ask(baseUrl, { path: '/health' }).then(() => false, () => true))
  await first
  assert.ok(valueOf(await scrape(), 'streams_refusals_total', { bound: 'connections' })! >= 1)
})
