import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ask, assertProblem, consume, produce, send } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const defaults = { retention_ms: null, retention_bytes: null, max_message_bytes: null, rate: null }
const most = Number.MAX_SAFE_INTEGER
const rateExpected = 'expected an object with messages, bytes or both, or null, got'
const beforeExpected = `before: expected a whole number from 1 to ${most}, got`

/** Bodies that `PUT` refuses, as JSON text. */
const badConfigs: Record<string, [body: string, code: string, detail: string]> = {
  'an unknown member': [
    '{"retention":1}',
    'invalid_request',
    'retention: expected one of retention_ms, retention_bytes, max_message_bytes, rate, got an unknown member'
  ],
  __proto__: [
    '{"__proto__":1}',
    'invalid_request',
    '__proto__: expected one of retention_ms, retention_bytes, max_message_bytes, rate, got an unknown member'
  ],
  'a retention that is too short': [
    '{"retention_ms":999}', 'invalid_request', `retention_ms: expected a whole number from 1000 to ${most}, or null, got 999`
  ],
  'a retention in words': [
    '{"retention_ms":"7 days"}', 'invalid_request', `retention_ms: expected a whole number from 1000 to ${most}, or null, got "7 days"`
  ],
  'a retention that is too long': [
    '{"retention_ms":9007199254740993}',
    'invalid_request',
    `retention_ms: expected a whole number from 1000 to ${most}, or null, got 9007199254740992`
  ],
  'no bytes': ['{"retention_bytes":0}', 'invalid_request', `retention_bytes: expected a whole number from 1 to ${most}, or null, got 0`],
  'half a byte': [
    '{"retention_bytes":1.5}', 'invalid_request', `retention_bytes: expected a whole number from 1 to ${most}, or null, got 1.5`
  ],
  'messages that are larger than a request': [
    '{"max_message_bytes":4194305}', 'invalid_request', 'max_message_bytes: expected a whole number from 1 to 4194304, or null, got 4194305'
  ],
  'a bound that is true': [
    '{"max_message_bytes":true}', 'invalid_request', 'max_message_bytes: expected a whole number from 1 to 4194304, or null, got true'
  ],
  'a rate that is a number': ['{"rate":100}', 'invalid_request', `rate: ${rateExpected} 100`],
  'a rate of nothing': ['{"rate":{}}', 'invalid_request', `rate: ${rateExpected} an empty object`],
  'a rate of no messages': [
    '{"rate":{"messages":0}}', 'invalid_request', `rate.messages: expected a whole number from 1 to ${most}, got 0`
  ],
  'a rate of null bytes': ['{"rate":{"bytes":null}}', 'invalid_request', `rate.bytes: expected a whole number from 1 to ${most}, got null`],
  'an unknown rate': [
    '{"rate":{"messages":1,"requests":1}}', 'invalid_request', 'rate.requests: expected one of messages, bytes, got an unknown member'
  ],
  'the same bound twice': [
    '{"retention_ms":1000,"rate":null,"retention_ms":1000}', 'invalid_request', 'retention_ms: expected once, got twice'
  ],
  'the same bound twice, once with escapes': [
    '{"retention_ms":1000,"retention\\u005fms":null}', 'invalid_request', 'retention_ms: expected once, got twice'
  ],
  'the same rate twice': [
    '{"rate":{"bytes":1,"messages":1,"bytes":2},"retention_ms":0}', 'invalid_request', 'rate.bytes: expected once, got twice'
  ],
  'two rates': ['{"rate":{"bytes":1},"rate":{"bytes":1}}', 'invalid_request', 'rate: expected once, got twice'],
  'an unknown member twice': ['{"__proto__":{},"__proto__":{}}', 'invalid_request', '__proto__: expected once, got twice'],
  'a bound of the same name as a rate': [
    '{"rate":{"messages":1},"messages":1}', 'invalid_request',
    'messages: expected one of retention_ms, retention_bytes, max_message_bytes, rate, got an unknown member'
  ],
  'an array': ['[]', 'invalid_request', 'body: expected a JSON object, got an array'],
  'an array of arrays': [`{"rate":${'['.repeat(8_000)}${']'.repeat(8_000)}}`, 'invalid_request', `rate: ${rateExpected} an array`],
  null: ['null', 'invalid_request', 'body: expected a JSON object, got null'],
  'not JSON': ['{"rate"', 'malformed_json', 'body: expected valid JSON, got a syntax error'],
  'too large by a byte': [
    `{"retention_ms":${' '.repeat(16 * 1024 - 19)}1000}`, 'body_too_large', 'body: expected at most 16384 bytes, got more'
  ]
}

const badTrims: Record<string, [body: string, detail: string]> = {
  nothing: ['', `${beforeExpected} nothing`],
  'an empty object': ['{}', `${beforeExpected} nothing`],
  zero: ['{"before":0}', `${beforeExpected} 0`],
  text: ['{"before":"5"}', `${beforeExpected} "5"`],
  null: ['{"before":null}', `${beforeExpected} null`],
  'an unknown member': ['{"before":1,"after":2}', 'after: expected one of before, got an unknown member'],
  'two offsets': ['{"before":1,"before":2}', 'before: expected once, got twice']
}

const badCloses: Record<string, [body: string, detail: string]> = {
  zero: ['{"expected_offset":0}', `expected_offset: expected a whole number from 1 to ${most}, got 0`],
  'two offsets': ['{"expected_offset":1,"expected_offset":1}', 'expected_offset: expected once, got twice']
}

const headers = { 'content-type': 'application/json' }

export async function topics (t: TestContext, subject: Subject): Promise<void> {
  await configs(t, subject)
  await lists(t, subject)
  await trims(t, subject)
  await closes(t, subject)
  await deletions(t, subject)
  await bounds(t, subject)
  await wrongRequests(t, subject)
}

async function configs (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('PUT creates a topic, and GET describes it; the same PUT again changes nothing', async () => {
    const name = topic()
    const before = Date.now()
    const created = await send(baseUrl, 'PUT', `/topics/${name}`)
    assert.equal(created.status, 201, created.text)
    const { created_at: createdAt } = JSON.parse(created.text) as { created_at: number }
    assert(createdAt >= before - 60_000 && createdAt <= Date.now() + 60_000)
    const expected = { topic: name, earliest: 1, end: 1, created_at: createdAt, closed: false, config: defaults }
    assert.equal(created.text, JSON.stringify(expected))
    for (const body of [undefined, {}]) {
      const again = await send(baseUrl, 'PUT', `/topics/${name}`, body)
      assert.deepEqual([again.status, again.text], [200, created.text])
    }
    const described = await ask(baseUrl, { path: `/topics/${name}` })
    assert.deepEqual(
      [described.status, described.text, described.headers['content-type']], [200, created.text, 'application/json; charset=utf-8']
    )
    const head = await ask(baseUrl, { method: 'HEAD', path: `/v1/topics/${name}/` })
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  await t.test('PUT changes what it names, and null takes the default again', async () => {
    const name = topic()
    const config = async (status: number, body: object): Promise<unknown> => {
      const answer = await send(baseUrl, 'PUT', `/topics/${name}`, body)
      assert.equal(answer.status, status, answer.text)
      assert.equal((await ask(baseUrl, { path: `/topics/${name}` })).text, answer.text)
      return (JSON.parse(answer.text) as { config: unknown }).config
    }
    const all = {
      retention_ms: 604_800_000, retention_bytes: 1_000, max_message_bytes: 1_048_576, rate: { messages: 100, bytes: 1_000_000 }
    }
    assert.deepEqual(await config(201, all), all)
    assert.deepEqual(
      await config(200, { retention_bytes: 2_000, rate: { bytes: 5 } }), { ...all, retention_bytes: 2_000, rate: { bytes: 5 } }
    )
    assert.deepEqual(
      await config(200, { retention_ms: null, rate: null }), { ...all, retention_ms: null, retention_bytes: 2_000, rate: null }
    )
    assert.deepEqual(await config(200, defaults), defaults)
    // What GET tells, PUT takes.
    assert.deepEqual(await config(200, all), all)
    assert.deepEqual(await config(200, all), all)
  })

  await t.test('a topic that a message created is described, too', async () => {
    const name = topic()
    for (let n = 0; n < 2; n++) await produce(baseUrl, name, '{"payload":1}')
    const described = JSON.parse((await ask(baseUrl, { path: `/topics/${name}` })).text) as { created_at: number }
    assert.equal(typeof described.created_at, 'number')
    assert.deepEqual(described, { topic: name, earliest: 1, end: 3, created_at: described.created_at, closed: false, config: defaults })
  })

  for (const [name, [body, code, detail]] of Object.entries(badConfigs)) {
    await t.test(`PUT refuses ${name}`, async () => {
      const path = `/topics/${topic()}`
      assertProblem(await ask(baseUrl, { method: 'PUT', path, headers, body }), code, detail)
      assert.equal((await ask(baseUrl, { path })).status, 404)
    })
  }
}

async function lists (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const list = async (query: string): Promise<{ topics: Array<{ topic: string }>, next?: string }> => {
    const { status, text } = await ask(baseUrl, { path: `/topics?${query}` })
    assert.equal(status, 200, text)
    return JSON.parse(text) as { topics: Array<{ topic: string }>, next?: string }
  }

  await t.test('the list has created, written and changed topics, page by page, and no deleted ones', async () => {
    const prefix = topic()
    const names = ['-1', '-2', '.a', '0', 'b', 'b-'].map((suffix) => prefix + suffix)
    await Promise.all(
      names.map((name, i) => i % 2 === 0 ? send(baseUrl, 'PUT', `/topics/${name}`) : produce(baseUrl, name, '{"payload":1}'))
    )
    await produce(baseUrl, `${prefix}-3`, '{"payload":1}')
    assert.equal((await send(baseUrl, 'DELETE', `/topics/${prefix}-3`)).status, 204)
    // Others' topics may come behind ours.
    const found: string[] = []
    for (let after = prefix; found.length < names.length;) {
      const { topics, next } = await list(`limit=2&after=${after}`)
      assert(topics.length <= 2)
      found.push(...topics.map(({ topic }) => topic))
      if (next === undefined) break
      after = next
    }
    assert.deepEqual(found.slice(0, names.length), names)
    const whole = await list(`after=${prefix}&limit=99999999999999999999`)
    assert.deepEqual(whole.topics.slice(0, names.length), names.map((name) => ({ topic: name })))
    assert.deepEqual(await list('after=zzzz'), { topics: [] })
  })

  const bad: Record<string, string> = {
    'limit=0': 'limit: expected a whole number from 1, got "0"',
    'limit=ten': 'limit: expected a whole number from 1, got "ten"',
    [`after=${'x'.repeat(1_025)}`]: 'after: expected a string of at most 1024 bytes, got 1025 bytes',
    'prefix=a': 'prefix: expected one of limit, after, got an unknown parameter'
  }
  for (const [query, detail] of Object.entries(bad)) {
    await t.test(
      `the list refuses ${query.slice(0, 20)}`,
      async () => { assertProblem(await ask(baseUrl, { path: `/topics?${query}` }), 'invalid_request', detail) }
    )
  }
}

async function trims (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('a trim removes what is below, and a page says where it begins', async () => {
    const name = topic()
    const trim = async (before: number): Promise<string> => (await send(baseUrl, 'POST', `/topics/${name}/trim`, { before })).text
    for (let n = 1; n <= 5; n++) await produce(baseUrl, name, `{"payload":${n}}`)
    assert.equal(await trim(3), `{"topic":"${name}","earliest":3}`)
    assert.equal(await trim(1), `{"topic":"${name}","earliest":3}`)
    const page = await consume(baseUrl, name, '?offset=1&limit=1')
    assert.match(page.text, /^\{"messages":\[\{"offset":3,"payload":3,"timestamp":\d+\}\],"next_offset":4\}$/)
    assert.deepEqual(['earliest-offset', 'end-offset', 'next-offset'].map((header) => page.headers[header]), ['3', '6', '4'])
    assert.equal(await trim(most), `{"topic":"${name}","earliest":6}`)
    assert.equal((await consume(baseUrl, name)).text, '{"messages":[],"next_offset":6}')
    assert.equal((await produce(baseUrl, name, '{"payload":6}')).text, `{"topic":"${name}","offset":6}`)
    const { earliest, end } = JSON.parse((await ask(baseUrl, { path: `/topics/${name}` })).text) as { earliest: number, end: number }
    assert.deepEqual([earliest, end], [6, 7])
  })

  for (const [name, [body, detail]] of Object.entries(badTrims)) {
    await t.test(`a trim to ${name} is refused`, async () => {
      assertProblem(await ask(baseUrl, { method: 'POST', path: `/topics/${topic()}/trim`, headers, body }), 'invalid_request', detail)
    })
  }
}

async function closes (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  for (const [name, [body, detail]] of Object.entries(badCloses)) {
    await t.test(`a close at ${name} is refused`, async () => {
      const path = `/topics/${topic()}`
      await ask(baseUrl, { method: 'PUT', path })
      assertProblem(await ask(baseUrl, { method: 'POST', path: `${path}/close`, headers, body }), 'invalid_request', detail, 'no')
      assert.equal((JSON.parse((await ask(baseUrl, { path })).text) as { closed: boolean }).closed, false)
    })
  }
}

async function deletions (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('a deleted topic is gone; written again, its offsets continue', async () => {
    const name = topic()
    const path = `/topics/${name}`
    await send(baseUrl, 'PUT', path, { retention_bytes: 1 })
    for (let n = 1; n <= 2; n++) await produce(baseUrl, name, `{"payload":${n}}`)
    const deleted = await send(baseUrl, 'DELETE', path)
    assert.deepEqual([deleted.status, deleted.text], [204, ''])
    const missing = `The topic ${name} does not exist.`
    for (const method of ['GET', 'DELETE']) assertProblem(await ask(baseUrl, { method, path }), 'topic_not_found', missing)
    assertProblem(await send(baseUrl, 'POST', `${path}/trim`, { before: 1 }), 'topic_not_found', missing)
    assert.equal((await consume(baseUrl, name)).text, '{"messages":[],"next_offset":3}')
    assert.equal((await produce(baseUrl, name, '{"payload":3}')).text, `{"topic":"${name}","offset":3}`)
    assert.match((await consume(baseUrl, name)).text, /^\{"messages":\[\{"offset":3,"payload":3,"timestamp":\d+\}\],"next_offset":4\}$/)
    assert.deepEqual((JSON.parse((await ask(baseUrl, { path })).text) as { config: unknown }).config, defaults)
  })

  await t.test('a deleted topic can be created by PUT', async () => {
    const path = `/topics/${topic()}`
    await send(baseUrl, 'PUT', path)
    await send(baseUrl, 'DELETE', path)
    assert.equal((await send(baseUrl, 'PUT', path)).status, 201)
    assert.equal((await ask(baseUrl, { path })).status, 200)
  })
}

async function bounds (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('max_message_bytes bounds each message: payload, key and headers', async () => {
    const name = topic()
    await send(baseUrl, 'PUT', `/topics/${name}`, { max_message_bytes: 20 })
    const detail = (at: number, got: number): string =>
      `messages.${at}: expected at most 20 bytes, the max_message_bytes of the topic, got ${got}`
    const sent: Array<[body: string, detail?: string]> = [
      [`{"payload":"${'x'.repeat(18)}"}`],
      [`{"payload":"${'x'.repeat(19)}"}`, detail(0, 21)],
      ['{"payload":"ééééééééé"}'],
      ['{"payload":"éééééééééé"}', detail(0, 22)],
      ['{"messages":[{"payload":1},{"payload":1,"key":"0123456789","headers":{"a":"b"}}]}', detail(1, 22)]
    ]
    for (const [body, detail] of sent) {
      const answer = await produce(baseUrl, name, body)
      if (detail === undefined) assert.equal(answer.status, 200, answer.text)
      else assertProblem(answer, 'message_too_large', detail)
    }
    await send(baseUrl, 'PUT', `/topics/${name}`, { max_message_bytes: null })
    assert.equal((await produce(baseUrl, name, sent[1]![0])).status, 200)
  })

  await t.test('rate: what is more is told when to come again', async () => {
    const name = topic()
    await send(baseUrl, 'PUT', `/topics/${name}`, { rate: { messages: 1, bytes: 1_000_000 } })
    const batch = JSON.stringify({ messages: Array.from({ length: 20 }, () => ({ payload: 1 })) })
    // More than a second's, but nothing was sent before.
    assert.equal((await produce(baseUrl, name, batch)).status, 200)
    const refused = await produce(baseUrl, name, '{"payload":1}')
    const seconds = Number(refused.headers['retry-after'])
    assert(seconds >= 15 && seconds <= 20, `retry-after: ${seconds}`)
    assertProblem(
      refused, 'rate_limited', 'rate: expected at most 1 messages and 1000000 bytes a second', { retry_after: seconds, written: 'no' }
    )
    await send(baseUrl, 'PUT', `/topics/${name}`, { rate: null })
    assert.equal((await produce(baseUrl, name, '{"payload":1}')).status, 200)
  })
}

async function wrongRequests (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('an invalid name is refused by every operation', async () => {
    const detail = 'topic: expected 1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or "..", got "a b"'
    for (const [method, path, body] of [
      ['GET', ''], ['PUT', ''], ['DELETE', ''], ['POST', '/trim', { before: 1 }], ['POST', '/close']
    ] as const) {
      assertProblem(await send(baseUrl, method, `/topics/a%20b${path}`, body), 'invalid_topic', detail)
    }
  })

  await t.test('bodies are JSON', async () => {
    const name = topic()
    for (const [method, path] of [['PUT', ''], ['POST', '/trim'], ['POST', '/close']] as const) {
      const with_ = (type: string, body: string | Buffer): ReturnType<typeof ask> =>
        ask(baseUrl, { method, path: `/topics/${name}${path}`, headers: { 'content-type': type }, body })
      for (const type of ['text/plain', 'application/x-ndjson', 'application/json; charset=latin1']) {
        assertProblem(
          await with_(type, '{}'), 'unsupported_media_type', `content-type: expected application/json in UTF-8, got ${JSON.stringify(type)}`
        )
      }
      assertProblem(
        await with_('application/json', Buffer.from([0x7b, 0xff, 0x7d])), 'invalid_encoding', 'body: expected UTF-8, got bytes that are not'
      )
    }
  })
}
