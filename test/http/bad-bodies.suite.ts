import type { TestContext } from 'node:test'
import { ask, assertProblem, produce } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const requestBytesMax = 4 * 1024 * 1024

const invalid: Record<string, [body: string | Buffer, code: string, detail: string]> = {
  'an empty body': ['', 'missing_body', 'body: expected a JSON object, got nothing'],
  'not JSON': ['{"payload":', 'malformed_json', 'body: expected valid JSON, got a syntax error'],
  'not JSON, in the middle': ['{"payload":1,}', 'malformed_json', 'body: expected valid JSON, got a syntax error at position 13'],
  'a second value': ['{"payload":1}{"payload":2}', 'malformed_json', 'body: expected valid JSON, got a syntax error at position 13'],
  'a byte order mark': ['\ufeff{"payload":1}', 'malformed_json', 'body: expected valid JSON, got a syntax error'],
  'NaN, which JSON has not': ['{"payload":NaN}', 'malformed_json', 'body: expected valid JSON, got a syntax error'],
  'invalid UTF-8': [
    Buffer.concat([Buffer.from('{"payload":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    'invalid_encoding',
    'body: expected UTF-8, got bytes that are not'
  ],
  'a surrogate in UTF-8': [
    Buffer.concat([Buffer.from('{"payload":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    'invalid_encoding',
    'body: expected UTF-8, got bytes that are not'
  ],
  'UTF-16': [Buffer.from('{"payload":"ü"}', 'utf16le'), 'invalid_encoding', 'body: expected UTF-8, got bytes that are not'],
  'an array': ['[1]', 'invalid_request', 'body: expected a JSON object, got an array'],
  'a string': ['"payload"', 'invalid_request', 'body: expected a JSON object, got "payload"'],
  null: ['null', 'invalid_request', 'body: expected a JSON object, got null'],
  'no payload': ['{}', 'invalid_request', 'payload: expected any JSON value, got nothing'],
  'no payload, but a key': ['{"key":"k"}', 'invalid_request', 'payload: expected any JSON value, got nothing'],
  'an unknown member': [
    '{"payload":1,"foo":2}',
    'invalid_request',
    'foo: expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member'
  ],
  'an unknown member with a long and strange name': [
    `{"payload":1,"${'<é>'.repeat(40)}":2}`,
    'invalid_request',
    `"${'<é>'.repeat(20)}…": expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member`
  ],
  '__proto__ beside the payload': [
    '{"payload":1,"__proto__":{"key":"k"}}',
    'invalid_request',
    '__proto__: expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member'
  ],
  'constructor beside the payload': [
    '{"payload":1,"constructor":{}}',
    'invalid_request',
    'constructor: expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member'
  ],
  'two payloads': ['{"payload":1,"payload":2}', 'invalid_request', 'payload: expected once, got twice'],
  'two payloads, one with escapes': ['{"payload":1,"p\\u0061yload":2}', 'invalid_request', 'payload: expected once, got twice'],
  'two __proto__': ['{"payload":1,"__proto__":1,"__proto__":2}', 'invalid_request', '__proto__: expected once, got twice'],
  'a key that is no string': ['{"payload":1,"key":5}', 'invalid_request', 'key: expected a string of at most 1024 bytes, got 5'],
  'a key that is null': ['{"payload":1,"key":null}', 'invalid_request', 'key: expected a string of at most 1024 bytes, got null'],
  'a key that is too long': [
    `{"payload":1,"key":"${'é'.repeat(512)}x"}`, 'invalid_request', 'key: expected a string of at most 1024 bytes, got 1025 bytes'
  ],
  'headers that are no object': [
    '{"payload":1,"headers":["a"]}', 'invalid_request', 'headers: expected an object of strings, at most 8192 bytes together, got an array'
  ],
  'a header that is no string': ['{"payload":1,"headers":{"a":"1","b":2}}', 'invalid_request', 'headers.b: expected a string, got 2'],
  'a __proto__ header that is no string': [
    '{"payload":1,"headers":{"__proto__":{}}}', 'invalid_request', 'headers.__proto__: expected a string, got an object'
  ],
  'a header with a strange name that is no string': [
    '{"payload":1,"headers":{"a/~b c":null}}', 'invalid_request', 'headers."a/~b c": expected a string, got null'
  ],
  'headers that are too large': [
    `{"payload":1,"headers":{"h":"${'x'.repeat(8192)}"}}`,
    'invalid_request',
    'headers: expected an object of strings, at most 8192 bytes together, got 8193 bytes'
  ],
  'too large by a byte': [
    `{"payload":"${'x'.repeat(requestBytesMax - 13)}"}`, 'body_too_large', 'body: expected at most 4194304 bytes, got more'
  ],
  'a payload nested too deeply': [
    `{"payload":${'['.repeat(513)}${']'.repeat(513)}}`, 'invalid_request', 'payload: expected at most 512 levels of nesting, got more'
  ],
  'headers nested 10,000 levels deep': [
    `{"payload":1,"headers":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
    'invalid_request',
    'headers.a: expected a string, got an object'
  ],
  'brackets only': ['['.repeat(requestBytesMax), 'invalid_request', 'body: expected a JSON object, got an array'],
  'objects in objects': ['{"payload":'.repeat(380_000), 'invalid_request', 'payload: expected at most 512 levels of nesting, got more']
}

export async function badBodies (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  for (const [name, [body, code, detail]] of Object.entries(invalid)) {
    await t.test(name, async () => { assertProblem(await produce(baseUrl, topic(), body), code, detail) })
  }

  const send = (headers: Record<string, string>, body?: string): ReturnType<typeof ask> =>
    ask(baseUrl, { method: 'POST', path: `/topics/${topic()}/produce`, headers, ...body === undefined ? {} : { body } })

  await t.test('no body at all', async () => {
    assertProblem(await send({}), 'missing_body', 'body: expected a JSON object, got nothing')
    assertProblem(await send({ 'content-type': 'application/json' }), 'missing_body', 'body: expected a JSON object, got nothing')
  })

  const unsupported = 'content-type: expected application/json or application/x-ndjson in UTF-8, got '
  for (const type of [
    'text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'application/json-seq', 'application/json; charset=iso-8859-1',
    'application/json;charset="utf-16"', 'json', 'multipart/form-data; boundary=x'
  ]) {
    await t.test(`content type ${type}`, async () => {
      assertProblem(await send({ 'content-type': type }, '{"payload":1}'), 'unsupported_media_type', unsupported + JSON.stringify(type))
    })
  }

  await t.test('no content type', async () => {
    assertProblem(await send({}, '{"payload":1}'), 'unsupported_media_type', `${unsupported}none`)
  })
}
