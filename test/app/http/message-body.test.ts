import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ajvValidators } from '../../../src/app/http/ajv.ts'
import { createBodyParsers, JsonReading, LinesReading, type Reading } from '../../../src/app/http/bodies/message-body.ts'
import type { MessageBody } from '../../../src/app/http/bodies/message-reader.ts'
import { createMessageRules } from '../../../src/app/http/bodies/message-rules.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'

const MiB = 1024 * 1024
const { sliceChars } = defaultLimits
const rules = createMessageRules(defaultLimits, ajvValidators())
const parsers = createBodyParsers(defaultLimits, ajvValidators())

interface Case {
  readonly body: string
  readonly code: string
  readonly detail: string
  readonly lines?: boolean
}

const keyExpected = 'key: expected a string of at most 1024 bytes, got'
const headersExpected = 'headers: expected an object of strings, at most 8192 bytes together, got'
const member = 'expected one of payload, key, headers, producer, expected_offset, close, order, got an unknown member'
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const many = (count: number, part: (i: number) => string): string => Array.from({ length: count }, (_, i) => part(i)).join()

/** Bodies that are expensive for a parser that builds values, or that reads a body in one go. */
const refused: Record<string, Case> = {
  'a key of 2 million arrays': {
    body: `{"payload":1,"key":${nested(2_000_000)}}`,
    code: 'invalid_request',
    detail: `${keyExpected} an array`
  },
  'a body of 2 million arrays': { body: nested(2_000_000), code: 'invalid_request', detail: 'body: expected a JSON object, got an array' },
  'an array of 2 million numbers': {
    body: `[${'1,'.repeat(2_000_000)}1]`, code: 'invalid_request', detail: 'body: expected a JSON object, got an array'
  },
  '4 million brackets that stay open': {
    body: '['.repeat(4 * MiB), code: 'invalid_request', detail: 'body: expected a JSON object, got an array'
  },
  'a payload of 4 million brackets': {
    body: `{"payload":${'['.repeat(4_000_000)}`,
    code: 'invalid_request',
    detail: 'payload: expected at most 512 levels of nesting, got more'
  },
  'an unknown member of 2 million arrays': {
    body: `{"payload":1,"foo":${nested(2_000_000)}}`, code: 'invalid_request', detail: `foo: ${member}`
  },
  'messages of 2 million objects': {
    body: `{"messages":${'{"a":'.repeat(700_000)}`,
    code: 'invalid_request',
    detail: 'messages: expected 1 to 65536 messages, got an object'
  },
  'a message of 2 million arrays': {
    body: `{"messages":[{"payload":1},${nested(2_000_000)}]}`,
    code: 'invalid_request',
    detail: 'messages.1: expected a JSON object, got an array'
  },
  'a 65,537th message of a million arrays': {
    body: `{"messages":[${'{"payload":1},'.repeat(65_536)}${nested(1_000_000)}]}`,
    code: 'invalid_request',
    detail: 'messages: expected 1 to 65536 messages, got more'
  },
  'a payload of a batch nested too deeply': {
    body: `{"messages":[{"payload":1},{"payload":${nested(513)}}]}`,
    code: 'invalid_request',
    detail: 'messages.1.payload: expected at most 512 levels of nesting, got more'
  },
  'headers nested 500,000 levels deep': {
    body: `{"payload":1,"headers":{"a":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}}`,
    code: 'invalid_request',
    detail: 'headers.a: expected a string, got an object'
  },
  '350,000 unknown members': {
    body: `{"payload":1,${many(350_000, (i) => `"m${i}":1`)}}`, code: 'invalid_request', detail: `m0: ${member}`
  },
  '250,000 headers with numbers as names': {
    body: `{"payload":1,"headers":{${many(250_000, (i) => `"${i}":"x"`)}}}`,
    code: 'invalid_request',
    detail: `${headersExpected} 1638890 bytes`
  },
  'a header of 4 MB': {
    body: `{"payload":1,"headers":{"a":"${'x'.repeat(4_000_000)}"}}`, code: 'invalid_request', detail: `${headersExpected} more`
  },
  'a header name of 4 MB': {
    body: `{"payload":1,"headers":{"${'x'.repeat(4_000_000)}":""}}`, code: 'invalid_request', detail: `${headersExpected} more`
  },
  'a key of 4 MB': { body: `{"payload":1,"key":"${'x'.repeat(4_000_000)}"}`, code: 'invalid_request', detail: `${keyExpected} more` },
  'a member name of 4 MB': {
    body: `{"payload":1,"${'x'.repeat(4_000_000)}":1}`, code: 'invalid_request', detail: `"${'x'.repeat(60)}…": ${member}`
  },
  'a key of 4 million digits': {
    body: `{"payload":1,"key":${'1'.repeat(4_000_000)}}`, code: 'invalid_request', detail: `${keyExpected} Infinity`
  },
  '1,000 messages with keys of 4,000 bytes': {
    body: `{"messages":[${many(1000, () => `{"payload":1,"key":"${'k'.repeat(4_000)}"}`)}]}`,
    code: 'invalid_request',
    detail: `messages.0.${keyExpected} 4000 bytes`
  },
  'a producer of 2 million arrays': {
    body: `{"payload":1,"producer":${nested(2_000_000)}}`,
    code: 'invalid_request',
    detail: 'producer: expected an object with id, epoch and seq, got an array'
  },
  'a producer\'s id of 2 million arrays': {
    body: `{"payload":1,"producer":{"id":${nested(2_000_000)}}}`,
    code: 'invalid_request',
    detail: 'producer.id: expected a string of 1 to 256 bytes, got an array'
  },
  'an unknown member of a producer of 2 million arrays': {
    body: `{"payload":1,"producer":{"foo":${nested(2_000_000)}}}`,
    code: 'invalid_request',
    detail: 'producer.foo: expected one of id, epoch, seq, got an unknown member'
  },
  '350,000 unknown members of a producer': {
    body: `{"payload":1,"producer":{${many(350_000, (i) => `"m${i}":1`)}}}`,
    code: 'invalid_request',
    detail: 'producer.id: expected a string of 1 to 256 bytes, got nothing'
  },
  'a producer\'s id of 4 MB': {
    body: `{"payload":1,"producer":{"id":"${'x'.repeat(4_000_000)}","epoch":0,"seq":0}}`,
    code: 'invalid_request',
    detail: 'producer.id: expected a string of 1 to 256 bytes, got more'
  },
  'an order of 4 MB': {
    body: `{"messages":[{"payload":1}],"order":"${'x'.repeat(4_000_000)}"}`,
    code: 'invalid_request',
    detail: 'order: expected a string of 1 to 256 bytes, got more'
  },
  'an expected offset of 4 million digits': {
    body: `{"payload":1,"expected_offset":${'1'.repeat(4_000_000)}}`,
    code: 'invalid_request',
    detail: 'expected_offset: expected a whole number from 1 to 9007199254740991, got Infinity'
  },
  'a syntax error at the end of 4 MB': {
    body: `{"payload":[${'1,'.repeat(2_000_000)}]}`,
    code: 'malformed_json',
    detail: 'body: expected valid JSON, got a syntax error at position 4000012'
  },
  'a string of 4 MB that stays open': {
    body: `{"payload":"${'x'.repeat(4_000_000)}`, code: 'malformed_json', detail: 'body: expected valid JSON, got a syntax error'
  },
  '4 MiB of line feeds': {
    body: '\n'.repeat(4 * MiB), code: 'missing_body', detail: 'body: expected a JSON object on each line, got nothing', lines: true
  },
  '4 MiB of spaces': {
    body: ' '.repeat(4 * MiB), code: 'missing_body', detail: 'body: expected a JSON object on each line, got nothing', lines: true
  },
  '2 million lines': {
    body: '1\n'.repeat(2 * MiB), code: 'invalid_request', detail: 'body: expected 1 to 65536 messages, got 2097152', lines: true
  },
  'a line of 2 million arrays': {
    body: `{"payload":1}\n${nested(2_000_000)}`,
    code: 'invalid_request',
    detail: 'line 2: expected a JSON object, got an array',
    lines: true
  },
  'a payload of a line nested too deeply': {
    body: `{"payload":1}\n{"payload":${nested(513)}}`,
    code: 'invalid_request',
    detail: 'line 2: payload: expected at most 512 levels of nesting, got more',
    lines: true
  },
  'a line of 4 MB with a syntax error': {
    body: `{"payload":1}\n {"payload":[${'1,'.repeat(1_900_000)}x]}`,
    code: 'malformed_json',
    detail: 'line 2: expected valid JSON, got a syntax error at position 3800013',
    lines: true
  }
}

/** Of the same kind, but valid: the payload of the last message. */
const taken: Record<string, { readonly body: string, readonly payload: string, readonly count: number, readonly lines?: boolean }> = {
  'a string of 4 MB with escapes': { body: `{"payload":"${'\\"'.repeat(2_000_000)}"}`, payload: `"${'\\"'.repeat(2_000_000)}"`, count: 1 },
  'a string of 4 MB outside of Latin-1': {
    body: `{"payload":"${'∢🎉'.repeat(500_000)}"}`,
    payload: `"${'∢🎉'.repeat(500_000)}"`,
    count: 1
  },
  'two million empty arrays': { body: `{"payload":[${'[],'.repeat(1_300_000)}[]]}`, payload: `[${'[],'.repeat(1_300_000)}[]]`, count: 1 },
  'a number of 4 million digits': { body: `{"payload":${'1'.repeat(4_000_000)}}`, payload: '1'.repeat(4_000_000), count: 1 },
  'a payload among 4 MB of spaces': { body: `{"payload":${' '.repeat(4_000_000)}1}`, payload: '1', count: 1 },
  'two lines among two million blank ones': {
    body: `{"payload":1}${'\n \n'.repeat(1_000_000)}{"payload":2}`,
    payload: '2',
    count: 2,
    lines: true
  },
  '400 messages with 1,000 headers': {
    body: `{"messages":[${many(400, () => `{"payload":1,"headers":{${many(1_000, (i) => `"${i}":""`)}}}`)}]}`, payload: '1', count: 400
  }
}

function readingOf (body: string, lines = false): Reading {
  return lines ? new LinesReading(body, Buffer.from(body), rules) : new JsonReading(body, Buffer.from(body), rules)
}

/** Slice by slice; no slice reads more than it should. */
function inSlices (reading: Reading): MessageBody {
  for (let before = reading.at; !reading.run(before + sliceChars); before = reading.at) {
    assert(reading.at > before && reading.at <= before + sliceChars + 6, `read from ${before} to ${reading.at} at once`)
  }
  return reading.result()
}

function errorOf (body: () => MessageBody): LogError {
  try {
    const { error } = body()
    assert(error !== undefined, 'taken')
    return error
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    return error
  }
}

for (const [name, { body, code, detail, lines }] of Object.entries(refused)) {
  test(`refused, slice by slice: ${name}`, () => {
    const error = errorOf(() => inSlices(readingOf(body, lines)))
    assert.deepEqual([error.code, error.message], [code, detail])
  })
}

for (const [name, { body, payload, count, lines }] of Object.entries(taken)) {
  test(`taken, slice by slice: ${name}`, () => {
    const { messages, error } = inSlices(readingOf(body, lines))
    assert.equal(error, undefined)
    assert.equal(messages.length, count)
    assert(messages.at(-1)!.payload === payload, 'another payload')
  })
}

test('what is refused is not built', (t) => {
  const parsed = t.mock.method(JSON, 'parse')
  const defined = t.mock.method(Object, 'defineProperty')
  for (const [name, { body, lines }] of Object.entries(refused)) {
    defined.mock.resetCalls()
    parsed.mock.resetCalls()
    errorOf(() => inSlices(readingOf(body, lines)))
    assert(defined.mock.callCount() <= 2, `${name}: ${defined.mock.callCount()} members`)
    for (const { arguments: [text] } of parsed.mock.calls) {
      assert(text.length <= 8_192 * 6 + 2 && !/^[[{]/.test(text), `${name}: ${text.slice(0, 60)}`)
    }
  }
})

test('a small body is read at once, a large one in turns with others', async () => {
  assert(!(parsers.json(Buffer.from(`{"payload":"${'x'.repeat(65_000)}"}`)) instanceof Promise))
  assert(!(parsers.lines(Buffer.from('{"payload":1}\n'.repeat(1000))) instanceof Promise))
  let turns = 0
  const count = (): void => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const body = Buffer.from(`{"payload":"${'x'.repeat(20 * sliceChars)}"}`)
  const parsed = await Promise.all([parsers.json(body), parsers.json(body), parsers.lines(body)])
  clearImmediate(immediate)
  for (const { messages, error } of parsed) assert(error === undefined && messages[0]!.payload.length === 20 * sliceChars + 2)
  assert(turns >= 3 * 20, `read within ${turns} turns of the event loop`)
})
