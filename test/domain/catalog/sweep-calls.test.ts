import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NamedSegmentStore } from '../../../src/domain/catalog/catalog.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import type { SegmentEntry } from '../../../src/ports/segment-store.ts'
import { createTestCatalog, reserve, resultsOf } from '../../support/catalog/stores.ts'

const minute = 60_000
const DEAD_AFTER = defaultLimits.holeUnfillableAfterMs

test('a topic with nothing due costs one read of its item', async () => {
  const { catalog, append, callsMade, time, stores } = createTestCatalog()
  await catalog.put('bounded', { retentionMs: 1_000 * minute, retentionBytes: 1_000 })
  await append('unbounded')
  for (let i = 0; i < 3; i++) await append('bounded')
  for (let i = 0; i < 3; i++) {
    time.now += DEAD_AFTER + 1
    await catalog.sweep()
  }
  for (let i = 0; i < 10; i++) {
    time.now += minute
    callsMade()
    const { calls, topics, next } = await catalog.sweep()
    assert.deepEqual({ topics, next }, { topics: 2, next: undefined })
    // One list in each sweep tells the store's time.
    const made = callsMade()
    assert.deepEqual(made, { 'records.removeExpired': 1, 'topics.list': 1, 'segments.topics': 1, 'topics.read': 2, 'segments.list': 1 })
    assert.deepEqual(calls, { read: 2, write: 1, list: 3, remove: 0 })
  }
  assert.equal((await stores.topics.read('unbounded'))!.swept, undefined)
})

test('each sweep counts only what is new, and counts all of it once', async () => {
  const { catalog, append, callsMade, time, stores } = createTestCatalog()
  await catalog.put('t', { retentionBytes: 1_000_000 })
  let froms: number[] = []
  const list = stores.segments.list.bind(stores.segments)
  stores.segments.list = (topic, from, limit) => {
    froms.push(from)
    return list(topic, from, limit)
  }
  for (let i = 0; i < 2_500; i++) await append('t', 70)
  await catalog.sweep()
  assert.deepEqual(froms, [1, 1_001, 2_001])
  froms = []
  time.now += DEAD_AFTER + 1
  for (let i = 0; i < 5; i++) await append('t', 70)
  await catalog.sweep()
  assert.deepEqual(froms, [1, 1_001, 2_001], 'a late put could still have landed below')
  froms = []
  await catalog.sweep()
  assert.deepEqual(froms, [2_501])
  time.now += DEAD_AFTER + 1
  froms = []
  await catalog.sweep()
  await catalog.sweep()
  assert.deepEqual(froms, [2_501])
  callsMade()
  await catalog.sweep()
  assert.deepEqual(callsMade()['segments.list'], undefined)
  const { size } = JSON.parse((await stores.topics.read('t'))!.swept!) as { size: number[] }
  assert.deepEqual(size.slice(0, 3), [2_505, 2_505 * 70, 1])
})

test('a tail hole does not make each sweep list again', async () => {
  const { catalog, append, reserve, time, callsMade } = createTestCatalog()
  await catalog.put('t', { retentionBytes: 300 })
  await append('t', 100)
  await reserve('t', 5)
  for (let i = 0; i < 3; i++) {
    await catalog.sweep()
    time.now += DEAD_AFTER + 1
  }
  callsMade()
  await catalog.sweep()
  assert.equal(callsMade()['segments.list'], undefined)
})

test('what a trim or a deletion has left goes, and later sweeps do not look for it again', async () => {
  const { catalog, append, stores, lasts, time, callsMade } = createTestCatalog()
  for (let i = 0; i < 4; i++) for (const topic of ['deleted', 'trimmed']) await append(topic)
  await stores.topics.raiseEarliest('trimmed', 3, {})
  await stores.topics.markDeleted('deleted', 4)
  assert.deepEqual(resultsOf(await catalog.sweep()), [
    { topic: 'deleted', before: undefined, segments: 4, bytes: 400 },
    { topic: 'trimmed', before: undefined, segments: 2, bytes: 200 }
  ])
  assert.deepEqual([await lasts('trimmed'), await lasts('deleted')], [[3, 4], []])
  await catalog.sweep()
  time.now += DEAD_AFTER + 2
  await catalog.sweep()
  callsMade()
  await catalog.sweep()
  assert.deepEqual(callsMade(), { 'records.removeExpired': 1, 'topics.list': 1, 'segments.topics': 1, 'topics.read': 1 })
})

test('what may be a young seal stays until it is old, and is not listed before', async () => {
  const { catalog, append, put, stores, lasts, time, callsMade } = createTestCatalog()
  await append('old', 1)
  for (let i = 0; i < 4; i++) await append('t', 64)
  await stores.topics.markDeleted('t', 4)
  assert.deepEqual(resultsOf(await catalog.sweep()), [])
  time.now += DEAD_AFTER / 2
  await put('t', 3, 500) // too late: the seal is there
  callsMade()
  assert.deepEqual(resultsOf(await catalog.sweep()), [])
  assert.ok((callsMade()['segments.list'] ?? 0) <= 1, 'the list that tells the time')
  time.now += DEAD_AFTER / 2 + 2
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: undefined, segments: 4, bytes: 256 }])
  assert.deepEqual(await lasts('t'), [])
})

/** A topic of so many segments of 1,000 bytes, stored one a second, of which nothing is kept in memory but how many have gone. */
function longTopic (count: number) {
  const froms: number[] = []
  const gone = { below: 1 }
  const segments = (inner: NamedSegmentStore, now: () => number): NamedSegmentStore => ({
    ...inner,
    topics: async () => ({ topics: ['t'], truncated: false }),
    list: async (_, from, limit) => {
      froms.push(from)
      const start = Math.max(from, gone.below)
      const length = Math.max(0, Math.min(limit, count - start + 1))
      const entries = Array.from({ length }, (_, i): SegmentEntry => (
        { lastOffset: start + i, size: 1_000, lastModified: now() - (count - start - i) * 1_000 }))
      return { entries, truncated: start + limit <= count, now: now() }
    },
    remove: async (_, lasts) => {
      assert.equal(lasts[0], gone.below)
      gone.below += lasts.length
    }
  })
  return { froms, gone, segments }
}

const MILLION = 1_000_000

test('a topic of a million segments is counted with a thousand LISTs, once, and trimmed with the LISTs of what goes', async () => {
  const long = longTopic(MILLION)
  const { catalog, stores, time, callsMade } = createTestCatalog({
    stores: ({ segments }) => ({ segments: long.segments(segments, () => time.now) })
  })
  await reserve(stores.topics, 't', MILLION, time.now)
  await catalog.put('t', { retentionBytes: 900_000_000 })
  const first = await catalog.sweep()
  assert.deepEqual(resultsOf(first), [{ topic: 't', before: 100_001, segments: 100_000, bytes: 100_000_000 }])
  // Of what goes, one more page shows that no more goes.
  assert.equal(long.froms.length, 1_000 + 101)
  assert.equal(first.results[0]!.calls.list, 1_101)
  assert.equal(first.results[0]!.calls.remove, 100)
  long.froms.length = 0
  time.now += DEAD_AFTER + 2
  await catalog.sweep()
  // 1,200 segments were younger than DEAD_AFTER; and one looks below earliest.
  assert.equal(long.froms.length, 3)
  await catalog.sweep()
  time.now += DEAD_AFTER + 2
  await catalog.sweep()
  long.froms.length = 0
  callsMade()
  await catalog.sweep()
  assert.deepEqual([long.froms.length, callsMade()['topics.read']], [0, 1])
})

test('by age, a million segments are not counted', async () => {
  const long = longTopic(MILLION)
  const { catalog, stores, time } = createTestCatalog({ stores: ({ segments }) => ({ segments: long.segments(segments, () => time.now) }) })
  await reserve(stores.topics, 't', MILLION, time.now)
  await catalog.put('t', { retentionMs: 990_500_000 })
  assert.deepEqual(resultsOf(await catalog.sweep()), [{ topic: 't', before: 9_500, segments: 9_499, bytes: 9_499_000 }])
  assert.equal(long.froms.length, 10)
})
