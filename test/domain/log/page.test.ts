import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Log, Page } from '../../../src/domain/log/log.ts'
import { SegmentCache } from '../../../src/domain/log/segment-cache.ts'
import { createOperation } from '../../../src/domain/operation.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { offsetsOf, textsOf } from '../../support/http/pages.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { testLog } from '../../support/test-log.ts'

const everything = { limit: 1_000, maxBytes: 4_000_000 }

/** Messages that compression makes smaller. */
const long = (n: number): Array<{ payload: string }> => Array.from({ length: n }, (_, i) => ({ payload: `"${'x'.repeat(2_000)}${i}"` }))

const read = (log: Log, from = 1, request: object = {}): Promise<Page> => log.read('t', { from, ...everything, ...request })

for (const compression of ['gzip', 'zstd'] as const) {
  for (const segmentCacheBytes of [0, 1_000_000]) {
    test(`a page that is one segment in ${compression} comes in that form, too (${segmentCacheBytes} bytes of cache)`, async (t) => {
      const { log } = testLog(t, { compression, limits: { segmentCacheBytes } })
      await log.append('t', long(3))
      await log.append('t', long(1))
      const batch = await read(log, 1, { limit: 3 })
      const lines = textsOf(batch)
      assert.equal(batch.stored?.encoding, compression)
      assert.equal(decompressed(batch), lines.map((line) => line + '\n').join(''))
      const single = await read(log, 4)
      assert.equal(decompressed(single), textsOf(single)[0])
    })
  }
}

test('a page that is less than a segment, or more, or not compressed, has no stored form', async (t) => {
  const { log } = testLog(t, { compression: 'zstd' })
  await log.append('t', long(3))
  await log.append('t', long(2))
  await log.append('t', [{ payload: '1' }])
  const has = async (from: number, request: object): Promise<boolean> => (await read(log, from, request)).stored !== undefined
  assert.equal(await has(1, { limit: 3 }), true)
  assert.equal(await has(1, { limit: 2 }), false, 'its beginning')
  assert.equal(await has(2, { limit: 2 }), false, 'its end')
  assert.equal(await has(1, { limit: 4 }), false, 'one and a part')
  assert.equal(await has(1, { limit: 5 }), false, 'two')
  assert.equal(await has(1, { maxBytes: 6_200 }), true, 'no byte of the next one fits')
  assert.equal(await has(1, { maxBytes: 5_000 }), false, 'cut by bytes')
  assert.equal(await has(6, {}), false, 'too short to be compressed')
  assert.equal(await has(7, {}), false, 'nothing')
})

test('a segment of another implementation, has no stored form', async (t) => {
  const { object } = encodeSegment(long(2), { first: 1, timestamp: 1, writer: 'w', compression: 'zstd', compressOverBytes: 0 })
  const { log, segments, topics } = testLog(t, { compression: 'zstd' })
  await reserve(topics, 't', 2, { now: 1 })
  await segments.putIfAbsent('t', 2, { ...object, metadata: {} }, { reservedAtMs: null })
  const page = await read(log)
  assert.deepEqual([page.count, page.stored], [2, undefined])
})

test('the cache counts the stored form, too', () => {
  const { segment } = encodeSegment(long(1), { first: 1, timestamp: 1, writer: 'w', compression: 'zstd', compressOverBytes: 0 })
  const weight = 256 + segment.bytes + 4 + segment.stored!.body.length
  const kept = (bytes: number): boolean => {
    const cache = new SegmentCache(bytes)
    cache.set('t', segment)
    return cache.get('t', 1) !== undefined
  }
  assert.deepEqual([kept(weight), kept(weight - 1)], [true, false])
})

test('a page says where its messages are, and where the topic ends', async (t) => {
  const { log, clock, topics } = testLog(t)
  assert.equal((await read(log)).end, 1)
  await log.append('t', [{ payload: '1' }, { payload: '2' }, { payload: '3' }])
  assert.equal((await read(log, 1, { limit: 1 })).end, 4)
  assert.deepEqual(offsetsOf(await read(log, 2)), [2, 3])
  assert.equal((await read(log, 4)).end, 4)
  await reserve(topics, 't', 2, { now: clock.wall() })
  const page = await read(log)
  assert.deepEqual([page.nextOffset, page.end], [4, 6], 'reserved, and not yet stored')
  await log.deleteTopic('t')
  assert.deepEqual([(await read(log)).nextOffset, (await read(log)).end], [6, 6])
})

test('a read that is given the topic\'s item does not fetch it', async (t) => {
  const { log, topics } = testLog(t)
  await log.append('t', [{ payload: '1' }])
  const item = await topics.read('t')
  await log.append('t', [{ payload: '2' }])
  const operation = createOperation()
  const page = await log.read('t', { from: 1, ...everything, item }, operation)
  assert.deepEqual([page.count, page.end, operation.calls], [1, 2, { reserve: 0, state: 0, put: 0, get: 1, list: 0 }])
})

test('a topic\'s item that is older than the offset read from refuses nothing: it is fetched again', async (t) => {
  const { log, topics } = testLog(t)
  await log.append('t', [{ payload: '1' }])
  const item = await topics.read('t')
  await log.append('t', [{ payload: '2' }])
  const operation = createOperation()
  const page = await log.read('t', { from: 3, ...everything, item }, operation)
  assert.deepEqual([page.count, page.nextOffset, page.end, operation.calls.state], [0, 3, 3, 1])
})

function decompressed ({ stored }: Page): string {
  return (stored!.encoding === 'zstd' ? zstdDecompressSync(stored!.body) : gunzipSync(stored!.body)).toString()
}
