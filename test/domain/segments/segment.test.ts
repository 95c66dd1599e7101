import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { LogError } from '../../../src/domain/errors.ts'
import {
  type Compression, decodeSegment, encodeLargeSegment, encodeSeal, encodeSegment, isLarge, type MessageSegment
} from '../../../src/domain/segments/segment.ts'
import { Turns } from '../../../src/domain/turns.ts'

const message = fc.record({
  payload: fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value, undefined, 1)),
  key: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  headers: fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }).map((headers) => JSON.stringify(headers)), { nil: undefined })
})
const compression = fc.constantFrom<Compression>('none', 'gzip', 'zstd')

function corrupt (error: unknown): boolean {
  return error instanceof LogError && error.code === 'segment_corrupt'
}

test('what is encoded comes back: every line, with its offset, in every compression', () => {
  fc.assert(fc.property(fc.array(message, {
    minLength: 1,
    maxLength: 8
  }), fc.integer({ min: 1, max: 2 ** 53 - 10 }), compression, (messages, first, how) => {
    const last = first + messages.length - 1
    const { object } = encodeSegment(messages, { first, timestamp: 1702000000000, writer: 'w', compression: how, compressOverBytes: 40 })
    const segment = decodeSegment(object, 't', last) as MessageSegment
    assert.equal(segment.first, first)
    assert.equal(segment.last, last)
    assert.equal(segment.writer, 'w')
    const expected = messages.map(({ payload, key, headers }, i) => JSON.parse(JSON.stringify(
      {
        offset: first + i,
        payload: JSON.parse(payload) as unknown,
        timestamp: 1702000000000,
        key,
        headers: headers === undefined ? undefined : JSON.parse(headers) as unknown
      })) as unknown)
    assert.deepEqual([...segment.lines].map((line) => JSON.parse(Buffer.from(line).toString()) as unknown), expected)
    // The same bytes without our metadata, as another implementation would have put them.
    assert.deepEqual(decodeSegment({ ...object, metadata: {} }, 't', last).first, first)
  }), { numRuns: 500 })
})

test('a segment that is encoded in pieces is the same to the byte', async () => {
  const payload = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 })
    .map((text) => JSON.stringify(text)), fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value, undefined, 1)))
  const messages = fc.array(fc.record({ payload, key: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }) }), {
    minLength: 1,
    maxLength: 8
  })
  await fc.assert(fc.asyncProperty(messages, compression, fc.integer({ min: 1, max: 50 }), async (messages, how, sliceChars) => {
    const options = { first: 7, timestamp: 1702000000000, writer: 'w', compression: how, compressOverBytes: 40 }
    const { object, segment } = await encodeLargeSegment(messages, options, new Turns(setImmediate), sliceChars)
    const expected = encodeSegment(messages, options)
    assert.deepEqual(object, expected.object)
    assert.deepEqual([...segment.lines], [...expected.segment.lines])
    assert.deepEqual({ ...segment, lines: [] }, { ...expected.segment, lines: [] })
  }), { numRuns: 200 })
})

test('large is what has more characters in payloads, keys and headers', () => {
  assert.equal(isLarge([{ payload: 'x'.repeat(100) }], 100), false)
  assert.equal(isLarge([{ payload: 'x'.repeat(101) }], 100), true)
  assert.equal(isLarge([{ payload: 'x'.repeat(90), key: 'k'.repeat(10) }, { payload: '1' }], 100), true)
  assert.equal(isLarge([{ payload: '1', headers: `{"a":"${'x'.repeat(91)}"}` }], 100), false)
  assert.equal(isLarge([{ payload: '1', headers: `{"a":"${'x'.repeat(92)}"}` }], 100), true)
})

test('4 MB of line ends, or of what compresses slowly, are encoded with other work in turn', async () => {
  const random = (i: number): string => (i * 2654435761 % 2 ** 32).toString(36)
  for (const payload of [
    `[${'\n'.repeat(4_000_000)}1]`, `"${Array.from({ length: 600_000 }, (_, i) => random(i)).join('')}"`, `"${'∢🎉'.repeat(800_000)}"`
  ]) {
    let turns = 0
    const counted = new Turns((callback) => {
      turns++
      setImmediate(callback)
    })
    const options = { first: 1, timestamp: 1702000000000, writer: 'w', compression: 'gzip', compressOverBytes: 1024 } as const
    let inThread = 0
    const tick = (): void => {
      inThread++
      immediate = setImmediate(tick)
    }
    let immediate = setImmediate(tick)
    const { object } = await encodeLargeSegment([{ payload }], options, counted, 65_536)
    clearImmediate(immediate)
    assert(turns >= Math.floor(payload.length / 65_538), `${turns} turns`)
    assert(inThread > turns, 'compressed on the event loop')
    const { segment } = encodeSegment([{ payload }], options)
    assert.deepEqual((decodeSegment(object, 't', 1) as MessageSegment).lines.bytes, segment.lines.bytes)
  }
})

test('seals come back, with and without metadata', () => {
  const range = encodeSeal(3, 7, 'range', 'w')
  assert.deepEqual(decodeSegment(range, 't', 7), {
    kind: 'seal',
    sealed: 'range',
    first: 3,
    last: 7,
    writer: 'w',
    bytes: range.body.length
  })
  assert.equal(decodeSegment({ ...range, metadata: {} }, 't', 7).first, 3)
})

test('the form that other implementations write is read, pretty-printed too', () => {
  const body = Buffer.from('{\n  "offset": 5,\n  "payload": {"n": 12345678901234567890},\n  "timestamp": 1702000000000\n}\n')
  const segment = decodeSegment({ body, contentType: 'application/json', metadata: {} }, 't', 5) as MessageSegment
  assert.equal(segment.first, 5)
  assert.equal(Buffer.from(segment.lines.at(0))
    .toString(), '{   "offset": 5,   "payload": {"n": 12345678901234567890},   "timestamp": 1702000000000 }')
})

test('any bytes as a stored object are a segment or a clear error, never a crash', () => {
  const metadata = fc.constantFrom<Record<string, string>>({}, {
    sealed: 'hole'
  }, { sealed: 'range' }, { crc32: '00000000', first: '5', count: '1' }, { first: '5', count: '1', writer: 'x' })
  const body = fc.oneof(fc.uint8Array({
    maxLength: 60
  }), fc.json().map((json) => Buffer.from(json)), fc.string().map((text) => Buffer.from(text)))
  fc.assert(fc.property(body, metadata, fc.constantFrom(undefined, 'gzip', 'zstd', 'br',
    'identity'), fc.constantFrom('application/json', 'application/x-ndjson', 'x'),
  (bytes, meta, contentEncoding, contentType) => {
    try {
      const segment = decodeSegment({ body: bytes, contentType, contentEncoding, metadata: meta }, 't', 5)
      assert.equal(segment.last, 5)
    } catch (error) {
      assert.ok(corrupt(error), String(error))
    }
  }), { numRuns: 5_000 })
})

test('a changed byte is noticed', () => {
  const messages = [{ payload: '{"a":"bcdefgh"}' }, { payload: '[1,2,3]' }]
  const { object } = encodeSegment(messages, { first: 1, timestamp: 1702000000000, writer: 'w', compression: 'none', compressOverBytes: 0 })
  for (let i = 0; i < object.body.length; i++) {
    const body = Uint8Array.from(object.body)
    body[i]! ^= 1
    assert.throws(() => decodeSegment({ ...object, body }, 't', 2), corrupt, `byte ${i}`)
  }
})

const damaged: ReadonlyArray<readonly [what: string, body: string | Buffer, why: string, contentEncoding?: string]> = [
  ['empty', '', 'it holds 0 messages'],
  ['no JSON', 'hello', 'line 1 is not a JSON object'],
  ['an array', '[1]', 'line 1 is not a JSON object'],
  ['another offset', '{"offset":4,"payload":1,"timestamp":1}', 'line 1 should be offset 5'],
  ['no payload', '{"offset":5,"timestamp":1}', 'line 1 has no payload'],
  ['a gap', '{"offset":3,"payload":1}\n{"offset":5,"payload":1}', 'line 1 should be offset 4'],
  ['more lines than there are offsets', '{"offset":0,"payload":1}\n'.repeat(6), 'it holds 6 messages'],
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'it is not UTF-8'],
  ['a seal that ends elsewhere', '{"offset":6,"sealed_from":5}', 'it is not a valid seal'],
  ['a seal that begins above its end', '{"offset":5,"sealed_from":6}', 'it is not a valid seal'],
  ['a seal that begins at 0', '{"offset":5,"sealed_from":0}', 'it is not a valid seal'],
  ['no gzip', '{"offset":5,"payload":1}', 'it cannot be decompressed', 'gzip'],
  ['an unknown encoding', '{"offset":5,"payload":1}', 'it cannot be decompressed', 'br'],
  ['a bomb', gzipSync(Buffer.alloc(65 * 1024 * 1024)), 'it cannot be decompressed', 'gzip']
]
for (const [what, body, why, contentEncoding] of damaged) {
  test(`a damaged object: ${what}`, () => {
    const object = { body: Buffer.from(body), contentType: 'application/json', contentEncoding, metadata: {} }
    assert.throws(() => decodeSegment(object, 't', 5), {
      code: 'segment_corrupt', message: `The segment of topic t that ends at offset 5 is damaged: ${why}.`
    })
  })
}
