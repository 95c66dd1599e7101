import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorKinds } from '../../../src/app/http/problem.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { checkLimits, defaultLimits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { createOperation, type StorageCalls } from '../../../src/domain/operation.ts'
import { encodeSeal, encodeSegment } from '../../../src/domain/segments/segment.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentObject } from '../../../src/ports/segment-store.ts'
import { payloadsOf } from '../../support/http/pages.ts'
import { answerLost, failing } from '../../support/storage/faults.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { testLog } from '../../support/test-log.ts'

const everything = { limit: 1_000, maxBytes: 1_000_000 }

const lost = (): StoreError => new StoreError('unavailable', 'unknown', 'connection reset')

function segment (first: number, ...payloads: string[]): SegmentObject {
  return encodeSegment(payloads.map((payload) => ({ payload })), {
    first,
    timestamp: 1,
    writer: 'x',
    compression: 'none',
    compressOverBytes: 0
  }).object
}

async function payloads (log: Log, from = 1): Promise<{ found: unknown[], next: number }> {
  const page = await log.read('t', { from, ...everything })
  return { found: payloadsOf(page), next: page.nextOffset }
}

async function failure (promise: Promise<unknown>): Promise<LogError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof LogError)
    return error
  }
  return assert.fail('it did not fail')
}

test('a put whose answer is lost is found at its key, and acknowledged once', async (t) => {
  const { log, faults, calls } = testLog(t)
  faults.segments.putIfAbsent = (call) => calls.put === 1 ? answerLost(call) : call()
  const { first } = await log.append('t', [{ payload: '1' }])
  assert.equal(first, 1)
  assert.equal(calls.put, 2)
  assert.deepEqual(await payloads(log), { found: [1], next: 2 })
})

test('409 is tried again at the same key', async (t) => {
  const { log, faults, calls } = testLog(t)
  faults.segments.putIfAbsent = (call) => calls.put < 3 ? Promise.reject(new StoreError('conflict', 'none', '409')) : call()
  const operation = createOperation()
  const { first } = await log.append('t', [{ payload: '1' }], {}, operation)
  assert.deepEqual([first, operation.calls.reserve, operation.calls.put], [1, 1, 3])
})

test('a range that a reader sealed is given up for a new one', async (t) => {
  const { log, segments } = testLog(t)
  await segments.putIfAbsent('t', 1, encodeSeal(1, 1, 'hole'), { reservedAtMs: null })
  assert.equal((await log.append('t', [{ payload: '1' }])).first, 2)
  assert.deepEqual(await payloads(log), { found: [1], next: 3 })
})

test('five sealed ranges are enough', async (t) => {
  const { log, segments } = testLog(t)
  for (let i = 1; i <= 5; i++) await segments.putIfAbsent('t', i, encodeSeal(i, i, 'hole'), { reservedAtMs: null })
  const error = await failure(log.append('t', [{ payload: '1' }]))
  assert.deepEqual([error.code, error.written], ['append_contended', 'no'])
})

test('a segment of somebody else at the own key is never acknowledged', async (t) => {
  const { log, segments } = testLog(t)
  await segments.putIfAbsent('t', 1, segment(1, '"theirs"'), { reservedAtMs: null })
  const error = await failure(log.append('t', [{ payload: '"mine"' }]))
  assert.deepEqual([error.code, error.written], ['segment_corrupt', 'no'])
})

test('a writer that can\'t put seals its range, and then says "not written" for certain', async (t) => {
  const { log } = testLog(t, {
    faults: { segments: { putIfAbsent: (call, [,,, { reservedAtMs }]) => reservedAtMs === null ? call() : Promise.reject(lost()) } }
  })
  const error = await failure(log.append('t', [{ payload: '1' }, { payload: '2' }]))
  assert.deepEqual([error.code, error.written, errorKinds[error.code].retriable], ['storage_unavailable', 'no', true])
  assert.deepEqual(await payloads(log), { found: [], next: 3 }, 'readers do not wait for the sealed range')
})

test('when not even the seal gets an answer the outcome is unknown', async (t) => {
  const { log } = testLog(t, { faults: { segments: { putIfAbsent: () => Promise.reject(lost()) } } })
  const error = await failure(log.append('t', [{ payload: '1' }]))
  assert.deepEqual([error.code, error.written], ['storage_unavailable', 'unknown'])
})

test('a clear refusal is "not written" without any doubt', async (t) => {
  const { log } = testLog(t, { faults: { segments: { putIfAbsent: failing('misconfigured', 'none') } } })
  const error = await failure(log.append('t', [{ payload: '1' }]))
  assert.deepEqual([error.code, error.written, errorKinds[error.code].retriable], ['storage_misconfigured', 'no', false])
})

// The put landed and its answer was lost; a reader saw the message, a trim deleted it, and the writer's seal found its
// place empty. "Not written" would be said of a message that was read; the simulation found this.
test('a segment that was trimmed before its writer gave up is not called "not written"', async (t) => {
  const { log, topics, segments, faults } = testLog(t)
  faults.segments.putIfAbsent = async (call, [topic, last,, { reservedAtMs }]) => {
    if (reservedAtMs === null) return call()
    if (await call() === 'created') {
      await topics.raiseEarliest(topic, last + 1, {})
      await segments.remove(topic, [last])
    }
    throw new StoreError('expired', 'unknown', 'too old')
  }
  assert.equal((await failure(log.append('t', [{ payload: '1' }]))).written, 'unknown')
})

test('a young hole ends the page; an old one is sealed from the top down; a dead one is passed without a write', async (t) => {
  const puts: number[] = []
  const { log, segments, topics, clock } = testLog(t, {
    faults: { segments: { putIfAbsent: (call, [, last]) => { puts.push(last); return call() } } }
  })
  await reserve(topics, 't', 4, { now: clock.wallMs })
  await segments.putIfAbsent('t', 1, segment(1, '1'), { reservedAtMs: clock.wallMs })
  await segments.putIfAbsent('t', 4, segment(4, '4'), { reservedAtMs: clock.wallMs })
  assert.deepEqual(await payloads(log), { found: [1], next: 2 })
  clock.wallMs += defaultLimits.holeGraceMs
  assert.deepEqual(await payloads(log), { found: [1], next: 2 }, 'at the grace, not over it')
  clock.wallMs += 1
  assert.deepEqual(await payloads(log), { found: [1, 4], next: 5 })
  assert.deepEqual(puts, [3, 2])
  await segments.remove('t', [2, 3])
  clock.wallMs += defaultLimits.holeUnfillableAfterMs
  assert.deepEqual(await payloads(log), { found: [1, 4], next: 5 })
  assert.deepEqual(puts, [3, 2])
})

test('a hole at the end is sealed, however old it is', async (t) => {
  const { log, segments, topics, clock } = testLog(t)
  await reserve(topics, 't', 2, { now: clock.wallMs })
  await segments.putIfAbsent('t', 1, segment(1, '1'), { reservedAtMs: clock.wallMs })
  assert.deepEqual(await payloads(log), { found: [1], next: 2 })
  clock.wallMs += defaultLimits.holeUnfillableAfterMs + 1
  assert.deepEqual(await payloads(log), { found: [1], next: 3 })
  assert.equal(await segments.putIfAbsent('t', 2, segment(2, '2'), { reservedAtMs: clock.wallMs }), 'exists')
})

for (const [what, reservedAt] of [['absent, as other implementations leave it', undefined], ['years ahead', 4_000_000_000_000]] as const) {
  test(`a tail hole whose time is ${what}, gets the store's time, and is sealed after the grace`, async (t) => {
    const { log, topics, clock } = testLog(t)
    await reserve(topics, 't', 2, { now: reservedAt ?? NaN })
    if (reservedAt === undefined) {
      const inner = { ...topics }
      let corrected: number | undefined
      topics.read = async (topic) => ({ ...(await inner.read(topic))!, reservedAtMs: corrected })
      topics.correctReservedAt = async (_topic, { reservedAtMs: at }) => { corrected ??= at }
    }
    assert.deepEqual(await payloads(log), { found: [], next: 1 })
    assert.equal((await topics.read('t'))?.reservedAtMs, clock.wallMs)
    clock.wallMs += defaultLimits.holeGraceMs
    assert.deepEqual(await payloads(log), { found: [], next: 1 }, 'at the grace, not over it')
    clock.wallMs += 1
    assert.deepEqual(await payloads(log), { found: [], next: 3 })
  })
}

test('a tail hole whose time is a little ahead is waited for without a write: two clocks are never quite the same', async (t) => {
  const { log, topics, clock } = testLog(t)
  const ahead = clock.wallMs + defaultLimits.holeGraceMs
  await reserve(topics, 't', 1, { now: ahead })
  assert.deepEqual(await payloads(log), { found: [], next: 1 })
  assert.equal((await topics.read('t'))?.reservedAtMs, ahead)
})

// The store's clock was wrong, and may take years to get there.
test('a hole below a segment from the future is sealed at once', async (t) => {
  const { log, segments, topics, clock } = testLog(t)
  await reserve(topics, 't', 3, { now: clock.wallMs })
  await segments.putIfAbsent('t', 3, segment(3, '3'), { reservedAtMs: clock.wallMs })
  clock.wallMs -= defaultLimits.holeGraceMs
  assert.deepEqual(await payloads(log), { found: [], next: 1 }, 'a little ahead: waited for')
  clock.wallMs -= 1
  assert.deepEqual(await payloads(log), { found: [3], next: 4 })
})

test('a hole longer than the seals of one read is sealed by several', async (t) => {
  const { log, segments, topics, clock } = testLog(t, { limits: { sealsPerReadMax: 4 } })
  await reserve(topics, 't', 10, { now: clock.wallMs })
  await segments.putIfAbsent('t', 10, segment(10, '10'), { reservedAtMs: clock.wallMs })
  clock.wallMs += 6_000
  assert.deepEqual(await payloads(log), { found: [], next: 1 })
  assert.deepEqual(await payloads(log), { found: [], next: 1 }, 'below a hole seal there is no second grace')
  assert.deepEqual(await payloads(log), { found: [10], next: 11 })
})

test('a hole is as old as the oldest segment above it, and only of those', async (t) => {
  const { log, segments, topics, clock } = testLog(t, { limits: { segmentCacheBytes: 0 } })
  await reserve(topics, 't', 1, { now: clock.wallMs })
  await segments.putIfAbsent('t', 1, segment(1, '1'), { reservedAtMs: clock.wallMs })
  clock.wallMs += defaultLimits.holeUnfillableAfterMs + 1
  await reserve(topics, 't', 3, { now: clock.wallMs })
  await segments.putIfAbsent('t', 4, segment(4, '4'), { reservedAtMs: clock.wallMs })
  assert.deepEqual(await payloads(log), { found: [1], next: 2 }, 'what is below is not counted')
  clock.wallMs += defaultLimits.holeUnfillableAfterMs + 1
  await segments.putIfAbsent('t', 3, segment(3, '3'), { reservedAtMs: null })
  assert.deepEqual(await payloads(log), { found: [1, 3, 4], next: 5 })
  assert.equal(await segments.get('t', 2), undefined, 'not sealed: nobody can put there')
})

// A lifecycle rule has removed the newest segments, or a batch of many messages was lost with its writer.
test('a very long hole gets one read\'s seals, and is passed over when nobody can put there', async (t) => {
  const { log, segments, topics, clock } = testLog(t, { limits: { sealsPerReadMax: 4, holeSealsMax: 10, segmentCacheBytes: 0 } })
  const stored = async (): Promise<number> => (await segments.list('t', 1, 1_000)).entries.length
  await reserve(topics, 't', 20, { now: clock.wallMs })
  clock.wallMs += 24 * 3_600_000
  for (let read = 1; read <= 3; read++) assert.deepEqual(await payloads(log), { found: [], next: 1 })
  assert.equal(await stored(), 4)
  clock.wallMs += defaultLimits.holeUnfillableAfterMs
  assert.deepEqual(await payloads(log), { found: [], next: 1 })
  clock.wallMs += 1
  assert.deepEqual(await payloads(log), { found: [], next: 21 })
  assert.equal(await stored(), 4)
})

test('a segment that can\'t be loaded ends the page before it, and fails a read that begins with it', async (t) => {
  const { log } = testLog(t, { faults: { segments: { get: (call, [, last]) => last === 3 ? Promise.reject(lost()) : call() } } })
  for (let i = 1; i <= 5; i++) await log.append('t', [{ payload: String(i) }])
  assert.deepEqual(await payloads(log), { found: [1, 2], next: 3 })
  assert.equal((await failure(log.read('t', { from: 3, ...everything }))).code, 'storage_unavailable')
})

test('a damaged segment is reported, and not skipped', async (t) => {
  const { log, segments, topics, clock } = testLog(t)
  await reserve(topics, 't', 3, { now: clock.wallMs })
  await segments.putIfAbsent('t', 1, segment(1, '1'), { reservedAtMs: null })
  await segments.putIfAbsent('t', 2, { ...segment(2, '2'), body: Buffer.from('?') }, { reservedAtMs: null })
  await segments.putIfAbsent('t', 3, segment(3, '3'), { reservedAtMs: null })
  assert.deepEqual(await payloads(log), { found: [1], next: 2 })
  assert.equal((await failure(log.read('t', { from: 2, ...everything }))).code, 'segment_corrupt')
})

test('pages end at limit and max_bytes, but hold one message at least', async (t) => {
  const { log } = testLog(t)
  await log.append('t', Array.from({ length: 5 }, (_, i) => ({ payload: `"${'x'.repeat(100)}${i}"` })))
  const read = async (from: number, limit: number, maxBytes: number): Promise<number[]> => {
    const page = await log.read('t', { from, limit, maxBytes })
    return [page.count, page.nextOffset]
  }
  assert.deepEqual(await read(1, 2, 1e6), [2, 3])
  assert.deepEqual(await read(3, 2, 1e6), [2, 5])
  assert.deepEqual(await read(2, 10, 1), [1, 3])
  assert.deepEqual(await read(2, 10, 320), [2, 4])
  assert.deepEqual(await read(6, 10, 1e6), [0, 6])
})

test('an offset beyond the end is refused with the offsets that the topic has, and the end itself is not', async (t) => {
  const { log } = testLog(t)
  const refused = async (from: number): Promise<unknown> => {
    const { code, message, details } = await failure(log.read('t', { from, ...everything }))
    return { code, message, details }
  }
  const refusal = (from: number, earliest: number, end: number): unknown =>
    ({
      code: 'offset_out_of_range',
      message: `offset: expected at most ${end}, the end of the topic, got ${from}`,
      details: { earliest, end }
    })
  assert.deepEqual(await payloads(log, 1), { found: [], next: 1 })
  assert.deepEqual(await refused(2), refusal(2, 1, 1))
  for (let n = 1; n <= 3; n++) await log.append('t', [{ payload: String(n) }])
  assert.deepEqual(await payloads(log, 4), { found: [], next: 4 })
  assert.deepEqual(await refused(5), refusal(5, 1, 4))
  await log.trim('t', 3)
  assert.deepEqual(await refused(Number.MAX_SAFE_INTEGER), refusal(Number.MAX_SAFE_INTEGER, 3, 4))
  assert.deepEqual(await payloads(log, 1), { found: [3], next: 4 })
  await log.deleteTopic('t')
  assert.deepEqual(await payloads(log, 4), { found: [], next: 4 })
  assert.deepEqual(await refused(5), refusal(5, 4, 4))
})

test('at most ten reads are in flight, and none that the page does not need', async (t) => {
  let inFlight = 0
  let most = 0
  const { log, clock, faults, calls } = testLog(t)
  faults.segments.get = async (call) => {
    most = Math.max(most, ++inFlight)
    await clock.sleep(1)
    inFlight--
    return call()
  }
  for (let i = 1; i <= 40; i++) await log.append('t', [{ payload: String(i) }])
  await log.read('t', { from: 1, limit: 30, maxBytes: 1e6 })
  assert.deepEqual([most, calls.get], [10, 30])
  calls.get = 0
  await log.read('t', { from: 1, limit: 3, maxBytes: 1e6 })
  assert.equal(calls.get, 3)
})

test('what a poll costs: nothing new, one new segment, two new ones', async (t) => {
  const { log } = testLog(t)
  const costOfPoll = async (): Promise<StorageCalls> => {
    const operation = createOperation()
    await log.read('t', { from: 2, ...everything }, operation)
    return operation.calls
  }
  await log.append('t', [{ payload: '1' }])
  assert.deepEqual(await costOfPoll(), { reserve: 0, state: 1, put: 0, get: 0, list: 0 })
  await log.append('t', [{ payload: '2' }, { payload: '3' }])
  assert.deepEqual(await costOfPoll(), { reserve: 0, state: 1, put: 0, get: 1, list: 0 })
  await log.append('t', [{ payload: '4' }])
  assert.deepEqual(await costOfPoll(), { reserve: 0, state: 1, put: 0, get: 2, list: 0 })
})

test('appends that come while a put is in flight leave together, each with its own offset', async (t) => {
  const { log, calls } = testLog(t)
  const appended = await Promise.all(Array.from({ length: 50 }, (_, i) => log.append('t', [{ payload: String(i) }])))
  assert.deepEqual(appended.map(({ first }) => first), Array.from({ length: 50 }, (_, i) => i + 1))
  assert.deepEqual((await payloads(log)).found, Array.from({ length: 50 }, (_, i) => i))
  assert.ok(calls.put < 5, `${calls.put} segments`)
})

test('trim moves earliest and deletes what is wholly below it; a deleted topic goes on where it was', async (t) => {
  const { log, segments } = testLog(t)
  await log.append('t', [{ payload: '1' }, { payload: '2' }])
  await log.append('t', [{ payload: '3' }])
  assert.equal(await log.trim('t', 2), 2)
  assert.deepEqual(await payloads(log), { found: [2, 3], next: 4 })
  assert.equal(await log.trim('t', 1), 2, 'never down')
  assert.equal(await log.trim('t', 3), 3)
  assert.deepEqual((await segments.list('t', 1, 10)).entries.map(({ lastOffset }) => lastOffset), [3])
  await log.deleteTopic('t')
  assert.deepEqual(await payloads(log), { found: [], next: 4 })
  assert.equal((await log.append('t', [{ payload: '4' }])).first, 4)
  assert.deepEqual([await log.position('t', 'earliest'), await log.position('t', 'latest')], [4, 5])
})

// Without the seal a put that is late would be acknowledged at an offset that readers have passed.
test('trim leaves a seal for as long as a put may still come to its place', async (t) => {
  const { log, segments, topics, clock } = testLog(t)
  await reserve(topics, 't', 1, { now: clock.wallMs })
  await segments.putIfAbsent('t', 1, encodeSeal(1, 1, 'hole'), { reservedAtMs: null })
  const reservedAt = clock.wallMs
  await log.append('t', [{ payload: `"${'x'.repeat(100)}"` }])
  assert.equal(await log.trim('t', 3), 3)
  const lasts = async (): Promise<number[]> => (await segments.list('t', 1, 10)).entries.map(({ lastOffset }) => lastOffset)
  assert.deepEqual(await lasts(), [1])
  assert.equal(await segments.putIfAbsent('t', 1, segment(1, '"late"'), { reservedAtMs: reservedAt }), 'exists')
  clock.wallMs += defaultLimits.holeUnfillableAfterMs + 1
  await log.append('t', [{ payload: `"${'x'.repeat(100)}"` }])
  await log.trim('t', 4)
  assert.deepEqual(await lasts(), [])
})

test('a closed log refuses appends after those under way are answered', async (t) => {
  const { log } = testLog(t)
  const append = log.append('t', [{ payload: '1' }])
  await log.close()
  assert.equal((await append).first, 1)
  const error = await failure(log.append('t', [{ payload: '2' }]))
  assert.deepEqual([error.code, error.written], ['shutting_down', 'no'])
})

test('bounds that contradict each other stop the start', () => {
  assert.throws(() => checkLimits({ ...defaultLimits, putTimeoutMs: 3_000 }), /a put and one retry fit into holeGraceMs/)
  assert.throws(() => checkLimits({ ...defaultLimits, holeUnfillableAfterMs: 15 * 60_000 }), /a hole is unfillable only/)
  assert.throws(() => checkLimits({ ...defaultLimits, stalledConnectionMs: 25_000 }), /the beginning of a stream, is not stalled/)
})

test('with a linger, appends wait for each other, but not longer, and not when a segment is full', async (t) => {
  const lingerMs = 150
  const { log, clock, calls } = testLog(t, { limits: { lingerMs, segmentMessagesMax: 10, requestMessagesMax: 10 } })
  const began = clock.monotonic()
  const alone = log.append('t', [{ payload: '1' }])
  await clock.sleep(20)
  const [first, second] = await Promise.all([alone, log.append('t', [{ payload: '2' }])])
  assert.deepEqual([first.first, second.first], [1, 2])
  assert.equal(calls.put, 1, 'they share a segment')
  assert.equal(clock.monotonic() - began, lingerMs)

  const full = clock.monotonic()
  const filling = Array.from({ length: 10 }, (_, i) => log.append('u', [{ payload: String(i) }]))
  await Promise.all(filling)
  assert.equal(clock.monotonic() - full, 0, 'a full segment waited')
  assert.equal(calls.put, 2)
})

test('large messages are encoded with other work in turn, and come back as they were', async (t) => {
  const { log } = testLog(t)
  let turns = 0
  const count = (): void => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const payload = `"${'é\\n'.repeat(700_000)}"`
  await Promise.all([log.append('t', [{ payload }, { payload: '2' }]), log.append('other', [{ payload }])])
  clearImmediate(immediate)
  assert(turns >= 2 * Math.floor(payload.length / 65_536), `encoded within ${turns} turns of the event loop`)
  const [first, second] = payloadsOf(await log.read('t', { from: 1, limit: 2, maxBytes: 10_000_000 }))
  assert(first === JSON.parse(payload) && second === 2)
})
