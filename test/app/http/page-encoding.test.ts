import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { listeningApp } from '../../support/http/app.ts'
import { type Answer, ask } from '../../support/http/requests.ts'

const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync }
const lines = 'application/x-ndjson'

/** Segments compressed at the append, and nothing in a cache that would remember what they were before. */
async function compressing (t: TestContext, compression: 'gzip' | 'zstd'): Promise<{
  log: Log
  stored: (last: number) => Promise<Uint8Array>
  read: (query: string, acceptEncoding: string, accept?: string) => Promise<Answer>
}> {
  const segments = createMemorySegmentStore()
  const [topics, records] = [createMemoryTopicStore(), createMemoryRecordStore()]
  const log = createLog({ segments, topics, records, clock: systemClock, compression })
  const { baseUrl } = await listeningApp(t, { log })
  return {
    log,
    stored: async (last) => (await segments.get('a', last))!.body,
    read: (query, acceptEncoding, accept = lines) => ask(baseUrl, {
      path: `/topics/a/consume${query}`,
      headers: { accept, 'accept-encoding': acceptEncoding }
    })
  }
}

for (const compression of ['gzip', 'zstd'] as const) {
  test(`${compression}: lines that are one stored segment are sent as they are stored`, async (t) => {
    const { log, stored, read } = await compressing(t, compression)
    const payload = JSON.stringify('abcdefgh'.repeat(20))
    await log.append('a', Array(20).fill({ payload }))
    await log.append('a', [{ payload: JSON.stringify('x'.repeat(5_000)) }])
    const body = Buffer.from(await stored(20))
    const whole = await read('?limit=20', 'gzip, br, zstd')
    assert.equal(whole.headers['content-encoding'], compression)
    assert.equal(whole.headers['content-length'], String(body.length))
    assert.equal(whole.headers['next-offset'], '21')
    assert(whole.bytes.equals(body), 'it was compressed again')
    assert.equal(unpack[compression](whole.bytes).toString().match(/\}\n/g)?.length, 20)

    // As much of what is stored as of what is asked for, in the form that is asked for, in an encoding that is taken.
    for (const [query, acceptEncoding, accept] of [
      ['?limit=19', 'gzip, zstd', lines],
      ['?offset=2&limit=19', 'gzip, zstd', lines],
      ['?limit=21', 'gzip, zstd', lines],
      ['?limit=20', 'gzip, zstd', 'application/json'],
      ['?limit=20', compression === 'gzip' ? 'zstd' : 'gzip', lines],
      ['?limit=20', `${compression};q=0.5, br`, lines],
      ['?limit=20', 'identity', lines]
    ] as const) {
      const { status, bytes } = await read(query, acceptEncoding, accept)
      assert.equal(status, 200)
      assert(!bytes.equals(body), `${query} ${acceptEncoding} ${accept}`)
    }
  })

  test(`${compression}: a single message's line gets its line end`, async (t) => {
    const { log, read } = await compressing(t, compression)
    await log.append('a', [{ payload: JSON.stringify('x'.repeat(5_000)) }])
    const { headers, bytes } = await read('', compression)
    assert.equal(headers['content-encoding'], compression)
    assert.match(unpack[compression](bytes).toString(), /^\{"offset":1,.*\}\n$/)
  })
}
