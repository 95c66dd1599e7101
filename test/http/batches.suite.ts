import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { assertProblem, consume, produce } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const memberExpected = 'expected one of payload, key, headers, got an unknown member'
const bodyMemberExpected = 'expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member'
const countExpected = 'expected 1 to 65536 messages, got'
const keyExpected = 'expected a string of at most 1024 bytes, got'

const batch = (messages: readonly string[]): string => `{"messages":[${messages.join()}]}`
const withLast = (count: number, last: string): string => batch([...Array(count - 1).fill('{"payload":0}') as string[], last])

const invalid: Record<string, [body: string, code: string, detail: string]> = {
  'no message': [batch([]), 'invalid_request', `messages: ${countExpected} none`],
  '65,537 messages': [withLast(65_537, '{"payload":0}'), 'invalid_request', `messages: ${countExpected} 65537`],
  '65,537 messages, the last of which is wrong': [withLast(65_537, '{}'), 'invalid_request', `messages: ${countExpected} 65537`],
  '2 million values': [batch(Array(2_000_000).fill('1') as string[]), 'invalid_request', `messages: ${countExpected} 2000000`],
  'messages that are an object': ['{"messages":{"payload":1}}', 'invalid_request', `messages: ${countExpected} an object`],
  'messages that are a string': ['{"messages":"a"}', 'invalid_request', `messages: ${countExpected} "a"`],
  'messages that are null': ['{"messages":null}', 'invalid_request', `messages: ${countExpected} null`],
  'messages given twice': ['{"messages":[],"messages":[{"payload":1}]}', 'invalid_request', 'messages: expected once, got twice'],
  'messages beside a payload': ['{"messages":[{"payload":1}],"payload":1}', 'invalid_request', `messages: ${bodyMemberExpected}`],
  'messages behind a payload': ['{"payload":1,"messages":[{"payload":1}]}', 'invalid_request', `messages: ${bodyMemberExpected}`],
  'messages beside a key': [
    '{"messages":[{"payload":1}],"key":"k"}',
    'invalid_request',
    'key: expected one of messages, producer, expected_offset, close, order, got an unknown member'
  ],
  '__proto__ beside messages': [
    '{"__proto__":{},"messages":[{"payload":1}]}',
    'invalid_request',
    '__proto__: expected one of messages, producer, expected_offset, close, order, got an unknown member'
  ],
  'messages in a message': [batch(['{"payload":1,"messages":[]}']), 'invalid_request', `messages.0.messages: ${memberExpected}`],
  'a message that is no object': [batch(['{"payload":1}', '5']), 'invalid_request', 'messages.1: expected a JSON object, got 5'],
  'a message that is an array': [batch(['[{"payload":1}]']), 'invalid_request', 'messages.0: expected a JSON object, got an array'],
  'no payload in the 18th': [withLast(18, '{"key":"k"}'), 'invalid_request', 'messages.17.payload: expected any JSON value, got nothing'],
  'no payload in the 1,000th': [withLast(1000, '{}'), 'invalid_request', 'messages.999.payload: expected any JSON value, got nothing'],
  'an unknown member': [withLast(3, '{"payload":1,"foo":2}'), 'invalid_request', `messages.2.foo: ${memberExpected}`],
  '__proto__ beside a payload': [
    batch(['{"payload":1,"__proto__":{"key":"k"}}']), 'invalid_request', `messages.0.__proto__: ${memberExpected}`
  ],
  'two payloads in one message': [
    withLast(3, '{"payload":1,"p\\u0061yload":2}'), 'invalid_request', 'messages.2.payload: expected once, got twice'
  ],
  'two keys in one message': [batch(['{"payload":1,"key":null,"key":"a"}']), 'invalid_request', 'messages.0.key: expected once, got twice'],
  'a key that is no string': [withLast(2, '{"payload":1,"key":5}'), 'invalid_request', `messages.1.key: ${keyExpected} 5`],
  'a key that is null': [withLast(2, '{"payload":1,"key":null}'), 'invalid_request', `messages.1.key: ${keyExpected} null`],
  'a key that is too long': [
    batch([`{"payload":1,"key":"${'é'.repeat(512)}x"}`]), 'invalid_request', `messages.0.key: ${keyExpected} 1025 bytes`
  ],
  'a header that is no string': [
    batch(['{"payload":1,"headers":{"a/b":null}}']), 'invalid_request', 'messages.0.headers."a/b": expected a string, got null'
  ],
  'headers that are too large': [
    batch([`{"payload":1,"headers":{"é":"${'é'.repeat(4096)}"}}`]),
    'invalid_request',
    'messages.0.headers: expected an object of strings, at most 8192 bytes together, got 8194 bytes'
  ],
  'a syntax error behind another one': [
    '{"messages":[{"payload":1,"payload":2},]}', 'malformed_json', 'body: expected valid JSON, got a syntax error'
  ],
  'a batch that breaks off': [
    '{"messages":[{"payload":1}', 'malformed_json', 'body: expected valid JSON, got a syntax error at position 26'
  ],
  'the wrong bracket': ['{"messages":[{"payload":1}}}', 'malformed_json', 'body: expected valid JSON, got a syntax error at position 26'],
  'something behind it': [
    '{"messages":[{"payload":1}]}]', 'malformed_json', 'body: expected valid JSON, got a syntax error at position 28'
  ],
  'too large by a byte': [
    batch([`{"payload":"${'x'.repeat(4 * 1024 * 1024 - 28)}"}`]), 'body_too_large', 'body: expected at most 4194304 bytes, got more'
  ]
}

/** Each changes when it is parsed and serialised again. */
const exact = [
  '9007199254740993', '{"b":1,"a":2,"10":3,"9":4}', '"\\u00e9\\/\\ud800"', '{"a":1,"a":2}', '[1.0,1e2,-0]',
  '{"messages":[{"payload":1}]}', 'null', '"],[{}"', '""'
]

export async function batches (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const lines = async (name: string, query = ''): Promise<string> =>
    (await consume(baseUrl, name, query)).text.replaceAll(/"timestamp":\d{13}/g, '"timestamp":T')

  await t.test('a batch goes in and comes out, in exactly this form', async () => {
    const name = topic()
    const { status, text } = await produce(baseUrl, name, batch([
      '{"payload":"a"}', '{"payload":"b","key":"k"}', '{"headers":{"h":"v"},"payload":"c"}'
    ]))
    assert.deepEqual([status, text], [200, `{"topic":"${name}","offset":1,"last_offset":3,"count":3}`])
    assert.equal((await produce(baseUrl, name, batch(['{"payload":"d"}']))).text,
      `{"topic":"${name}","offset":4,"last_offset":4,"count":1}`)
    assert.equal((await produce(baseUrl, name, '{"payload":"e"}')).text, `{"topic":"${name}","offset":5}`)
    assert.equal(await lines(name), '{"messages":[' + [
      '{"offset":1,"payload":"a","timestamp":T}', '{"offset":2,"payload":"b","timestamp":T,"key":"k"}',
      '{"offset":3,"payload":"c","timestamp":T,"headers":{"h":"v"}}', '{"offset":4,"payload":"d","timestamp":T}',
      '{"offset":5,"payload":"e","timestamp":T}'
    ].join() + '],"next_offset":6}')
  })

  await t.test('payloads to the letter, with white space around everything', async () => {
    for (const space of ['', ' ', '\r\n\t']) {
      const name = topic()
      const messages = exact.map((payload) => ['{', '"payload"', ':', payload, ',', '"key"', ':', '"\\u006b"', '}'].join(space))
      const body = ['', '{', '"messages"', ':', '[', messages.join(`${space},${space}`), ']', '}', ''].join(space)
      assert.equal((await produce(baseUrl, name, body)).text, `{"topic":"${name}","offset":1,"last_offset":9,"count":9}`)
      const expected = exact.map((payload, i) => `{"offset":${i + 1},"payload":${payload},"timestamp":T,"key":"k"}`)
      assert.equal(await lines(name), `{"messages":[${expected.join()}],"next_offset":10}`)
    }
  })

  await t.test('the largest batch', async () => {
    const name = topic()
    const answer = await produce(baseUrl, name, batch([...Array(65_536).keys()].map((n) => `{"payload":${n}}`)))
    assert.equal(answer.text, `{"topic":"${name}","offset":1,"last_offset":65536,"count":65536}`)
    const { messages, next_offset: next } = JSON.parse(
      await lines(name, '?limit=1000').then((text) => text.replaceAll('"timestamp":T', '"t":0'))
    ) as { messages: Array<{ payload: number }>, next_offset: number }
    assert.deepEqual([messages.map(({ payload }) => payload), next], [[...Array(1000).keys()], 1001])
    assert.equal(await lines(name, '?offset=500&limit=1'), '{"messages":[{"offset":500,"payload":499,"timestamp":T}],"next_offset":501}')
  })

  for (const [name, [body, code, detail]] of Object.entries(invalid)) {
    await t.test(name, async () => {
      const to = topic()
      assertProblem(await produce(baseUrl, to, body), code, detail)
      assert.equal(await lines(to), '{"messages":[],"next_offset":1}')
    })
  }

  await t.test('readers see all of a batch or nothing, and two batches do not mix', async () => {
    const name = topic()
    const sizes = [2, 7, 30]
    const writers = { done: false }
    const written = Promise.all(sizes.map(async (size) => {
      for (let round = 0; round < 6; round++) {
        assert.equal((await produce(baseUrl, name, batch(Array(size).fill(`{"payload":"${size}/${round}"}`) as string[]))).status, 200)
      }
    })).finally(() => { writers.done = true })
    const whole = async (): Promise<number> => {
      const { messages } = JSON.parse((await consume(baseUrl, name, '?limit=1000')).text) as { messages: Array<{ payload: string }> }
      for (let at = 0; at < messages.length;) {
        const { payload } = messages[at]!
        const size = Number(payload.split('/')[0])
        const part = messages.slice(at, at + size)
        assert(part.length === size && part.every((message) => message.payload === payload), `a part of batch ${payload}`)
        at += size
      }
      return messages.length
    }
    while (!writers.done) await whole()
    await written
    assert.equal(await whole(), 6 * (2 + 7 + 30))
  })
}
