import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Answer, ask, assertProblem, consume } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const type = 'application/x-ndjson'
const nothing = 'body: expected a JSON object on each line, got nothing'
const member = 'expected one of payload, key, headers, got an unknown member'

const invalid: Record<string, [body: string | Buffer, code: string, detail: string]> = {
  'an empty body': ['', 'missing_body', nothing],
  'nothing but blank lines': ['\n \t\r\n\r\n  ', 'missing_body', nothing],
  '4 MiB of blank lines': ['\n'.repeat(4 * 1024 * 1024), 'missing_body', nothing],
  'invalid UTF-8': [Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_encoding', 'body: expected UTF-8, got bytes that are not'],
  'a byte order mark': ['\ufeff{"payload":1}\n', 'malformed_json', 'line 1: expected valid JSON, got a syntax error'],
  'a line that is not JSON': [
    '{"payload":1}\n{"payload":2,}\n', 'malformed_json', 'line 2: expected valid JSON, got a syntax error at position 13'
  ],
  'a line that breaks off': ['{"payload":1}\n{"payload":', 'malformed_json', 'line 2: expected valid JSON, got a syntax error'],
  'a message over two lines': ['{"payload":1}\n{"payload":\n2}\n', 'malformed_json', 'line 2: expected valid JSON, got a syntax error'],
  'a message that ends a line later': [
    '{"payload":1\n}\n', 'malformed_json', 'line 1: expected valid JSON, got a syntax error at position 12'
  ],
  'two messages on a line': [
    '{"payload":1} {"payload":2}\n', 'malformed_json', 'line 1: expected valid JSON, got a syntax error at position 14'
  ],
  'commas between lines': [
    '{"payload":1},\n{"payload":2}', 'malformed_json', 'line 1: expected valid JSON, got a syntax error at position 13'
  ],
  'a syntax error behind something else that is wrong': [
    '{"payload":1,"payload":2}\nx', 'malformed_json', 'line 2: expected valid JSON, got a syntax error'
  ],
  'a line that is no object': ['{"payload":1}\n[{"payload":2}]\n', 'invalid_request', 'line 2: expected a JSON object, got an array'],
  'a line without a payload': ['{"payload":1}\n{"key":"k"}\n', 'invalid_request', 'line 2: payload: expected any JSON value, got nothing'],
  'blank lines count': ['\r\n{"payload":1}\r\n\r\n  \n{}\r\n', 'invalid_request', 'line 5: payload: expected any JSON value, got nothing'],
  'an unknown member': ['{"payload":1,"foo":2}', 'invalid_request', `line 1: foo: ${member}`],
  'a batch on a line': ['{"messages":[{"payload":1}]}', 'invalid_request', 'line 1: payload: expected any JSON value, got nothing'],
  'a batch beside a payload': ['{"payload":1,"messages":[]}', 'invalid_request', `line 1: messages: ${member}`],
  'two payloads': ['{"payload":1}\n\n{"payload":1,"payload":2}', 'invalid_request', 'line 3: payload: expected once, got twice'],
  'a key that is no string': [
    '{"payload":1}\n{"payload":1,"key":5}', 'invalid_request', 'line 2: key: expected a string of at most 1024 bytes, got 5'
  ],
  'a header that is no string': ['{"payload":1,"headers":{"a b":5}}', 'invalid_request', 'line 1: headers."a b": expected a string, got 5'],
  '65,537 messages': ['{"payload":1}\n'.repeat(65_537), 'invalid_request', 'body: expected 1 to 65536 messages, got 65537'],
  '65,537 messages, one of them wrong': [
    '{"payload":1}\n'.repeat(65_536) + '\n{}', 'invalid_request', 'body: expected 1 to 65536 messages, got 65537'
  ],
  'too large by a byte': [
    `{"payload":"${'x'.repeat(4 * 1024 * 1024 - 13)}"}`, 'body_too_large', 'body: expected at most 4194304 bytes, got more'
  ]
}

const stored = (offset: number, payload: string, rest = ''): string => `{"offset":${offset},"payload":${payload},"timestamp":T${rest}}`

export async function ndjson (t: TestContext, subject: Subject): Promise<void> {
  await bodies(t, subject)
  await pages(t, subject)
}

function send (baseUrl: string, topic: string, body: string | Buffer, contentType = type): Promise<Answer> {
  return ask(baseUrl, { method: 'POST', path: `/topics/${topic}/produce`, headers: { 'content-type': contentType }, body })
}

async function bodies (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const messages = async (name: string): Promise<string> => {
    const { text } = await consume(baseUrl, name, '?limit=1000')
    return text.slice('{"messages":['.length, text.lastIndexOf(']')).replaceAll(/"timestamp":\d{13}/g, '"timestamp":T')
  }

  await t.test('one message a line; line ends of all kinds', async () => {
    for (const end of ['\n', '\r\n', ' \n', '\n\n', '\n \t\r\n']) {
      for (const last of ['', end]) {
        const name = topic()
        const body = [
          '{"payload":9007199254740993}',
          ' { "payload" : {"b":1,"a":2,"a":3} , "key" : "k" }',
          '{"headers":{"h":"v"},"payload":"\\u00e9\\n"}'
        ].join(end) + last
        assert.equal((await send(baseUrl, name, body)).text, `{"topic":"${name}","offset":1,"last_offset":3,"count":3}`)
        assert.equal(await messages(name),
          [
            stored(1, '9007199254740993'), stored(2, '{"b":1,"a":2,"a":3}', ',"key":"k"'), stored(3, '"\\u00e9\\n"', ',"headers":{"h":"v"}')
          ].join())
      }
    }
  })

  await t.test('one line is a batch of one', async () => {
    const name = topic()
    for (const contentType of [type, `${type}; charset=utf-8`, 'Application/X-NDJSON']) {
      const { status, text } = await send(baseUrl, name, '{"payload":null}', contentType)
      assert.equal(status, 200, text)
      assert.match(text, /^\{"topic":"t-[^"]+","offset":(\d),"last_offset":\1,"count":1\}$/)
    }
  })

  await t.test('65,536 lines', async () => {
    const name = topic()
    assert.equal(
      (await send(baseUrl, name, '{"payload":1}\n'.repeat(65_536))).text, `{"topic":"${name}","offset":1,"last_offset":65536,"count":65536}`
    )
  })

  for (const [name, [body, code, detail]] of Object.entries(invalid)) {
    await t.test(name, async () => {
      const to = topic()
      assertProblem(await send(baseUrl, to, body), code, detail)
      assert.equal((await consume(baseUrl, to)).text, '{"messages":[],"next_offset":1}')
    })
  }

  await t.test('another character set', async () => {
    const charset = `${type}; charset=latin1`
    assertProblem(await send(baseUrl, topic(), '{"payload":1}', charset), 'unsupported_media_type',
      `content-type: expected application/json or application/x-ndjson in UTF-8, got ${JSON.stringify(charset)}`)
  })
}

async function pages (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const read = (
    name: string, query: string, accept: string
  ): Promise<Answer> => ask(baseUrl, { path: `/topics/${name}/consume${query}`, headers: { accept } })

  await t.test('the stored lines, one a line, and where to go on in a header', async () => {
    const name = topic()
    await send(baseUrl, name, '{"payload":[1,\t2],"key":"k"}\n{"payload":"b"}\n')
    await send(baseUrl, name, '{"payload":"c"}')
    for (const [query, lines, next] of [
      ['', [stored(1, '[1,\t2]', ',"key":"k"'), stored(2, '"b"'), stored(3, '"c"')], 4],
      ['?limit=1', [stored(1, '[1,\t2]', ',"key":"k"')], 2],
      ['?offset=3', [stored(3, '"c"')], 4],
      ['?offset=4', [], 4]
    ] as const) {
      const { status, headers, text } = await read(name, query, type)
      assert.equal(status, 200)
      assert.equal(text.replaceAll(/"timestamp":\d{13}/g, '"timestamp":T'), lines.map((line) => line + '\n').join(''))
      assert.equal(headers['content-type'], type)
      assert.equal(headers['next-offset'], String(next))
      assert.equal(headers['vary'], 'accept, accept-encoding')
    }
    const { headers, text } = await read(name, '?limit=2', 'application/json')
    assert.deepEqual([
      headers['next-offset'], headers['vary'], (JSON.parse(text) as { next_offset: number }).next_offset
    ], ['3', 'accept, accept-encoding', 3])
  })

  await t.test('which form it is', async () => {
    const name = topic()
    const json = 'application/json; charset=utf-8'
    for (const [accept, expected] of [
      ['*/*', json],
      ['application/*', json],
      ['application/json', json],
      ['text/html', json],
      ['', json],
      [`${type};q=0`, json],
      [`x${type}`, json],
      [`application/json, ${type}`, json],
      [`application/json;q=0.5, ${type};q=0.4`, json],
      [`${type};q=0.4, application/*;q=0.5`, json],
      [`${type};q=0.4, */*`, json],
      [type, type],
      [type.toUpperCase(), type],
      [`${type}, */*`, type],
      [`*/*, ${type}`, type],
      [`${type}, application/json`, type],
      [`text/html;q=0.1,${type} ; q=0.001`, type],
      [`application/json;q=0.5, ${type};q=0.6`, type],
      [`application/json;q=0, ${type};q=0.1`, type],
      [`${type}; charset=utf-8`, type],
      [`application/*, ${type}, */*;q=0.1`, type]
    ] as const) {
      assert.equal((await read(name, '', accept)).headers['content-type'], expected, accept)
    }
  })

  await t.test('what is wrong is a problem all the same', async () => {
    assertProblem(await read(topic(), '?limit=0', type), 'invalid_request', 'limit: expected a whole number from 1, got "0"')
  })
}
