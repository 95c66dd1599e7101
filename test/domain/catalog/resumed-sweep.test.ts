import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCatalog } from '../../support/catalog/stores.ts'

test('sweeps with too little time come to every topic, one after the other, in whatever process', async () => {
  const { catalog, time, append, stores } = createTestCatalog({ retention: { retentionBytes: 1 } })
  const topics = ['a', 'b', 'c', 'd', 'e']
  for (const topic of topics) for (let n = 0; n < 2; n++) await append(topic)
  // Each read of an item takes a minute.
  const read = stores.topics.read.bind(stores.topics)
  stores.topics.read = async (...args) => {
    time.elapsed += 60_000
    return await read(...args)
  }
  const swept: string[] = []
  for (let round = 0; round < 6 && swept.length < topics.length; round++) {
    const { results, next } = await catalog.sweep({ resume: true, timeMs: 100_000, concurrency: 1 })
    swept.push(...results.filter(({ segments }) => segments > 0).map(({ topic }) => topic))
    assert(next !== undefined || swept.length === topics.length)
  }
  assert.deepEqual(swept, topics)
  // From the beginning again.
  for (let n = 0; n < 2; n++) await append('a')
  const { results } = await catalog.sweep({ resume: true, timeMs: 1_000_000, concurrency: 1 })
  assert.deepEqual(results.map(({ topic }) => topic), ['a'])
})

test('a place that can\'t be read or kept does not keep from sweeping', async () => {
  const fails = async (): Promise<never> => { throw new Error('no records') }
  const { catalog, append } = createTestCatalog({
    retention: { retentionBytes: 1 },
    stores: ({ records }) => ({ records: { ...records, read: fails, replace: fails } })
  })
  for (let n = 0; n < 2; n++) await append('a')
  assert.equal((await catalog.sweep({ resume: true })).results[0]?.segments, 1)
})

test('an aborted sweep begins nothing more', async () => {
  const { catalog, append } = createTestCatalog({ retention: { retentionBytes: 1 } })
  for (let n = 0; n < 2; n++) await append('a')
  const { topics, next } = await catalog.sweep({ signal: AbortSignal.abort() })
  assert.deepEqual([topics, next], [0, ''])
})
