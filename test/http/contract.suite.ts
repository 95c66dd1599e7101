import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ask, assertProblem, consume, produce } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

interface Page {
  messages: Array<{ offset: number, payload: unknown, timestamp: number, key?: string, headers?: object }>
  next_offset: number
}

async function page (baseUrl: string, topic: string, query = ''): Promise<Page> {
  const { status, text } = await consume(baseUrl, topic, query)
  assert.equal(status, 200, text)
  return JSON.parse(text) as Page
}

async function fill (baseUrl: string, topic: string, payloads: unknown[]): Promise<void> {
  for (const payload of payloads) assert.equal((await produce(baseUrl, topic, JSON.stringify({ payload }))).status, 200)
}

const offsets = ({ messages }: Page): number[] => messages.map(({ offset }) => offset)

export async function contract (t: TestContext, subject: Subject): Promise<void> {
  await writing(t, subject)
  await reading(t, subject)
  await service(t, subject)
}

async function writing (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('a message goes in and comes out, in exactly this form', async () => {
    const name = topic()
    const before = Date.now()
    const produced = await produce(baseUrl, name, '{"payload":{"item":"book","quantity":2}}')
    assert.equal(produced.status, 200)
    assert.match(produced.headers['content-type'] as string, /^application\/json; charset=utf-8$/)
    assert.equal(produced.text, `{"topic":"${name}","offset":1}`)
    const consumed = await consume(baseUrl, name, '?offset=1&limit=10')
    assert.equal(consumed.status, 200)
    assert.equal(consumed.headers['content-type'], 'application/json; charset=utf-8')
    const timestamp = Number(/"timestamp":(\d+)/.exec(consumed.text)?.[1])
    assert.equal(consumed.text,
      `{"messages":[{"offset":1,"payload":{"item":"book","quantity":2},"timestamp":${timestamp}}],"next_offset":2}`)
    assert(timestamp >= before - 60_000 && timestamp <= Date.now() + 60_000)
  })

  await t.test('concurrent appends get different offsets, and all are read', async () => {
    const name = topic()
    const answers = await Promise.all([...Array(40).keys()].map((n) => produce(baseUrl, name, `{"payload":${n}}`)))
    const byOffset = new Map(answers.map(({ text }, n) => [(JSON.parse(text) as { offset: number }).offset, n]))
    assert.equal(byOffset.size, 40)
    const { messages } = await page(baseUrl, name, '?limit=1000')
    assert.deepEqual(messages.map(({ offset, payload }) => [offset, payload]), [...byOffset].sort(([a], [b]) => a - b))
  })

  await t.test('/v1 is the same service', async () => {
    const name = topic()
    const headers = { 'content-type': 'application/json' }
    const produced = await ask(baseUrl, { method: 'POST', path: `/v1/topics/${name}/produce`, headers, body: '{"payload":1}' })
    assert.equal(produced.text, `{"topic":"${name}","offset":1}`)
    assert.equal((await ask(baseUrl, { path: `/v1/topics/${name}/consume` })).text, (await consume(baseUrl, name)).text)
    assert.equal((await ask(baseUrl, { path: '/v1/health' })).text, '{"status":"ok"}')
    assert.equal((await ask(baseUrl, { path: '/v1/ready' })).text, '{"status":"ok"}')
  })

  await t.test('a slash at the end of a path changes nothing', async () => {
    const name = topic()
    const headers = { 'content-type': 'application/json' }
    assert.equal((await ask(baseUrl, { method: 'POST', path: `/topics/${name}/produce/`, headers, body: '{"payload":1}' })).text,
      `{"topic":"${name}","offset":1}`)
    assert.match((await ask(baseUrl, { path: `/v1/topics/${name}/consume/?offset=1` })).text, /"next_offset":2/)
    assert.equal((await ask(baseUrl, { path: '/health/' })).text, '{"status":"ok"}')
  })

  await t.test('a page comes as JSON when Accept names only what there is not', async () => {
    for (const accept of ['text/csv', 'text/html', 'nonsense']) {
      const answer = await ask(baseUrl, { path: `/topics/${topic()}/consume`, headers: { accept } })
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', accept)
      assert.equal(answer.status, 200)
    }
  })

  await t.test('content types that say the same', async () => {
    for (const type of [
      'application/json; charset=utf-8',
      'application/json;charset=UTF-8',
      'Application/JSON',
      'application/json; charset="utf-8"',
      'application/json; x=y'
    ]) {
      const answer = await ask(baseUrl, {
        method: 'POST',
        path: `/topics/${topic()}/produce`,
        headers: { 'content-type': type },
        body: '{"payload":1}'
      })
      assert.equal(answer.status, 200, type)
    }
  })
}

async function reading (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('pages follow each other without a gap, up to an empty one', async () => {
    const name = topic()
    await fill(baseUrl, name, [0, 1, 2, 3, 4, 5, 6])
    const seen: unknown[] = []
    let next = 1
    for (const size of [3, 3, 1, 0]) {
      const { messages, next_offset: after } = await page(baseUrl, name, `?offset=${next}&limit=3`)
      assert.equal(messages.length, size)
      seen.push(...messages.map(({ payload }) => payload))
      next = after
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6])
    assert.equal(next, 8)
  })

  await t.test('without parameters: from offset 1, ten messages', async () => {
    const name = topic()
    await fill(baseUrl, name, [...Array(11).keys()])
    const first = await page(baseUrl, name)
    assert.deepEqual(offsets(first), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert.equal(first.next_offset, 11)
  })

  await t.test('earliest and latest', async () => {
    const name = topic()
    assert.deepEqual(await page(baseUrl, name, '?offset=earliest'), { messages: [], next_offset: 1 })
    assert.deepEqual(await page(baseUrl, name, '?offset=latest'), { messages: [], next_offset: 1 })
    await fill(baseUrl, name, ['a', 'b'])
    assert.deepEqual(offsets(await page(baseUrl, name, '?offset=earliest')), [1, 2])
    assert.deepEqual(await page(baseUrl, name, '?offset=latest'), { messages: [], next_offset: 3 })
  })

  await t.test('a topic nobody wrote to, and the end of a topic, are empty pages', async () => {
    const name = topic()
    assert.deepEqual(await page(baseUrl, name, '?offset=1'), { messages: [], next_offset: 1 })
    await fill(baseUrl, name, ['a', 'b'])
    assert.deepEqual(await page(baseUrl, name, '?offset=3'), { messages: [], next_offset: 3 })
  })

  await t.test('an offset beyond the end is refused: by a page, a long poll, and a stream', async () => {
    const name = topic()
    const detail = (end: number, got: number): string => `offset: expected at most ${end}, the end of the topic, got ${got}`
    const range = (end: number): object => ({ earliest: 1, end })
    assertProblem(await consume(baseUrl, name, '?offset=2'), 'offset_out_of_range', detail(1, 2), range(1))
    await fill(baseUrl, name, ['a', 'b'])
    for (const query of ['?offset=4', '?offset=4&wait=20']) {
      assertProblem(await consume(baseUrl, name, query), 'offset_out_of_range', detail(3, 4), range(3))
    }
    const last = Number.MAX_SAFE_INTEGER
    assertProblem(await consume(baseUrl, name, `?offset=${last}`), 'offset_out_of_range', detail(3, last), range(3))
    for (const [query, headers] of [['?offset=4', {}], ['', { 'last-event-id': '3' }]] as const) {
      const answer = await ask(baseUrl, { path: `/topics/${name}/consume${query}`, headers: { accept: 'text/event-stream', ...headers } })
      assertProblem(answer, 'offset_out_of_range', detail(3, 4), range(3))
    }
    assert.equal((await ask(baseUrl, { method: 'HEAD', path: `/topics/${name}/consume?offset=4` })).status, 400)
  })

  await t.test('max_bytes bounds a page, but one message always comes', async () => {
    const name = topic()
    await fill(baseUrl, name, ['x'.repeat(500), 'y'.repeat(500), 'z'.repeat(500)])
    assert.deepEqual(offsets(await page(baseUrl, name, '?max_bytes=1')), [1])
    assert.deepEqual(offsets(await page(baseUrl, name, '?max_bytes=1200')), [1, 2])
    assert.deepEqual(offsets(await page(baseUrl, name, '?max_bytes=99999999999999999999')), [1, 2, 3])
  })

  await t.test('a limit above the largest is cut, however many digits it has', async () => {
    const name = topic()
    await fill(baseUrl, name, [1])
    assert.deepEqual(offsets(await page(baseUrl, name, '?limit=1001')), [1])
    assert.deepEqual(offsets(await page(baseUrl, name, '?limit=100000000000000000000000')), [1])
  })
}

async function service (t: TestContext, { baseUrl, offers }: Subject): Promise<void> {
  for (const path of ['/health', '/ready']) {
    await t.test(path, async () => {
      const answer = await ask(baseUrl, { path })
      assert.equal(answer.status, 200)
      assert.equal(answer.text, '{"status":"ok"}')
      const head = await ask(baseUrl, { method: 'HEAD', path })
      assert.equal(head.status, 200)
      assert.equal(head.text, '')
    })
  }

  await t.test('every answer names its request; a sane id of the caller is kept', async () => {
    const given = await ask(baseUrl, { path: '/health', headers: { 'x-request-id': 'order-7/b' } })
    assert.equal(given.headers['x-request-id'], 'order-7/b')
    for (const bad of ['with space', 'x'.repeat(129), '{"a":1}']) {
      const { headers } = await ask(baseUrl, { path: '/health', headers: { 'x-request-id': bad } })
      assert.match(headers['x-request-id'] as string, /^[\w-]{8,64}$/)
    }
  })

  await t.test('no answer may be kept by a cache, or taken for another type than it says', async () => {
    const body = '{"payload":"<script>"}'
    const answers = {
      produced: await produce(baseUrl, 'a-topic', body),
      page: await consume(baseUrl, 'a-topic'),
      lines: await ask(baseUrl, {
        path: '/topics/a-topic/consume',
        headers: { accept: 'application/x-ndjson', 'accept-encoding': 'gzip' }
      }),
      'wrong field': await consume(baseUrl, 'a-topic', '?offset=0'),
      'wrong body': await produce(baseUrl, 'a-topic', '{'),
      nothing: await ask(baseUrl, { path: '/nothing' }),
      'wrong method': await ask(baseUrl, { method: 'DELETE', path: '/health' }),
      health: await ask(baseUrl, { path: '/health' }),
      document: await ask(baseUrl, { path: '/openapi.json' }),
      errors: await ask(baseUrl, { path: '/docs/errors' })
    }
    for (const [name, { headers }] of Object.entries(answers)) {
      assert.deepEqual([headers['cache-control'], headers['x-content-type-options']], ['no-store', 'nosniff'], name)
      const policy = headers['content-security-policy'] as string
      if (name === 'errors') assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/=]+'; .*frame-ancestors 'none'$/)
      else assert.equal(policy, "default-src 'none'; frame-ancestors 'none'", name)
    }
  })

  await t.test('the specification lists the operations, once', async () => {
    const { status, text } = await ask(baseUrl, { path: '/openapi.json' })
    assert.equal(status, 200)
    const specification = JSON.parse(
      text
    ) as { openapi: string, paths: Record<string, Record<string, { operationId: string, responses: object }>> }
    assert.equal(specification.openapi, '3.1.0')
    assert.deepEqual(Object.fromEntries(Object.entries(specification.paths).map(([path, methods]) => [path,
      Object.entries(methods).map(([method, { operationId, responses }]) => [method, operationId, Object.keys(responses)])])), {
      '/topics/{topic}/produce': [
        [
          'post',
          'produce',
          ['200', '400', '401', '403', '404', '408', '409', '413', '415', '421', '422', '429', '431', '500', '501', '503', '507']
        ]
      ],
      '/topics/{topic}/consume': [['get', 'consume', ['200', '204', '400', '401', '403', '408', '421', '429', '431', '500', '501', '503']]],
      '/topics': [['get', 'listTopics', ['200', '400', '401', '403', '408', '421', '429', '431', '500', '501', '503']]],
      '/topics/{topic}': [
        ['get', 'describeTopic', ['200', '400', '401', '403', '404', '408', '421', '429', '431', '500', '501', '503']],
        ['put', 'putTopic', ['200', '201', '400', '401', '403', '408', '413', '415', '421', '429', '431', '500', '501', '503', '507']],
        ['delete', 'deleteTopic', ['204', '400', '401', '403', '404', '408', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/trim': [
        ['post', 'trimTopic', ['200', '400', '401', '403', '404', '408', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/close': [
        ['post', 'closeTopic',
          ['200', '400', '401', '403', '404', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/receive': [
        ['post', 'receive', ['200', '400', '401', '403', '408', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/ack': [
        ['post', 'ack', ['200', '400', '401', '403', '404', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/nack': [
        ['post', 'nack', ['200', '400', '401', '403', '404', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/extend': [
        ['post', 'extend', ['200', '400', '401', '403', '404', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups': [['get', 'listGroups', ['200', '400', '401', '403', '408', '421', '429', '431', '500', '501', '503']]],
      '/topics/{topic}/groups/{group}': [
        ['get', 'describeGroup', ['200', '400', '401', '403', '404', '408', '421', '429', '431', '500', '501', '503']],
        ['put', 'putGroup',
          ['200', '201', '400', '401', '403', '404', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']],
        ['delete', 'deleteGroup', ['204', '400', '401', '403', '404', '408', '409', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/offset': [
        ['put', 'seekGroup', ['200', '400', '401', '403', '408', '409', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/topics/{topic}/groups/{group}/redrive': [
        ['post', 'redriveGroup', ['200', '400', '401', '403', '404', '408', '413', '415', '421', '429', '431', '500', '501', '503', '507']]
      ],
      '/health': [['get', 'health', ['200', '400', '408', '421', '431', '500', '501']]],
      '/ready': [['get', 'ready', ['200', '400', '408', '421', '431', '500', '501', '503']]],
      ...offers.metrics ? metricsOperations : {},
      ...offers.tokens ? tokenOperations : {}
    })
  })

  await t.test('the root leads to the documents', async () => {
    const { status, headers } = await ask(baseUrl, { path: '/' })
    assert.equal(status, 302)
    assert.equal(new URL(headers['location'] as string, 'http://host/').pathname, '/docs')
  })

  await t.test('pages to read', async () => {
    for (const [path, part] of [['/docs', '<title>Serverless Streams</title>'], ['/docs/errors', 'id="storage_throttled"']] as const) {
      const { status, headers, text } = await ask(baseUrl, { path })
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'text/html; charset=utf-8')
      assert(text.includes(part))
    }
  })
}

const tokenOperations = {
  '/tokens': [
    ['post', 'createToken', ['201', '400', '401', '403', '408', '413', '415', '421', '429', '431', '500', '501', '503', '507']],
    ['get', 'listTokens', ['200', '400', '401', '403', '408', '421', '429', '431', '500', '501', '503']]
  ],
  '/tokens/{id}': [
    ['get', 'describeToken', ['200', '400', '401', '403', '404', '408', '421', '429', '431', '500', '501', '503']],
    ['delete', 'revokeToken', ['204', '400', '401', '403', '404', '408', '421', '429', '431', '500', '501', '503']]
  ]
}

const metricsOperations = {
  '/metrics': [['get', 'metrics', ['200', '400', '401', '403', '408', '421', '429', '431', '500', '501', '503']]]
}
