import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Swept } from '../../../src/domain/catalog/catalog.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { createTestCatalog, resultsOf, type TestCatalog } from '../../support/catalog/stores.ts'

const minute = 60_000
const DEAD_AFTER = defaultLimits.holeUnfillableAfterMs

async function earliestAndEnd ({ catalog }: TestCatalog, topic: string): Promise<[number, number]> {
  const { earliest, end } = await catalog.describe(topic)
  return [earliest, end]
}

test('by age, all segments that are too old go, the newest one too, and the end does not move', async () => {
  const setUp = createTestCatalog({ retention: { retentionMs: 60 * minute } })
  const { catalog, append, time, lasts } = setUp
  await append('t', 100, 3)
  time.now += 30 * minute
  await append('t', 100, 3)
  assert.deepEqual(resultsOf(await catalog.sweep()), [])
  time.now += 31 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 4, segments: 1, bytes: 100 }])
  assert.deepEqual(await lasts('t'), [6])
  time.now += 30 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 7, segments: 1, bytes: 100 }])
  assert.deepEqual([await lasts('t'), await earliestAndEnd(setUp, 't')], [[], [7, 7]])
  time.now += 21 * minute
  await catalog.sweep()
  assert.equal(await append('t'), 7)
  time.now += 61 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 8, segments: 1, bytes: 100 }])
})

test('by size, the oldest segments go as long as enough remains', async () => {
  const setUp = createTestCatalog()
  const { catalog, append, lasts } = setUp
  await catalog.put('t', { retentionBytes: 250 })
  for (let i = 0; i < 5; i++) await append('t', 100)
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 3, segments: 2, bytes: 200 }])
  assert.deepEqual(await lasts('t'), [3, 4, 5])
  assert.deepEqual(resultsOf(await catalog.sweep()), [])
  await append('t', 5_000)
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 6, segments: 3, bytes: 300 }])
  assert.deepEqual([await lasts('t'), await earliestAndEnd(setUp, 't')], [[6], [6, 7]])
})

test('a topic\'s own retention counts before the server\'s', async () => {
  const { catalog, append, time } = createTestCatalog({ retention: { retentionMs: 10 * minute } })
  await catalog.put('short', { retentionMs: minute })
  await catalog.put('long', { retentionMs: 100 * minute })
  for (const topic of ['short', 'long', 'default']) await append(topic)
  time.now += 2 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()).map(({ topic }) => topic), ['short'])
  time.now += 9 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()).map(({ topic }) => topic), ['default'])
})

test('a put that lands late, below newer segments, is counted', async () => {
  const { catalog, append, reserve, put, time, lasts } = createTestCatalog()
  await catalog.put('t', { retentionBytes: 300 })
  await append('t', 100)
  const late = await reserve('t')
  await append('t', 100)
  await catalog.sweep()
  time.now += 14 * minute
  await put('t', late, 200)
  await append('t', 100)
  time.now += DEAD_AFTER + 1
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 2, segments: 1, bytes: 100 }])
  assert.deepEqual(await lasts('t'), [2, 3, 4])
})

test('a topic that others trim is counted anew only when that can matter', async () => {
  const { catalog, append, time, stores, lasts } = createTestCatalog()
  await catalog.put('t', { retentionBytes: 500 })
  for (let i = 0; i < 5; i++) await append('t', 100)
  time.now += DEAD_AFTER + 1
  await catalog.sweep()
  await stores.topics.raiseEarliest('t', 4, {})
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: undefined, segments: 3, bytes: 300 }])
  for (let i = 0; i < 2; i++) await append('t', 100)
  assert.deepEqual(resultsOf(await catalog.sweep()), [], 'there are 400 bytes')
  for (let i = 0; i < 2; i++) await append('t', 100)
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 5, segments: 1, bytes: 100 }])
  assert.deepEqual(await lasts('t'), [5, 6, 7, 8, 9])
})

test('the size of a first segment that others have trimmed does not count', async () => {
  const { catalog, append, time, stores, lasts } = createTestCatalog()
  await catalog.put('t', { retentionBytes: 500 })
  for (const bytes of [400, 100, 100, 100, 100]) await append('t', bytes)
  time.now += DEAD_AFTER + 1
  await catalog.sweep()
  await stores.topics.raiseEarliest('t', 2, {})
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: undefined, segments: 1, bytes: 400 }])
  assert.deepEqual(await lasts('t'), [2, 3, 4, 5])
})

test('a put that lands below earliest after the sweep has looked there goes later', async () => {
  const { catalog, append, reserve, put, lasts, time } = createTestCatalog({ retention: { retentionMs: minute } })
  const late = await reserve('t')
  await append('t')
  time.now += 2 * minute
  await catalog.sweep()
  await put('t', late, 100)
  assert.deepEqual(await lasts('t'), [late])
  time.now += DEAD_AFTER + 2
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: undefined, segments: 1, bytes: 100 }])
})

test('a dry run says what would be removed, and changes nothing', async () => {
  const { catalog, append, time, stores, callsMade, lasts } = createTestCatalog({ retention: { retentionMs: minute } })
  for (let i = 0; i < 2_300; i++) await append('t', 100)
  await stores.topics.raiseEarliest('t', 11, {})
  time.now += 2 * minute
  await append('t', 100)
  await stores.records.replace({ kind: 'key', topic: 't', id: 'k' }, { last: 1, text: '' }, null, { expiresAtMs: 1 })
  callsMade()
  const dry = await catalog.sweep({ dryRun: true })
  assert.deepEqual(callsMade(), { 'topics.list': 1, 'segments.topics': 1, 'topics.read': 1, 'segments.list': 3 })
  assert.equal((await lasts('t')).length, 2_301)
  const { calls, ...result } = dry.results[0]!
  assert.deepEqual(result, { topic: 't', before: 2_301, segments: 2_300, bytes: 230_000, cutShort: false })
  const real = await catalog.sweep()
  assert.deepEqual(resultsOf(real), resultsOf(dry))
  assert.equal(real.records, 1)
  assert.deepEqual(await lasts('t'), [2_301])
})

test('a sweep without time left stops, and the next one goes on where it stopped', async () => {
  const { catalog, append, time, stores, lasts } = createTestCatalog({ retention: { retentionMs: minute } })
  for (const topic of ['a', 'b', 'c', 'd']) for (let i = 0; i < 2_500; i++) await append(topic, 100)
  time.now += 2 * minute
  const list = stores.segments.list.bind(stores.segments)
  stores.segments.list = (topic, from, limit) => {
    time.elapsed += 10
    return list(topic, from, limit)
  }
  const removed: Record<string, number> = {}
  let sweeps = 0
  for (let after: string | undefined = ''; after !== undefined; sweeps++) {
    assert.ok(sweeps < 50)
    const swept: Swept = await catalog.sweep({ after, timeMs: 25, concurrency: 2 })
    for (const { topic, segments, error } of swept.results) {
      assert.equal(error, undefined)
      removed[topic] = (removed[topic] ?? 0) + segments
    }
    after = swept.next
  }
  assert.ok(sweeps > 2)
  assert.deepEqual(removed, { a: 2_500, b: 2_500, c: 2_500, d: 2_500 })
  assert.deepEqual(await lasts('a'), [])
})

test('it works on a full disk: only the note is missing', async () => {
  const full = async (): Promise<never> => { throw new StoreError('full', 'none', 'no space') }
  const { catalog, append, time, lasts } = createTestCatalog({
    retention: { retentionMs: minute },
    stores: ({ topics, records }) => ({ topics: { ...topics, noteSwept: full }, records: { ...records, removeExpired: full } })
  })
  await append('t')
  time.now += 2 * minute
  const swept = await catalog.sweep()
  assert.deepEqual(resultsOf(swept), [{ topic: 't', before: 2, segments: 1, bytes: 100 }])
  assert.deepEqual([swept.next, swept.error?.code], [undefined, 'storage_full'])
  assert.deepEqual(await lasts('t'), [])
})

test('a topic that fails does not keep the others from being swept, but a store that fails does', async () => {
  const { catalog, append, time } = createTestCatalog({
    retention: { retentionMs: minute },
    stores: ({ segments }) => {
      const list: typeof segments.list = async (topic, ...rest) => {
        if (topic.startsWith('bad')) throw new StoreError('misconfigured', 'none', 'denied')
        return segments.list(topic, ...rest)
      }
      return { segments: { ...segments, list } }
    }
  })
  for (const topic of ['bad', 'good']) await append(topic)
  time.now += 2 * minute
  const swept = await catalog.sweep()
  assert.deepEqual(resultsOf(swept), [
    { topic: 'bad', before: undefined, segments: 0, bytes: 0, error: 'storage_misconfigured' },
    { topic: 'good', before: 2, segments: 1, bytes: 100 }
  ])
  assert.deepEqual([swept.next, swept.error], [undefined, undefined])
  for (let i = 0; i < 40; i++) await append(`bad${i}`)
  const stopped = await catalog.sweep({ concurrency: 1 })
  assert.deepEqual([stopped.topics, stopped.error?.code, stopped.next], [10, 'storage_misconfigured', 'bad16'])
})

test('a trim that may not go so far is taken for what it is', async () => {
  const setUp = createTestCatalog({
    retention: { retentionMs: minute },
    raiseEarliest: async (topic, before) => (await setUp.stores.topics.raiseEarliest(topic, Math.min(before, 3), {})).item!.earliest
  })
  const { catalog, append, time, lasts } = setUp
  for (let i = 0; i < 5; i++) await append('t')
  time.now += 2 * minute
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 3, segments: 2, bytes: 200 }])
  assert.deepEqual(resultsOf(await catalog.sweep()), [])
  assert.deepEqual(await lasts('t'), [3, 4, 5])
})

test('all expired records go', async () => {
  const { catalog, stores } = createTestCatalog()
  for (let i = 0; i < 2_345; i++) {
    const expiresAtMs = i < 2_300 ? 999 : 2_000
    await stores.records.replace({ kind: 'key', topic: 't', id: `${i}` }, { last: 1, text: '' }, null, { expiresAtMs })
  }
  assert.equal((await catalog.sweep()).records, 2_300)
})
