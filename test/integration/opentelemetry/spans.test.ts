import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { type Answer, ask } from '../../support/http/requests.ts'
import { type Collector, pathTo, startCollector, type Span, withoutTracing } from '../../support/opentelemetry/collector.ts'
import { type ServerProcess, startServer } from '../../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const skip = withoutTracing
const json = { 'content-type': 'application/json' }

const requestTrace = '0af7651916cd43dd8448eb211c80319c'
const clientSpan = 'b7ad6b7169203331'
const fromClient = { traceparent: `00-${requestTrace}-${clientSpan}-01` }

/** Each a context that a producer could have. */
const producerContexts = Array.from({ length: 40 }, (_, i) => `${String(i + 1).padStart(32, 'c')}-${String(i + 1).padStart(16, 'd')}`)

async function traced (t: TestContext, environment: Record<string, string> = { DATA_DIR: ':memory:' }) {
  const collector = await startCollector(t)
  const server = await startServer(t, { ...collector.environment, ...environment })
  return { collector, server, url: server.baseUrl }
}

type Headers = Record<string, string>

function get (url: string, path: string, headers: Headers = {}): Promise<Answer> {
  return ask(url, { path: `/topics/orders/${path}`, headers })
}

function post (url: string, path: string, body: unknown, headers: Headers = {}): Promise<Answer> {
  return ask(url, { method: 'POST', path: `/topics/orders/${path}`, headers: { ...json, ...headers }, body: JSON.stringify(body) })
}

function produce (url: string, body: unknown, headers?: Headers): Promise<Answer> {
  return post(url, 'produce', body, headers)
}

function message (context?: string) {
  return { payload: 1, ...context !== undefined && { headers: { traceparent: `00-${context}-01` } } }
}

function requestLine ({ lines }: ServerProcess, id: string): Record<string, unknown> | undefined {
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).find((line) => line['request_id'] === id)
}

/** The names of the trace's spans from the request down, without repetitions. */
function tree (collector: Collector, traceId: string): string[] {
  const paths = collector.spans.filter((span) => span.traceId === traceId).map((span) => pathTo(collector, span).join(' > '))
  return [...new Set(paths)].sort()
}

async function stop ({ child, ended }: ServerProcess): Promise<void> {
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
}

test('an append continues the trace of its client, down to the reservation and the put', { skip }, async (t) => {
  const { collector, server, url } = await traced(t)
  await produce(url, message(producerContexts[0]), { ...fromClient, 'x-request-id': 'order-17' })
  const request = await collector.span('POST /topics/:topic/produce')
  const route = 'POST /topics/:topic/produce'
  assert.deepEqual(tree(collector, requestTrace), [
    route,
    `${route} > append orders`,
    `${route} > append orders > commit orders`,
    `${route} > append orders > commit orders > put`,
    `${route} > append orders > commit orders > reserve`
  ])
  assert.equal(request.traceId, requestTrace)
  assert.equal(request.parentSpanId, clientSpan)
  assert.equal(request.kind, 2, 'a server')
  assert.deepEqual(request.attributes['http.response.header.x-request-id'], ['order-17'])
  assert.equal(request.attributes['http.response.status_code'], 200)
  const append = await collector.span('append orders')
  assert.deepEqual(append.attributes, {
    'messaging.system': 'serverless_streams',
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'append',
    'messaging.destination.name': 'orders',
    'messaging.batch.message_count': 1,
    'messaging.serverless_streams.offset': 1
  })
  assert.deepEqual(append.links, [producerContexts[0]])
  assert.equal(collector.resources[0]!['service.name'], 'serverless-streams')
  await eventually(() => requestLine(server, 'order-17') !== undefined)
  const line = requestLine(server, 'order-17')!
  assert.deepEqual([line['trace_id'], line['span_id']], [requestTrace, request.spanId])
})

test('nothing that is secret is recorded', { skip }, async (t) => {
  const { collector, url } = await traced(t)
  await produce(url, { payload: 'secret-payload', key: 'secret-key', headers: { h: 'secret-header' } }, {
    authorization: 'Bearer secret-token', 'idempotency-key': 'secret-idempotency', baggage: 'user=secret-baggage', cookie: 'secret-cookie'
  })
  await get(url, 'consume?access_token=secret-query')
  await ask(url, { method: 'POST', path: '/topics/orders/produce', headers: json, body: '{"payload":"secret-broken' })
  await get(url, 'consume?offset=1', { authorization: 'Bearer secret-token' })
  await post(url, 'groups/g/receive', {}, { 'idempotency-key': 'secret-idempotency' })
  await collector.span('POST /topics/:topic/groups/:group/receive')
  assert.equal(collector.spans.filter(({ kind }) => kind === 2).length, 5)
  assert.doesNotMatch(collector.text, /secret/)
})

test('appends that share a commit are linked with it, and it with them', { skip }, async (t) => {
  const { collector, url } = await traced(t, { DATA_DIR: ':memory:', LINGER_MS: '300' })
  await Promise.all([1, 2, 3].map(() => produce(url, message())))
  await eventually(() => collector.spans.filter(({ kind }) => kind === 2).length === 3)
  const appends = collector.spans.filter(({ name }) => name === 'append orders')
  const commits = collector.spans.filter(({ name }) => name === 'commit orders')
  assert.equal(commits.length, 1)
  const commit = commits[0]!
  const first = appends.find(({ spanId }) => spanId === commit.parentSpanId)!
  const others = appends.filter((append) => append !== first)
  assert.equal(others.length, 2)
  assert.deepEqual([...commit.links].sort(), others.map(idOf).sort())
  assert.deepEqual(others.map(({ links }) => links), others.map(() => [idOf(commit)]))
  assert.equal(commit.attributes['serverless_streams.operations'], 3)
})

function idOf ({ traceId, spanId }: Span): string {
  return `${traceId}-${spanId}`
}

test('a page has its loads below it, and links to the traces of its messages', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const writer = await startServer(t, { DATA_DIR: folder })
  for (const context of producerContexts.slice(0, 2)) await produce(writer.baseUrl, message(context))
  await stop(writer)
  const { collector, url } = await traced(t, { DATA_DIR: folder })
  await get(url, 'consume?offset=1', fromClient)
  await collector.span('GET /topics/:topic/consume')
  const route = 'GET /topics/:topic/consume'
  const found = tree(collector, requestTrace)
  assert.deepEqual(found.filter((path) => !path.endsWith('> list')), [
    route, `${route} > consume orders`, `${route} > consume orders > get`, `${route} > consume orders > state`
  ])
  const { attributes, links } = await collector.span('consume orders')
  assert.deepEqual(attributes, {
    'messaging.system': 'serverless_streams',
    'messaging.operation.type': 'receive',
    'messaging.operation.name': 'consume',
    'messaging.destination.name': 'orders',
    'messaging.batch.message_count': 2,
    'messaging.serverless_streams.offset': 1
  })
  assert.deepEqual(links, producerContexts.slice(0, 2))
})

test('a long poll and a stream have a span for each page that they deliver, and none for polls of the storage', { skip }, async (t) => {
  const { collector, url } = await traced(t)
  await produce(url, message())
  const long = get(url, 'consume?offset=2&wait=5', fromClient)
  // Several polls of the topic's item.
  await new Promise((resolve) => { setTimeout(resolve, 700) })
  await produce(url, message(producerContexts[5]))
  await long
  await collector.span('GET /topics/:topic/consume')
  const consumed = collector.spans.filter(({ name }) => name === 'consume orders')
  assert.deepEqual(consumed.map(({ links }) => links), [[producerContexts[5]]])
  assert.equal(consumed[0]!.attributes['messaging.batch.message_count'], 1)
  const states = collector.spans.filter(({ name, traceId }) => name === 'state' && traceId === requestTrace)
  assert.ok(states.length <= 2, `${states.length} reads of the item in the trace of the request`)

  const stream = new AbortController()
  const streamed = await fetch(`${url}/topics/orders/consume?offset=1`, { headers: { accept: 'text/event-stream' }, signal: stream.signal })
  await eventually(() => collector.spans.filter(({ name }) => name === 'consume orders').length === 2)
  await produce(url, message(producerContexts[6]))
  await eventually(() => collector.spans.filter(({ name }) => name === 'consume orders').length === 3)
  stream.abort()
  await streamed.text().catch(() => {})
  await eventually(() => collector.spans.filter(({ name }) => name === 'GET /topics/:topic/consume').length === 2)
  const request = collector.spans.findLast(({ name }) => name === 'GET /topics/:topic/consume')!
  const pages = collector.spans.filter(({ name, traceId }) => name === 'consume orders' && traceId === request.traceId)
  assert.deepEqual(pages.map(({ parentSpanId, links }) => [parentSpanId, links]), [
    [request.spanId, [producerContexts[5]]], [request.spanId, [producerContexts[6]]]
  ])
})

test('a receive has its calls below it, and links to its messages; so does an acknowledgement', { skip }, async (t) => {
  const { collector, url } = await traced(t)
  await produce(url, message(producerContexts[7]))
  const { text } = await post(url, 'groups/billing/receive', {}, fromClient)
  const { lease } = JSON.parse(text) as { lease: { id: string } }
  await post(url, 'groups/billing/ack', { lease_id: lease.id }, fromClient)
  await collector.span('POST /topics/:topic/groups/:group/ack')
  const found = tree(collector, requestTrace)
  for (const path of [
    'POST /topics/:topic/groups/:group/receive > receive orders > read_group',
    'POST /topics/:topic/groups/:group/receive > receive orders > write group orders > write_group',
    'POST /topics/:topic/groups/:group/ack > ack orders > write group orders > write_group'
  ]) assert.ok(found.includes(path), `${path} in ${found.join('\n')}`)
  const receive = await collector.span('receive orders')
  assert.equal(receive.attributes['messaging.consumer.group.name'], 'billing')
  assert.deepEqual(receive.links, [producerContexts[7]])
  const ack = await collector.span('ack orders')
  assert.equal(ack.attributes['messaging.operation.type'], 'settle')
})

test('the links of a span are bounded, and what is no traceparent is none', { skip }, async (t) => {
  const { collector, url } = await traced(t)
  await produce(url, { messages: [...producerContexts, ...producerContexts].map((context) => message(context)) })
  const append = await collector.span('append orders')
  assert.deepEqual(append.links, producerContexts.slice(0, 32))
  collector.spans.length = 0
  const wrong = ['', 'x', '00-0-0-01', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`, 'ff-' + producerContexts[0] + '-01', 'é'.repeat(3_000)]
  const messages = [...wrong.map((traceparent) => ({ payload: 1, headers: { traceparent } })), { payload: { traceparent: 'a' } }]
  await produce(url, { messages })
  await get(url, 'consume?offset=81&limit=1000')
  assert.deepEqual((await collector.span('append orders')).links, [])
  assert.deepEqual((await collector.span('consume orders')).links, [])
})

test('an error has its code, and no text', { skip }, async (t) => {
  const { collector, url } = await traced(t)
  await produce(url, { ...message(), expected_offset: 99 })
  const append = await collector.span('append orders')
  assert.equal(append.attributes['error.type'], 'offset_mismatch')
  await get(url, 'consume?offset=99')
  const consume = await collector.span('consume orders')
  assert.equal(consume.attributes['error.type'], 'offset_out_of_range')
  assert.equal(consume.failed, true)
})

test('what the client does not sample is not exported; what cannot be a context is ignored', { skip }, async (t) => {
  const { collector, server, url } = await traced(t)
  await produce(url, message(), { traceparent: `00-${'a'.repeat(32)}-${clientSpan}-00`, 'x-request-id': 'unsampled' })
  for (const headers of [
    { traceparent: 'garbage' }, { traceparent: `00-${'0'.repeat(32)}-${clientSpan}-01` }, { tracestate: 'x'.repeat(5_000) },
    { forwarded: 'for="[::' }, { 'x-forwarded-host': ']][[', 'x-forwarded-for': ']][[' }, { baggage: '%ff=%%%,;;=' }
  ]) assert.equal((await produce(url, message(), headers)).status, 200)
  for (const path of ['/health', '/ready', '/v1/health']) assert.equal((await ask(url, { path })).status, 200)
  await eventually(() => requestLine(server, 'unsampled') !== undefined)
  assert.equal(requestLine(server, 'unsampled')!['trace_id'], 'a'.repeat(32))
  await stop(server)
  const requests = collector.spans.filter(({ kind }) => kind === 2)
  assert.equal(requests.length, 6)
  assert.deepEqual(requests.map(({ parentSpanId }) => parentSpanId ?? ''), Array(6).fill(''))
  assert.equal(collector.spans.filter(({ traceId }) => traceId === 'a'.repeat(32)).length, 0)
  assert.equal(collector.spans.filter(({ name }) => name === 'commit orders').length, 6)
})

test('on AWS, the calls of its SDK are below ours', { skip: withoutTracing || withoutLocalstack }, async (t) => {
  const stack = await localstack(t)
  const { collector, url } = await traced(t, environmentOf(stack))
  await produce(url, message(), fromClient)
  await collector.span('POST /topics/:topic/produce')
  const found = tree(collector, requestTrace)
  const commit = 'POST /topics/:topic/produce > append orders > commit orders'
  assert.ok(found.includes(`${commit} > reserve > DynamoDB.UpdateItem`), found.join('\n'))
  assert.ok(found.includes(`${commit} > put > S3.PutObject`), found.join('\n'))
  assert.deepEqual(collector.spans.filter(({ traceId }) => traceId !== requestTrace), [], 'nothing but the request')
})
