import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemoryOffsetCounter } from '../../../src/adapters/memory/offset-counter.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { hasCode, LogError } from '../../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { FollowedTopics } from '../../../src/domain/log/follow.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { createLogContext } from '../../../src/domain/log/topic-storage.ts'
import { createOperation } from '../../../src/domain/operation.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { OffsetCounter } from '../../../src/ports/offset-counter.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'
import { offsetsOf, payloadsOf } from '../../support/http/pages.ts'

const size = { limit: 100, maxBytes: 1_000_000 }
const long = 10_000
const encoding = { timestamp: 1, writer: 'w', compression: 'none' as const, compressOverBytes: 0 }

/** Two processes on the same stores, with the calls that the first one makes. */
function setUp (options: { limits?: Partial<Limits>, segments?: (inner: SegmentStore) => Partial<SegmentStore>, counter?: (inner: OffsetCounter) => Partial<OffsetCounter> } = {}) {
  const segments = createMemorySegmentStore()
  const counter = createMemoryOffsetCounter()
  const calls = { read: 0, get: 0, list: 0 }
  const limits = { ...defaultLimits, followPollMinMs: 10, followPollMaxMs: 40, followListMs: 60, retryDelayMs: 1, ...options.limits }
  const common = { clock: systemClock, compression: 'none' as const, limits }
  const counted: SegmentStore = {
    ...segments,
    get: (...args) => { calls.get++; return segments.get(...args) },
    list: (...args) => { calls.list++; return segments.list(...args) },
    ...options.segments?.(segments)
  }
  const countedCounter: OffsetCounter = { ...counter, read: (...args) => { calls.read++; return counter.read(...args) }, ...options.counter?.(counter) }
  const log = createLog({ segments: counted, counter: countedCounter, ...common })
  const other = createLog({ segments, counter, ...common })
  return { log, other, calls, segments, counter }
}

function follower (t: TestContext, log: Log, from = 1) {
  const made = log.follow('t', from)
  t.after(() => { made.close() })
  return made
}

const messages = (...payloads: number[]): Array<{ payload: string }> => payloads.map((n) => ({ payload: String(n) }))

const soon = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

test('what this process appends is handed over without a look at the storage', async (t) => {
  const { log, calls } = setUp({ limits: { followPollMinMs: 5_000, followPollMaxMs: 5_000 } })
  const reader = follower(t, log)
  assert.deepEqual(payloadsOf(await reader.next(size, 0)), [])
  assert.deepEqual(calls, { read: 1, get: 0, list: 0 })
  for (let n = 1; n <= 3; n++) {
    const next = reader.next(size, long)
    await log.append('t', messages(n, n))
    assert.deepEqual(payloadsOf(await next), [n, n])
    assert.equal(reader.position, 2 * n + 1)
  }
  assert.deepEqual(calls, { read: 1, get: 0, list: 0 })
})

test('what another process appends is found by one look at the item and one GET', async (t) => {
  const { log, other, calls } = setUp({ limits: { followPollMinMs: 200, followPollMaxMs: 200 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  for (const batch of [[1, 2, 3], [4]]) {
    const before = { ...calls }
    const next = reader.next(size, long)
    await other.append('t', messages(...batch))
    assert.deepEqual(payloadsOf(await next), batch)
    assert.deepEqual(calls, { read: before.read + 1, get: before.get + 1, list: 0 })
  }
})

test('any number of followers share the polls and the reads', async (t) => {
  const { log, other, calls } = setUp()
  const readers = Array.from({ length: 200 }, () => follower(t, log))
  await Promise.all(readers.map((reader) => reader.next(size, 0)))
  const before = calls.read
  const next = readers.map((reader) => reader.next(size, long))
  await soon(200)
  assert(calls.read - before <= 20, `${calls.read - before} polls`)
  await other.append('t', messages(1))
  for (const page of await Promise.all(next)) assert.deepEqual(payloadsOf(page), [1])
  assert.equal(calls.get, 1)
})

test('polls become rarer as long as nothing comes', async (t) => {
  const { log, other, calls } = setUp({ limits: { followPollMinMs: 4, followPollMaxMs: 400 } })
  const reader = follower(t, log)
  assert.deepEqual(payloadsOf(await reader.next(size, 1_000)), [])
  const idle = calls.read
  assert(idle > 4 && idle < 20, `${idle} polls`)
  const next = reader.next(size, long)
  await other.append('t', messages(1))
  await next
})

test('nobody waits, nobody polls', async (t) => {
  const { log, calls } = setUp()
  const reader = follower(t, log)
  await reader.next(size, 30)
  reader.close()
  const { read } = calls
  await soon(150)
  assert.equal(calls.read, read)
})

test('appends of this process and of others, interleaved: each message once, in order', async (t) => {
  const { log, other } = setUp()
  const readers = Array.from({ length: 5 }, () => follower(t, log))
  const seen = readers.map(() => [] as number[])
  const reading = readers.map(async (reader, i) => {
    while (seen[i]!.length < 200) {
      const page = await reader.next({ limit: i + 1, maxBytes: 1_000 }, long)
      seen[i]!.push(...offsetsOf(page))
      if (i === 4) await soon(3) // a slow one
    }
  })
  for (let n = 0; n < 50; n++) {
    await Promise.all([log.append('t', messages(n)), other.append('t', messages(n, n)), log.append('t', messages(n))])
    if (n % 10 === 0) await soon(15)
  }
  await Promise.all(reading)
  for (const offsets of seen) assert.deepEqual(offsets, Array.from({ length: 200 }, (_, i) => i + 1))
})

test('a message that lands between a look and the wait is not missed', async (t) => {
  // A follower that has read, but does not wait yet, is not in the list of those who are told.
  const { log } = setUp({ limits: { followPollMinMs: 5_000, followPollMaxMs: 5_000 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  await log.append('t', messages(1))
  await log.append('t', messages(2))
  assert.deepEqual(payloadsOf(await reader.next(size, long)), [1, 2])
})

test('two segments that are acknowledged in the same turn are both heard of', async (t) => {
  const { segments, counter } = setUp()
  const limits = { ...defaultLimits, segmentCacheBytes: 0, followPollMinMs: 5_000, followPollMaxMs: 5_000 }
  const followedTopics = new FollowedTopics(createLogContext({ segments, counter, clock: systemClock, compression: 'none', limits }))
  const reader = followedTopics.follow('t', 1, createOperation())
  t.after(() => { reader.close() })
  await reader.next(size, 0)
  const first = reader.next(size, long)
  for (const offset of [1, 2]) {
    const { last } = await counter.reserve('t', 1, { now: 0 })
    const { object } = encodeSegment(messages(offset), { first: offset, ...encoding })
    await segments.putIfAbsent('t', last, object, { reservedAtMs: null })
  }
  for (const offset of [1, 2]) followedTopics.appended('t', encodeSegment(messages(offset), { first: offset, ...encoding }).segment)
  assert.deepEqual(payloadsOf(await first), [1])
  assert.deepEqual(payloadsOf(await reader.next(size, 1_000)), [2])
})

test('a range that is reserved, but not put yet, costs no LIST every poll, and is judged in time', async (t) => {
  const { log, other, calls, counter } = setUp({ limits: { putTimeoutMs: 50, holeGraceMs: 300 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  const next = reader.next(size, long)
  await counter.reserve('t', 1, { now: Date.now() }) // its writer is dead
  await other.append('t', messages(2))
  const page = await next
  assert.deepEqual(payloadsOf(page), [2])
  assert.deepEqual(offsetsOf(page), [2])
  assert(calls.list >= 1 && calls.list <= 10, `${calls.list} LISTs`)
})

test('closing ends the wait; a follower that is closed does not wait', async (t) => {
  const { log } = setUp()
  const reader = follower(t, log)
  const next = reader.next(size, long)
  await soon(20)
  reader.close()
  assert.deepEqual(payloadsOf(await next), [])
  assert.deepEqual(payloadsOf(await reader.next(size, long)), [])
  assert.equal(reader.closed, true)
})

test('a poll that fails is one that found nothing; a read that fails is the caller\'s, who can go on', async (t) => {
  let down = false
  const { log, other } = setUp({
    counter: (inner) => ({ read: (...args) => down ? Promise.reject(new StoreError('unavailable', 'none', 'down')) : inner.read(...args) })
  })
  const reader = follower(t, log)
  const next = reader.next(size, long)
  await soon(20)
  down = true
  await other.append('t', messages(1))
  await soon(50)
  down = false
  assert.deepEqual(payloadsOf(await next), [1])
  down = true
  const late = follower(t, log, 1)
  await assert.rejects(late.next(size, long), (error) => error instanceof LogError && error.code === 'storage_unavailable')
  down = false
  assert.deepEqual(payloadsOf(await late.next(size, long)), [1])
})

test('a follower beyond the end is refused', async (t) => {
  const { log } = setUp()
  await log.append('t', messages(1))
  await assert.rejects(follower(t, log, 3).next(size, long), (error) => hasCode(error, 'offset_out_of_range') && error.details.end === 2)
})

test('a refusal that was looked up before the offset came into range is not shared', async (t) => {
  const looked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let first = true
  const { log, other } = setUp({
    counter: (inner) => ({
      read: async (...args) => {
        const state = await inner.read(...args)
        if (!first) return state
        first = false
        looked.resolve()
        await answer.promise
        return state
      }
    })
  })
  const early = follower(t, log, 2).next(size, 0)
  await looked.promise
  await other.append('t', messages(1))
  const late = follower(t, log, 2).next(size, 0)
  answer.resolve()
  await assert.rejects(early, { code: 'offset_out_of_range' })
  assert.equal((await late).nextOffset, 2)
})

test('a follower behind a trim goes on at the earliest message', async (t) => {
  const { log, other } = setUp()
  await other.append('t', messages(1, 2))
  await other.append('t', messages(3))
  await other.trim('t', 3)
  const reader = follower(t, log)
  assert.deepEqual(offsetsOf(await reader.next(size, long)), [3])
})
