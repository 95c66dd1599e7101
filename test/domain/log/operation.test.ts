import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTelemetry, type MemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { createLog } from '../../../src/domain/log/log.ts'
import { createOperation } from '../../../src/domain/operation.ts'
import { failing, hanging, withFaults, type Faults } from '../../support/storage/faults.ts'
import { testLog } from '../../support/test-log.ts'

const size = { limit: 100, maxBytes: 1_000_000 }
const limits = { ...defaultLimits, segmentCacheBytes: 0, callAttemptsMax: 2, retryDelayMs: 1 }

function setUp () {
  const segments = createMemorySegmentStore()
  const topics = createMemoryTopicStore()
  const records = createMemoryRecordStore()
  const faults: Faults<typeof segments> = {}
  const telemetry = createMemoryTelemetry()
  const log = createLog({
    segments: withFaults(segments, faults), topics, records, clock: systemClock, compression: 'none', limits, telemetry
  })
  return { log, segments, topics, records, faults, telemetry }
}

function storeCalls ({ counters }: MemoryTelemetry): Map<string, number> {
  return new Map([...counters].filter(([key]) => key.startsWith('streams_store_')))
}

test('each append of a group commit is told of all calls of the group', async () => {
  const { log } = setUp()
  const operations = [createOperation(), createOperation()]
  await Promise.all(operations.map((operation) => log.append('t', [{ payload: '1' }], {}, operation)))
  assert.deepEqual(operations.map(({ calls }) => calls), Array(2).fill({ reserve: 1, state: 0, put: 1, get: 0, list: 0 }))
})

test('the calls of a failed append are counted, too', async () => {
  const { log, faults } = setUp()
  faults.putIfAbsent = failing('misconfigured', 'none')
  const operation = createOperation()
  await assert.rejects(log.append('t', [{ payload: '1' }], {}, operation), LogError)
  assert.deepEqual(operation.calls, { reserve: 1, state: 0, put: 2, get: 0, list: 0 }, 'the message and the seal')
})

test('followers that share a read are each told of its calls', async (t) => {
  const { log, segments, topics, records } = setUp()
  const other = createLog({ segments, topics, records, clock: systemClock, compression: 'none' })
  await other.append('t', [{ payload: '1' }])
  const operations = [createOperation(), createOperation()]
  const followers = operations.map((operation) => log.follow('t', 1, operation))
  t.after(() => { for (const follower of followers) follower.close() })
  await Promise.all(followers.map((follower) => follower.next(size, 0)))
  assert.deepEqual(operations.map(({ calls }) => calls), Array(2).fill({ reserve: 0, state: 1, put: 0, get: 1, list: 0 }))
})

test('a read ends when its operation has taken its time', async () => {
  const { log, faults } = setUp()
  await log.append('t', [{ payload: '1' }])
  faults.list = faults.get = hanging
  const began = performance.now()
  // An error, or an empty page if the deadline has passed between two calls.
  const count = await log.read('t', { from: 1, ...size }, createOperation({ timeoutMs: 50 })).then((page) => page.count, () => 0)
  assert.equal(count, 0)
  assert(performance.now() - began < 2_000)
})

test('a follower waits no longer than its operation may take', async (t) => {
  const { log } = setUp()
  const follower = log.follow('t', 1, createOperation({ timeoutMs: 50 }))
  t.after(() => { follower.close() })
  const began = performance.now()
  assert.equal((await follower.next(size, 10_000)).count, 0)
  assert(performance.now() - began < 2_000)
})

test('a read after a wait ends when the operation has taken its time, and has found nothing', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  const follower = log.follow('t', 1, createOperation({ timeoutMs: 19_000 }))
  t.after(() => { follower.close() })
  assert.equal((await follower.next(size, 0)).count, 0)
  const next = follower.next(size, 20_000)
  await clock.sleep(17_000)
  faults.segments.get = (call) => clock.sleep(4_000).then(call)
  await other.append('t', [{ payload: '1' }])
  assert.equal((await next).count, 0)
  assert.equal(clock.monotonic(), 19_000)
  assert.equal(follower.position, 1)
})

test('a first read that the operation has no time for fails; one that is shared is left to the others', async (t) => {
  const { log, clock, faults } = testLog(t)
  faults.topics.read = (call) => clock.sleep(4_000).then(call)
  const next = async (timeoutMs: number): Promise<number> => {
    const follower = log.follow('t', 1, createOperation({ timeoutMs }))
    return (await follower.next(size, 0).finally(() => { follower.close() })).count
  }
  await assert.rejects(next(3_000), { code: 'storage_unavailable' })
  assert.equal(clock.monotonic(), 3_000)
  const patient = next(20_000)
  assert.equal(await next(3_000), 0)
  assert.equal(clock.monotonic(), 6_000)
  assert.equal(await patient, 0)
  assert.equal(clock.monotonic(), 7_000)
})

test('an aborted operation makes no call, and closes its follower', async () => {
  const { log, telemetry } = setUp()
  const controller = new AbortController()
  const { signal } = controller
  const follower = log.follow('t', 1, createOperation({ signal }))
  const next = follower.next(size, 10_000)
  setImmediate(() => { controller.abort() })
  assert.equal((await next).count, 0)
  assert(follower.closed)
  assert(log.follow('t', 1, createOperation({ signal })).closed)
  const calls = storeCalls(telemetry).size
  await assert.rejects(log.read('t', { from: 1, ...size }, createOperation({ signal })), { code: 'storage_unavailable' })
  assert.equal(storeCalls(telemetry).size, calls)
})

test('telemetry gets every attempt, with its outcome, and the bytes of objects', async () => {
  const { log, faults, telemetry } = setUp()
  await log.append('t', [{ payload: '1' }])
  await log.append('t', [{ payload: '2' }])
  faults.list = failing('throttled', 'none')
  await log.read('t', { from: 1, limit: 1, maxBytes: 1_000_000 }).catch(() => {})
  faults.list = () => Promise.reject(new Error('not a StoreError'))
  await log.read('t', { from: 1, limit: 1, maxBytes: 1_000_000 }).catch(() => {})
  delete faults.list
  await log.read('t', { from: 1, limit: 1, maxBytes: 1_000_000 })
  await log.trim('t', 2)
  const bytes = telemetry.counters.get('streams_store_bytes_total{store="segments",operation="put"}')!
  assert(bytes > 60 && bytes < 200, `${bytes} bytes`)
  assert.deepEqual(Object.fromEntries(storeCalls(telemetry)), {
    'streams_store_calls_total{store="topics",operation="reserve",outcome="ok"}': 2,
    'streams_store_calls_total{store="segments",operation="put",outcome="ok"}': 2,
    'streams_store_bytes_total{store="segments",operation="put"}': bytes,
    'streams_store_calls_total{store="topics",operation="state",outcome="ok"}': 4,
    'streams_store_calls_total{store="segments",operation="list",outcome="throttled"}': 2,
    'streams_store_calls_total{store="segments",operation="list",outcome="internal"}': 1,
    'streams_store_calls_total{store="segments",operation="list",outcome="ok"}': 2,
    'streams_store_calls_total{store="segments",operation="get",outcome="ok"}': 1,
    'streams_store_bytes_total{store="segments",operation="get"}': bytes / 2,
    'streams_store_calls_total{store="topics",operation="raise_earliest",outcome="ok"}': 1
  })
})
