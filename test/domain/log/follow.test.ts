import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { hasCode, LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { FollowedTopics } from '../../../src/domain/log/follow.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { createLogContext } from '../../../src/domain/log/topic-storage.ts'
import { createOperation, type StorageCalls } from '../../../src/domain/operation.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { offsetsOf, payloadsOf } from '../../support/http/pages.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { testLog, type TestLog, type TestLogOptions } from '../../support/test-log.ts'

const size = { limit: 100, maxBytes: 1_000_000 }
const long = 10_000
const encoding = { timestamp: 1, writer: 'w', compression: 'none' as const, compressOverBytes: 0 }

/** A log with a cache, whose followers poll often. */
function setUp (t: TestContext, { limits, ...options }: TestLogOptions = {}): TestLog {
  const { segmentCacheBytes } = defaultLimits
  return testLog(t, { ...options, limits: { segmentCacheBytes, followPollMinMs: 10, followPollMaxMs: 40, followListMs: 60, ...limits } })
}

const readCalls = ({ state, get, list }: StorageCalls): Partial<StorageCalls> => ({ state, get, list })

function follower (t: TestContext, log: Log, from = 1) {
  const made = log.follow('t', from)
  t.after(() => { made.close() })
  return made
}

const messages = (...payloads: number[]): Array<{ payload: string }> => payloads.map((n) => ({ payload: String(n) }))

test('what this process appends is handed over without a look at the storage', async (t) => {
  const { log, calls } = setUp(t, { limits: { followPollMinMs: 5_000, followPollMaxMs: 5_000 } })
  const reader = follower(t, log)
  assert.deepEqual(payloadsOf(await reader.next(size, 0)), [])
  assert.deepEqual(readCalls(calls), { state: 1, get: 0, list: 0 })
  for (let n = 1; n <= 3; n++) {
    const next = reader.next(size, long)
    await log.append('t', messages(n, n))
    assert.deepEqual(payloadsOf(await next), [n, n])
    assert.equal(reader.position, 2 * n + 1)
  }
  assert.deepEqual(readCalls(calls), { state: 1, get: 0, list: 0 })
})

test('what another process appends is found by one look at the item and one GET', async (t) => {
  const { log, other, calls } = setUp(t, { limits: { followPollMinMs: 200, followPollMaxMs: 200 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  for (const batch of [[1, 2, 3], [4]]) {
    const before = { ...calls }
    const next = reader.next(size, long)
    await other.append('t', messages(...batch))
    assert.deepEqual(payloadsOf(await next), batch)
    assert.deepEqual(readCalls(calls), { state: before.state + 1, get: before.get + 1, list: 0 })
  }
})

test('any number of followers share the polls and the reads', async (t) => {
  const { log, other, clock, calls } = setUp(t)
  const readers = Array.from({ length: 200 }, () => follower(t, log))
  await Promise.all(readers.map((reader) => reader.next(size, 0)))
  const before = calls.state
  const next = readers.map((reader) => reader.next(size, long))
  await clock.sleep(200)
  assert(calls.state - before <= 20, `${calls.state - before} polls`)
  await other.append('t', messages(1))
  for (const page of await Promise.all(next)) assert.deepEqual(payloadsOf(page), [1])
  assert.equal(calls.get, 1)
})

test('polls become rarer as long as nothing comes', async (t) => {
  const { log, other, calls } = setUp(t, { limits: { followPollMinMs: 4, followPollMaxMs: 400 } })
  const reader = follower(t, log)
  assert.deepEqual(payloadsOf(await reader.next(size, 1_000)), [])
  const idle = calls.state
  assert(idle > 4 && idle < 20, `${idle} polls`)
  const next = reader.next(size, long)
  await other.append('t', messages(1))
  await next
})

test('nobody waits, nobody polls', async (t) => {
  const { log, clock, calls } = setUp(t)
  const reader = follower(t, log)
  await reader.next(size, 30)
  reader.close()
  const { state } = calls
  await clock.sleep(150)
  assert.equal(calls.state, state)
})

test('appends of this process and of others, interleaved: each message once, in order', async (t) => {
  const { log, other, clock } = setUp(t)
  const readers = Array.from({ length: 5 }, () => follower(t, log))
  const seen = readers.map(() => [] as number[])
  const reading = readers.map(async (reader, i) => {
    while (seen[i]!.length < 200) {
      const page = await reader.next({ limit: i + 1, maxBytes: 1_000 }, long)
      seen[i]!.push(...offsetsOf(page))
      if (i === 4) await clock.sleep(3) // a slow one
    }
  })
  for (let n = 0; n < 50; n++) {
    await Promise.all([log.append('t', messages(n)), other.append('t', messages(n, n)), log.append('t', messages(n))])
    if (n % 10 === 0) await clock.sleep(15)
  }
  await Promise.all(reading)
  for (const offsets of seen) assert.deepEqual(offsets, Array.from({ length: 200 }, (_, i) => i + 1))
})

test('a message that lands between a look and the wait is not missed', async (t) => {
  // A follower that has read, but does not wait yet, is not in the list of those who are told.
  const { log } = setUp(t, { limits: { followPollMinMs: 5_000, followPollMaxMs: 5_000 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  await log.append('t', messages(1))
  await log.append('t', messages(2))
  assert.deepEqual(payloadsOf(await reader.next(size, long)), [1, 2])
})

test('two segments that are acknowledged in the same turn are both heard of', async (t) => {
  const { segments, topics, deps } = testLog(t, { limits: { followPollMinMs: 5_000, followPollMaxMs: 5_000 } })
  const followedTopics = new FollowedTopics(createLogContext(deps))
  const reader = followedTopics.follow('t', 1, createOperation())
  t.after(() => { reader.close() })
  await reader.next(size, 0)
  const first = reader.next(size, long)
  for (const offset of [1, 2]) {
    const { last } = await reserve(topics, 't', 1, { now: 0 })
    const { object } = encodeSegment(messages(offset), { first: offset, ...encoding })
    await segments.putIfAbsent('t', last, object, { reservedAtMs: null })
  }
  for (const offset of [1, 2]) followedTopics.appended('t', encodeSegment(messages(offset), { first: offset, ...encoding }).segment, false)
  assert.deepEqual(payloadsOf(await first), [1])
  assert.deepEqual(payloadsOf(await reader.next(size, 1_000)), [2])
})

test('a range that is reserved, but not put yet, costs no LIST every poll, and is judged in time', async (t) => {
  const { log, other, clock, calls, topics } = setUp(t, { limits: { putTimeoutMs: 50, holeGraceMs: 300 } })
  const reader = follower(t, log)
  await reader.next(size, 0)
  const next = reader.next(size, long)
  await reserve(topics, 't', 1, { now: clock.wall() }) // its writer is dead
  await other.append('t', messages(2))
  const page = await next
  assert.deepEqual(payloadsOf(page), [2])
  assert.deepEqual(offsetsOf(page), [2])
  assert(calls.list >= 1 && calls.list <= 10, `${calls.list} LISTs`)
})

test('closing ends the wait; a follower that is closed does not wait', async (t) => {
  const { log, clock } = setUp(t)
  const reader = follower(t, log)
  const next = reader.next(size, long)
  await clock.sleep(20)
  reader.close()
  assert.deepEqual(payloadsOf(await next), [])
  assert.deepEqual(payloadsOf(await reader.next(size, long)), [])
  assert.equal(reader.closed, true)
})

test('a poll that fails is one that found nothing; a read that fails is the caller\'s, who can go on', async (t) => {
  let down = false
  const { log, other, clock } = setUp(t, {
    faults: { topics: { read: (call) => down ? Promise.reject(new StoreError('unavailable', 'none', 'down')) : call() } }
  })
  const reader = follower(t, log)
  const next = reader.next(size, long)
  await clock.sleep(20)
  down = true
  await other.append('t', messages(1))
  await clock.sleep(50)
  down = false
  assert.deepEqual(payloadsOf(await next), [1])
  down = true
  const late = follower(t, log, 1)
  await assert.rejects(late.next(size, long), (error) => error instanceof LogError && error.code === 'storage_unavailable')
  down = false
  assert.deepEqual(payloadsOf(await late.next(size, long)), [1])
})

test('a follower beyond the end is refused', async (t) => {
  const { log } = setUp(t)
  await log.append('t', messages(1))
  await assert.rejects(follower(t, log, 3).next(size, long), (error) => hasCode(error, 'offset_out_of_range') && error.details.end === 2)
})

test('a refusal that was looked up before the offset came into range is not shared', async (t) => {
  const looked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let first = true
  const { log, other } = setUp(t, {
    faults: {
      topics: {
        read: async (call) => {
          const state = await call()
          if (!first) return state
          first = false
          looked.resolve()
          await answer.promise
          return state
        }
      }
    }
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
  const { log, other } = setUp(t)
  await other.append('t', messages(1, 2))
  await other.append('t', messages(3))
  await other.trim('t', 3)
  const reader = follower(t, log)
  assert.deepEqual(offsetsOf(await reader.next(size, long)), [3])
})
