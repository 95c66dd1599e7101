import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { problem } from '../../support/http/requests.ts'
import type { LambdaAnswer } from '../../support/lambda/bridge.ts'
import { parseEmf } from '../../support/lambda/emf.ts'
import { functionUrlEvent, httpApiEvent, httpApiEventV1, lambdaContext, restEvent, type Sent } from '../../support/lambda/events.ts'

Object.assign(process.env, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent', AUTH: 'none', BUCKET_NAME: '', COUNTERS_TABLE: '' })
const { handler, sweepHandler } = await import('../../../src/lambda.ts')

const invoke = async (event: unknown): Promise<LambdaAnswer> => await handler(event, lambdaContext()) as LambdaAnswer
const post = (topic: string, body: string | Buffer): Sent => ({
  method: 'POST', url: `/topics/${topic}/produce`, headers: { 'content-type': 'application/json' }, body: Buffer.from(body)
})
const get = (url: string): Sent => ({ method: 'GET', url })

let topics = 0
const topic = (): string => `t${++topics}`

const withBody: Record<string, (sent: Sent) => object> = {
  'REST API': (sent) => restEvent(sent),
  'REST API, bodies as text': (sent) => restEvent(sent, { binary: false }),
  'REST API, stage v1': (sent) => restEvent(sent, { stage: 'v1' }),
  'REST API, a stage named like the first part of the path': (sent) => restEvent(sent, { stage: 'topics' }),
  'REST API, custom domain with a base path': (sent) => restEvent(sent, { basePath: 'streams/eu' }),
  'REST API, custom domain with a base path like a part of the path': (sent) => restEvent(sent, { basePath: 'topics' }),
  'REST API, custom domain with the base path v1': (sent) => restEvent(sent, { basePath: 'v1' }),
  'HTTP API, $default': (sent) => httpApiEvent(sent),
  'HTTP API, bodies as base64': (sent) => httpApiEvent(sent, { base64: true }),
  'HTTP API, named stage, $default route': (sent) => httpApiEvent(sent, { stage: 'prod' }),
  'HTTP API, named stage, greedy route': (sent) => httpApiEvent(sent, { stage: 'prod', routeKey: 'ANY /{proxy+}' }),
  'HTTP API, a stage named like the first part of the path': (sent) => httpApiEvent(sent, { stage: 'topics', routeKey: 'ANY /{proxy+}' }),
  'HTTP API, custom domain with a mapping': (sent) => httpApiEvent(sent, { basePath: 'streams', stage: 'prod', routeKey: 'ANY /{proxy+}' }),
  'HTTP API, custom domain with a mapping, $default route': (sent) => httpApiEvent(sent, { basePath: 'streams/eu' }),
  'HTTP API, custom domain with a mapping, $default route, named stage': (sent) => httpApiEvent(sent, {
    basePath: 'streams',
    stage: 'prod'
  }),
  'HTTP API, custom domain with a mapping like a part of the path': (sent) => httpApiEvent(sent, { basePath: 'health' }),
  'HTTP API, custom domain with the mapping v1': (sent) => httpApiEvent(sent, { basePath: 'v1' }),
  'HTTP API, payload 1.0, $default': (sent) => httpApiEventV1(sent),
  'HTTP API, payload 1.0, named stage, $default route': (sent) => httpApiEventV1(sent, { stage: 'prod' }),
  'HTTP API, payload 1.0, named stage, greedy route': (sent) => httpApiEventV1(sent, { stage: 'prod', routeKey: 'ANY /{proxy+}' }),
  'HTTP API, payload 1.0, a stage named like the first part of the path': (sent) => httpApiEventV1(sent, { stage: 'topics' }),
  'HTTP API, payload 1.0, custom domain with a mapping, $default route': (sent) => httpApiEventV1(sent, {
    basePath: 'streams',
    stage: 'prod'
  }),
  'HTTP API, payload 1.0, custom domain with a mapping, greedy route': (sent) => httpApiEventV1(sent, {
    basePath: 'streams',
    stage: 'prod',
    routeKey: 'ANY /{proxy+}'
  }),
  'HTTP API, payload 1.0, bodies as base64': (sent) => httpApiEventV1(sent, { base64: true }),
  'HTTP API, cookies': (sent) => httpApiEvent(sent, { cookies: ['a=1', 'b=2'] }),
  'function URL': functionUrlEvent
}

for (const [name, toEvent] of Object.entries(withBody)) {
  test(name, async () => {
    const name = topic()
    const produced = await invoke(toEvent(post(name, '{"payload":12345678901234567890}')))
    assert.deepEqual([produced.statusCode, produced.body, produced.isBase64Encoded], [200, `{"topic":"${name}","offset":1}`, false])
    assert.equal(produced.headers['content-type'], 'application/json; charset=utf-8')
    const consumed = await invoke(toEvent(get(`/topics/${name}/consume?offset=1&limit=10`)))
    assert.match(consumed.body, /^\{"messages":\[\{"offset":1,"payload":12345678901234567890,"timestamp":\d+\}\],"next_offset":2\}$/)
    assert.equal((await invoke(toEvent(get('/health')))).body, '{"status":"ok"}')
    assert.equal((await invoke(toEvent(get('/v1/health')))).body, '{"status":"ok"}')
    assert.equal((await invoke(toEvent(get('/nope')))).statusCode, 404)
  })
}

test('routes of their own for each path, below a base path', async () => {
  const name = topic()
  const resource = '/topics/{topic}/produce'
  const options = { resource, pathParameters: { topic: name } }
  assert.equal((await invoke(restEvent(post(name, '{"payload":1}'), { ...options, basePath: 'a/b' }))).body,
    `{"topic":"${name}","offset":1}`)
  assert.equal((await invoke(restEvent(post(name, '{"payload":1}'), options))).body, `{"topic":"${name}","offset":2}`)
  const http = { routeKey: `POST ${resource}`, pathParameters: { topic: name }, stage: 'prod' }
  assert.equal((await invoke(httpApiEvent(post(name, '{"payload":1}'), http))).body, `{"topic":"${name}","offset":3}`)
})

test('on a custom domain a path that is none of ours stays unknown, and 405 names the methods', async () => {
  const mapped = (method: string, url: string): object => httpApiEvent({ method, url }, { basePath: 'streams' })
  assert.equal((JSON.parse((await invoke(mapped('GET', '/topics/a/nope'))).body) as { code: string }).code, 'not_found')
  const answer = await invoke(mapped('DELETE', '/health'))
  assert.deepEqual([answer.statusCode, answer.headers['allow']], [405, 'GET, HEAD'])
})

for (const [name, toEvent] of Object.entries({
  REST: restEvent,
  'HTTP 1.0': httpApiEventV1,
  'HTTP 2.0': httpApiEvent,
  URL: functionUrlEvent
})) {
  test(`${name}: the client's own X-Request-Id is kept; without one it is that of the API`, async () => {
    const own = await invoke(toEvent({ ...get('/health'), headers: { [name === 'REST' ? 'X-Request-Id' : 'x-request-id']: 'mine-1' } }))
    assert.equal(own.headers['x-request-id'], 'mine-1')
    const event = toEvent(get('/health'))
    assert.equal((await invoke(event)).headers['x-request-id'], event.requestContext.requestId)
  })
}

const otherEvents: Array<[event: unknown, source: string]> = [
  [{ Records: [{ eventSource: 'aws:sqs', body: 'secret' }] }, 'an event of aws:sqs'],
  [{ Records: [{ EventSource: 'aws:sns', Sns: { Message: 'secret' } }] }, 'an event of aws:sns'],
  [{ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }, 'an event of aws.events'],
  [{ requestContext: { connectionId: 'a', routeKey: '$connect' } }, 'an event of a WebSocket API'],
  [{ key1: 'secret' }, 'another event'],
  [{ source: 'a secret\nline' }, 'another event'],
  [null, 'another event'],
  ['text', 'another event']
]
test('an event that is no HTTP request is told as that, with its source and nothing of its content', async () => {
  for (const [event, source] of otherEvents) {
    await assert.rejects(invoke(event), {
      name: 'UnsupportedEventError',
      message: `event: expected an HTTP request of an API Gateway API or a function URL, got ${source}`
    })
  }
})

test('an event of the console, with nulls where others have objects', async () => {
  const event = { ...restEvent(get('/health')), headers: null, multiValueHeaders: null, pathParameters: null }
  assert.equal((await invoke(event)).body, '{"status":"ok"}')
})

for (const [name, toEvent] of Object.entries({
  REST: (sent: Sent) => restEvent(sent),
  HTTP: (sent: Sent) => httpApiEvent(sent, { base64: true }),
  URL: functionUrlEvent
})) {
  test(`${name}: bytes that are not UTF-8 arrive as they are, and are refused`, async () => {
    const body = Buffer.concat([Buffer.from('{"payload":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])
    const answer = await invoke(toEvent(post(topic(), body)))
    assert.equal(answer.statusCode, 400)
    assert.deepEqual(JSON.parse(answer.body), problem('invalid_encoding', 'body: expected UTF-8, got bytes that are not', 'no'))
  })

  test(`${name}: a path handed over decoded does not end at a number sign or a question mark`, async () => {
    for (const path of ['a%23b', 'a%3Fb', 'gr%C3%BC%C3%9Fe', 'a%20b']) {
      const answer = await invoke(toEvent(get(`/topics/${path}/consume`)))
      assert.equal((JSON.parse(answer.body) as { code: string }).code, 'invalid_topic', path)
    }
  })
}

test('an empty body', async () => {
  const answer = await invoke(restEvent({ ...post(topic(), ''), body: Buffer.alloc(0) }))
  assert.deepEqual(JSON.parse(answer.body), problem('missing_body', 'body: expected a JSON object, got nothing', 'no'))
})

test('an answer goes as text if Lambda takes it so, else as base64; both are under 6 MB', async () => {
  const name = topic()
  const plain = 'x'.repeat(4_100_000)
  const quoted = '\\"'.repeat(2_000_000)
  await invoke(functionUrlEvent(post(name, `{"payload":"${plain}"}`)))
  await invoke(functionUrlEvent(post(name, `{"payload":"${quoted}"}`)))
  const text = await invoke(functionUrlEvent(get(`/topics/${name}/consume?limit=1`)))
  assert.equal(text.isBase64Encoded, false)
  assert(text.body.includes(plain))
  const base64 = await invoke(functionUrlEvent(get(`/topics/${name}/consume?offset=2&limit=1`)))
  assert.equal(base64.isBase64Encoded, true)
  assert(Buffer.from(base64.body, 'base64').toString().includes(quoted))
  for (const answer of [text, base64]) assert(Buffer.byteLength(JSON.stringify(answer)) < 6_000_000)
})

test('what turns out too large when decompressed is refused at once', async () => {
  const sent = post(topic(), gzipSync(`{"payload":"${'x'.repeat(5_000_000)}"}`))
  const began = performance.now()
  assert.equal((await invoke(functionUrlEvent({ ...sent, headers: { ...sent.headers, 'content-encoding': 'gzip' } }))).statusCode, 413)
  assert(performance.now() - began < 3_000)
})

test('an image goes as base64', async () => {
  const image = await invoke(functionUrlEvent(get('/docs/static/favicon-32x32.png')))
  assert.equal(image.headers['content-type'], 'image/png')
  assert.equal(image.isBase64Encoded, true)
  assert.equal(Buffer.from(image.body, 'base64').toString('latin1', 1, 4), 'PNG')
})

test('a header is a value, not a list, for the API; 405 names the methods', async () => {
  const answer = await invoke(restEvent({ method: 'DELETE', url: '/health' }))
  assert.equal(answer.statusCode, 405)
  assert.equal(answer.headers['allow'], 'GET, HEAD')
})

test('requests of the same environment at the same time', async () => {
  const name = topic()
  const answers = await Promise.all([...Array(20).keys()].map((n) => invoke(functionUrlEvent(post(name, `{"payload":${n}}`)))))
  assert.equal(new Set(answers.map(({ body }) => body)).size, 20)
})

test('a schedule sweeps, and gets what was removed and what it cost', async (t) => {
  const name = topic()
  await invoke(functionUrlEvent({
    ...get(`/topics/${name}`), method: 'PUT', headers: { 'content-type': 'application/json' }, body: Buffer.from('{"retention_bytes":1}')
  }))
  // What is as small as a seal stays for some minutes.
  for (let n = 0; n < 3; n++) await invoke(functionUrlEvent(post(name, `{"payload":"${'x'.repeat(100)}"}`)))
  const lines = metricLines(t)
  const swept = await sweepHandler({ source: 'aws.events' }, lambdaContext())
  assert.equal(swept.segments, 2)
  assert.deepEqual(lines.map((line) => parseEmf(line)['streams_retention_segments_removed_total']), [2])
  assert(swept.topics >= 1 && swept.bytes > 100 && swept.calls.remove === 1, JSON.stringify(swept))
  const page = JSON.parse((await invoke(functionUrlEvent(get(`/topics/${name}/consume`)))).body) as { messages: Array<{ offset: number }> }
  assert.deepEqual(page.messages.map(({ offset }) => offset), [3])
  lines.length = 0
  assert.equal((await sweepHandler({ source: 'aws.events' }, lambdaContext())).segments, 0)
  assert.deepEqual(lines, [], 'each metric costs money for each hour in which it is written')
})

/** Gets the lines with metrics from now on. */
function metricLines (t: TestContext): string[] {
  const lines: string[] = []
  const write = process.stdout.write.bind(process.stdout)
  t.mock.method(process.stdout, 'write', (text: string) => text.includes('"_aws"') ? lines.push(text) > 0 : write(text))
  return lines
}
