import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type Answer, ask, assertProblem, consume, credentialsOf } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const codings = {
  gzip: { pack: (body: Buffer | string): Buffer => gzipSync(body), unpack: gunzipSync },
  br: {
    pack: (body: Buffer | string): Buffer => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
    unpack: brotliDecompressSync
  },
  zstd: { pack: (body: Buffer | string): Buffer => zstdCompressSync(body), unpack: zstdDecompressSync }
} as const
type Coding = keyof typeof codings

const requestBytesMax = 4 * 1024 * 1024
const lines = 'application/x-ndjson'

export async function encodings (t: TestContext, subject: Subject): Promise<void> {
  for (const coding of Object.keys(codings) as Coding[]) {
    await t.test(`a body in ${coding}`, async (t) => { await bodies(t, subject, coding) })
  }
  await otherBodies(t, subject)
  await pages(t, subject)
}

function send (baseUrl: string, topic: string, body: Buffer | string, encoding: string, type = 'application/json'): Promise<Answer> {
  return ask(baseUrl, {
    method: 'POST',
    path: `/topics/${topic}/produce`,
    headers: { 'content-type': type, 'content-encoding': encoding },
    body
  })
}

async function bodies (t: TestContext, { baseUrl, topic }: Subject, coding: Coding): Promise<void> {
  const { pack } = codings[coding]
  const good = '{"payload":9007199254740993}'

  await t.test('is taken', async () => {
    const name = topic()
    assert.equal((await send(baseUrl, name, pack(good), coding)).text, `{"topic":"${name}","offset":1}`)
    assert.equal((await send(baseUrl, name, pack(good), coding.toUpperCase())).text, `{"topic":"${name}","offset":2}`)
    assert.equal((await send(baseUrl, name, pack(`{"messages":[${good},${good}]}`), coding)).text,
      `{"topic":"${name}","offset":3,"last_offset":4,"count":2}`)
    assert.equal((await send(baseUrl, name, pack(`${good}\n`), coding, lines)).text,
      `{"topic":"${name}","offset":5,"last_offset":5,"count":1}`)
    assert.equal((await consume(baseUrl, name)).text.match(/"payload":9007199254740993,/g)?.length, 5)
  })

  await t.test('arrives in pieces', async () => {
    const name = topic()
    const packed = pack(good)
    const answer = await fetch(`${baseUrl}/topics/${name}/produce`, {
      method: 'POST',
      headers: { ...credentialsOf(baseUrl), 'content-type': 'application/json', 'content-encoding': coding },
      duplex: 'half',
      body: new ReadableStream({
        start (controller) {
          for (const byte of packed) controller.enqueue(Uint8Array.of(byte))
          controller.close()
        }
      })
    })
    assert.equal(await answer.text(), `{"topic":"${name}","offset":1}`)
  })

  await t.test('may be as large as any', async () => {
    const largest = `{"payload":"${'x'.repeat(requestBytesMax - 14)}"}`
    assert.equal(largest.length, requestBytesMax)
    assert.equal((await send(baseUrl, topic(), pack(largest), coding)).status, 200)
    const tooLarge = `body: expected at most ${requestBytesMax} bytes when decompressed, got more`
    assertProblem(await send(baseUrl, topic(), pack(largest + ' '), coding), 'body_too_large', tooLarge)
    const bomb = pack(Buffer.alloc(100_000_000, 0x20))
    assert(bomb.length < 200_000)
    assertProblem(await send(baseUrl, topic(), bomb, coding), 'body_too_large', tooLarge)
  })

  await t.test('is damaged', async () => {
    const packed = pack(`{"payload":"${'abc '.repeat(100)}"}`)
    const damaged = async (body: Buffer | string, got: string): Promise<void> => {
      assertProblem(await send(baseUrl, topic(), body, coding), 'malformed_request',
        `body: expected ${coding} data because of content-encoding, got ${got}`)
    }
    await damaged(good, 'other data')
    await damaged(packed.subarray(0, 1), 'incomplete data')
    await damaged(packed.subarray(0, -3), 'incomplete data')
    await damaged(Buffer.concat([packed, Buffer.alloc(4)]), 'more bytes after its end')
    const garbage = await send(baseUrl, topic(), Buffer.concat([packed, Buffer.from('garbage')]), coding)
    // Behind a gzip member another may follow, so that what is no gzip there is data that is wrong.
    assertProblem(garbage, 'malformed_request', `body: expected ${coding} data because of content-encoding, got ` +
      `${coding === 'gzip' ? 'other data' : 'more bytes after its end'}`)
  })

  await t.test('is wrong inside', async () => {
    assertProblem(await send(baseUrl, topic(), pack('{"payload":1,}'), coding), 'malformed_json',
      'body: expected valid JSON, got a syntax error at position 13')
    assertProblem(await send(baseUrl, topic(), pack(Buffer.from([0xff])), coding), 'invalid_encoding',
      'body: expected UTF-8, got bytes that are not')
    for (const nothing of [pack(''), '']) {
      assertProblem(await send(baseUrl, topic(), nothing, coding), 'missing_body', 'body: expected a JSON object, got nothing')
    }
  })
}

async function otherBodies (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('two gzip members are one body; two zstd frames are not', async () => {
    const halves = (pack: (part: string) => Buffer): Buffer => Buffer.concat(['{"payload"', ':1}'].map(pack))
    assert.equal((await send(baseUrl, topic(), halves(gzipSync), 'gzip')).status, 200)
    assertProblem(await send(baseUrl, topic(), halves(zstdCompressSync), 'zstd'), 'malformed_request',
      'body: expected zstd data because of content-encoding, got more bytes after its end')
  })

  await t.test('a zstd window that no body needs', async () => {
    // A frame header that asks for 128 MiB, and an empty last block.
    assertProblem(await send(baseUrl, topic(), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00]), 'zstd'),
      'malformed_request', 'body: expected zstd data because of content-encoding, got other data')
  })

  await t.test('other names', async () => {
    for (const name of ['identity', 'Identity', '']) assert.equal((await send(baseUrl, topic(), '{"payload":1}', name)).status, 200, name)
    assert.equal((await send(baseUrl, topic(), gzipSync('{"payload":1}'), 'x-gzip')).status, 200)
    for (const name of [
      'deflate', 'compress', 'aws-chunked', 'gzip, br', 'gzip, gzip', 'identity, gzip', '__proto__', 'constructor', 'x'.repeat(100)
    ]) {
      const answer = await send(baseUrl, topic(), gzipSync('{"payload":1}'), name)
      const shown = JSON.stringify(name.length > 60 ? name.slice(0, 60) + '…' : name)
      assertProblem(answer, 'unsupported_media_type', `content-encoding: expected one of gzip, br, zstd, identity, got ${shown}`)
      assert.equal(answer.headers['accept-encoding'], 'gzip, br, zstd')
    }
    const otherType = await send(baseUrl, topic(), '{"payload":1}', 'gzip', 'text/plain')
    assertProblem(otherType, 'unsupported_media_type',
      'content-type: expected application/json or application/x-ndjson in UTF-8, got "text/plain"')
    assert.equal(otherType.headers['accept-encoding'], undefined)
  })
}

async function pages (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const read = async (name: string, acceptEncoding: string | undefined, accept = '*/*', method = 'GET'): Promise<Answer> => ask(baseUrl, {
    method,
    path: `/topics/${name}/consume?limit=1000`,
    headers: {
      accept,
      ...acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }
    }
  })
  const unpacked = ({ headers, bytes }: Answer): string => {
    const encoding = headers['content-encoding'] as Coding | undefined
    return (encoding === undefined ? bytes : codings[encoding].unpack(bytes)).toString()
  }
  const same = (answer: Answer, plain: Answer, coding: string | undefined): void => {
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-encoding'], coding)
    assert.equal(answer.headers['vary'], 'accept, accept-encoding')
    for (const name of ['content-type', 'next-offset']) assert.equal(answer.headers[name], plain.headers[name])
    assert.equal(unpacked(answer), plain.text)
    if (coding !== undefined) assert(answer.bytes.length < plain.bytes.length / 2)
  }
  const text = 'abcdefgh'.repeat(40)
  const messages = (count: number): string => `{"payload":"${text}"}\n`.repeat(count)

  await t.test('a page of several segments, one of a batch, and one of a single message', async () => {
    const several = topic()
    await send(baseUrl, several, messages(5), 'identity', lines)
    await send(baseUrl, several, messages(5), 'identity', lines)
    const batch = topic()
    await send(baseUrl, batch, messages(30), 'identity', lines)
    const single = topic()
    await send(baseUrl, single, `{"payload":"${text.repeat(9)}"}`, 'identity')
    for (const name of [several, batch, single]) {
      for (const accept of ['application/json', lines]) {
        const plain = await read(name, undefined, accept)
        assert.equal(plain.headers['content-encoding'], undefined)
        assert.equal(plain.text.endsWith(accept === lines ? '}\n' : '}'), true)
        for (const coding of Object.keys(codings)) same(await read(name, coding, accept), plain, coding)
      }
    }
  })

  await t.test('which encoding it is', async () => {
    const name = topic()
    // Not one segment, which might be stored in an encoding that has preference.
    for (let i = 0; i < 2; i++) await send(baseUrl, name, messages(3), 'identity', lines)
    const plain = await read(name, undefined)
    for (const [acceptEncoding, expected] of [
      ['gzip', 'gzip'],
      ['GZIP', 'gzip'],
      ['gzip, deflate', 'gzip'],
      ['gzip, deflate, br', 'br'],
      ['gzip, deflate, br, zstd', 'zstd'],
      ['*', 'gzip'],
      ['deflate, *;q=0.5', 'gzip'],
      ['zstd;q=0.5, gzip', 'gzip'],
      ['zstd ; q=0.50 , br;q=0.500 ,gzip;q=0.4', 'zstd'],
      ['zstd;q=0, *', 'gzip'],
      ['gzip;q=0.001', 'gzip'],
      ['identity;q=0.5, br;q=0.6', 'br'],
      ['identity, br', 'br'],
      ['identity;q=0, br', 'br'],
      ['', undefined],
      ['identity', undefined],
      ['deflate', undefined],
      ['gzip;q=0', undefined],
      ['gzip;q=0, *;q=0', undefined],
      ['br;q=0.5, identity', undefined],
      ['gzip;q=nonsense', 'gzip'],
      [';,;=', undefined],
      ['xgzip', undefined]
    ] as const) same(await read(name, acceptEncoding), plain, expected)
  })

  await t.test('a small page stays as it is', async () => {
    const name = topic()
    same(await read(name, 'gzip'), await read(name, undefined), undefined)
    await send(baseUrl, name, `{"payload":"${'x'.repeat(900)}"}`, 'identity')
    for (const accept of ['*/*', lines]) same(await read(name, 'gzip, br, zstd', accept), await read(name, undefined, accept), undefined)
  })

  await t.test('the largest page', async () => {
    const name = topic()
    await send(baseUrl, name, `{"payload":"${'\\"'.repeat(requestBytesMax / 2 - 10)}"}`, 'identity')
    const plain = await read(name, undefined)
    for (const coding of Object.keys(codings)) same(await read(name, coding), plain, coding)
  })

  await t.test('HEAD has the headers only', async () => {
    const name = topic()
    await send(baseUrl, name, messages(9), 'identity', lines)
    const { headers, text: body } = await read(name, 'gzip', '*/*', 'HEAD')
    assert.deepEqual([headers['content-encoding'], headers['next-offset'], body], ['gzip', '10', ''])
  })

  await t.test('fetch and its likes unpack it by themselves', async () => {
    const name = topic()
    await send(baseUrl, name, messages(30), 'identity', lines)
    for (const accept of ['application/json', lines]) {
      const plain = await read(name, undefined, accept)
      for (const coding of Object.keys(codings)) {
        const headers = { ...credentialsOf(baseUrl), accept, 'accept-encoding': coding }
        const answer = await fetch(`${baseUrl}/topics/${name}/consume?limit=1000`, { headers })
        assert.equal(answer.headers.get('content-encoding'), coding)
        assert.equal(await answer.text(), plain.text)
      }
    }
  })

  await t.test('errors are not compressed', async () => {
    const answer = await ask(baseUrl, { path: `/topics/${topic()}/consume?limit=0`, headers: { 'accept-encoding': 'gzip' } })
    assert.equal(answer.headers['content-encoding'], undefined)
    assertProblem(answer, 'invalid_request', 'limit: expected a whole number from 1, got "0"')
  })
}
