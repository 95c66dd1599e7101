import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import { encodeSeal } from '../../../../src/domain/segments/segment.ts'
import { diesBeforePut, kindAt, lastOffsets, losesNextAnswer, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { answerLost, failing, hanging } from '../../../support/storage/faults.ts'
import { reserve } from '../../../support/storage/reserve.ts'
import { testLog } from '../../../support/test-log.ts'

const { holeGraceMs, factWaitMs } = defaultLimits

test('what a dead writer has only reserved is not written: a repeat seals the whole range, and is stored at another one', async (t) => {
  const { log, start, clock, segments } = testLog(t)
  const dead = start()
  diesBeforePut(dead)
  const lost = [dead.log.append('t', messages(1, 2), seq(0)), dead.log.append('t', messages(3), seq(1))].map((append) => refusal(append))
  await clock.sleep(100)
  const startedAt = clock.monotonic()
  assert.deepEqual(await log.append('t', messages(1, 2), seq(0)), { first: 4, last: 5 })
  const waitedMs = clock.monotonic() - startedAt
  assert.ok(waitedMs >= holeGraceMs - 1_000 && waitedMs < holeGraceMs + 1_000, `${waitedMs} ms`)
  assert.equal(await kindAt(segments, 3), 'sealed 1 … 3')
  assert.deepEqual(await log.append('t', messages(3), seq(1)), { first: 6, last: 6 })
  for (const { written } of await Promise.all(lost)) assert.equal(written, 'unknown')
  assert.deepEqual(await stored(log), ['4 1', '5 2', '6 3'])
})

test('a range that is old already is given FACT_WAIT from the first look on', async (t) => {
  const { log, start, clock } = testLog(t)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1), seq(0)))
  await clock.sleep(60_000)
  await lost
  const startedAt = clock.monotonic()
  assert.deepEqual(await log.append('t', messages(1), seq(0)), { first: 2, last: 2 })
  const waitedMs = clock.monotonic() - startedAt
  assert.ok(waitedMs >= factWaitMs && waitedMs < factWaitMs + 500, `${waitedMs} ms`)
})

test('a repeat that meets the first copy while it is put waits for it, and is told the same', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(2_000)
    return call()
  }
  const first = log.append('t', messages(1, 2), seq(0))
  await clock.sleep(500)
  const [repeat, next] = await Promise.all([other.append('t', messages(1, 2), seq(0)), other.append('t', messages(3), seq(1))])
  assert.deepEqual([await first, repeat, next], [{ first: 1, last: 2 }, { first: 1, last: 2, duplicate: true }, { first: 3, last: 3 }])
})

test('a writer that was slower than the grace is told what became of the copy that sealed its range', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  const until = clock.monotonic() + 2 * holeGraceMs
  faults.segments.putIfAbsent = (call) => clock.monotonic() < until ? failing('conflict', 'none')() : call()
  const slow = log.append('t', messages(1), seq(0))
  await clock.sleep(100)
  assert.deepEqual(await other.append('t', messages(1), seq(0)), { first: 2, last: 2 })
  assert.deepEqual(await slow, { first: 2, last: 2, duplicate: true })
  assert.deepEqual(await stored(log), ['2 1'])
})

test('an append whose range a reader has sealed is judged anew, and reserves another one', async (t) => {
  const { log, other, segments } = testLog(t)
  await segments.putIfAbsent('t', 3, encodeSeal(3, 3, 'hole'), { reservedAtMs: null })
  const answers = await Promise.all([
    log.append('t', messages(1), seq(0)), log.append('t', messages(2), seq(1)), log.append('t', messages(100))
  ])
  // The plain append has nothing to find out before it goes on.
  assert.deepEqual(answers, [{ first: 5, last: 5 }, { first: 6, last: 6 }, { first: 4, last: 4 }])
  assert.deepEqual(await other.append('t', messages(2), seq(1)), { first: 6, last: 6, duplicate: true })
})

test('an append of a producer whose ranges are all sealed gives up, and may be repeated', async (t) => {
  const { log, segments } = testLog(t)
  for (let n = 1; n <= 5; n++) await segments.putIfAbsent('t', n, encodeSeal(n, n, 'hole'), { reservedAtMs: null })
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(0))), { code: 'append_contended', written: 'unknown' })
  assert.deepEqual(await log.append('t', messages(1), seq(0)), { first: 6, last: 6 })
})

test('an epoch is raised at once, also if its first range is void', async (t) => {
  const { log, start, clock } = testLog(t)
  await log.append('t', messages(0), seq(0))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(10), seq(0, { epoch: 1 })))
  await clock.sleep(100)
  const fenced = { code: 'producer_fenced', epoch: 1, written: 'no' }
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), fenced)
  await lost
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), fenced)
  assert.deepEqual(await log.append('t', messages(10), seq(0, { epoch: 1 })), { first: 3, last: 3 })
  assert.deepEqual(await log.append('t', messages(10), seq(0, { epoch: 1 })), { first: 3, last: 3, duplicate: true })
})

test('an epoch is not raised over an open range of an older one: that is resolved first', async (t) => {
  const { log, other, clock, faults, segments } = testLog(t)
  await log.append('t', messages(0), seq(0))
  faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(2_000)
    return call()
  }
  const older = log.append('t', messages(1), seq(1))
  await clock.sleep(100)
  assert.deepEqual(await other.append('t', messages(10), seq(0, { epoch: 1 })), { first: 3, last: 3 })
  assert.deepEqual(await segments.get('t', 2) === undefined, false, 'the older one stands below')
  assert.deepEqual(await older, { first: 2, last: 2 })
})

test('an update whose answer was lost is sealed at once, and nothing is put there', async (t) => {
  const process = testLog(t)
  const { log, other, clock, segments } = process
  await log.append('t', messages(0), seq(0))
  losesNextAnswer(process)
  const startedAt = clock.monotonic()
  const answers = await Promise.all([
    log.append('t', messages(1, 2), seq(1)), log.append('t', messages(100)), log.append('t', messages(3), seq(0, { id: 'q' }))
  ])
  assert.deepEqual(answers, [{ first: 6, last: 7 }, { first: 8, last: 8 }, { first: 9, last: 9 }])
  assert.ok(clock.monotonic() - startedAt < 200, 'without waiting for a writer')
  assert.equal(await kindAt(segments, 5), 'sealed 2 … 5')
  assert.deepEqual(await other.append('t', messages(1, 2), seq(1)), { first: 6, last: 7, duplicate: true })
})

test('an update that is not answered in time, and was applied, is sealed', async (t) => {
  const { log, clock, faults, segments } = testLog(t)
  await log.append('t', messages(0), seq(0))
  faults.topics.reserve = async (call) => {
    delete faults.topics.reserve
    await call()
    return hanging()
  }
  const startedAt = clock.monotonic()
  assert.deepEqual(await log.append('t', messages(1), seq(1)), { first: 3, last: 3 })
  assert.equal(Math.round(clock.monotonic() - startedAt), defaultLimits.reserveTimeoutMs)
  assert.equal(await kindAt(segments, 2), 'sealed 2 … 2')
})

test('an update whose answer was lost, and that was not applied, costs no offset', async (t) => {
  const { log, faults, calls, segments } = testLog(t)
  let failures = 3
  faults.topics.reserve = (call) => failures-- > 0 ? failing('unavailable', 'unknown')() : call()
  assert.deepEqual(await log.append('t', messages(1), seq(0)), { first: 1, last: 1 })
  assert.deepEqual([calls.reserve, calls.put], [4, 1])
  assert.deepEqual(await lastOffsets(segments), [1])
})

test('a failure never tells that an append of a producer is not written: it is safe to repeat', async (t) => {
  const { log, faults } = testLog(t)
  await log.append('t', messages(0), seq(0))
  faults.topics.reserve = failing('misconfigured', 'none')
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), { code: 'storage_misconfigured', written: 'unknown' })
  assert.deepEqual(await refusal(log.append('t', messages(1))), { code: 'storage_misconfigured', written: 'no' })
  faults.topics.read = failing('misconfigured', 'none')
  faults.topics.reserve = (call) => {
    faults.topics.reserve = failing('unavailable', 'unknown')
    return answerLost(call)
  }
  assert.equal((await refusal(log.append('t', messages(1), seq(1))))['written'], 'unknown')
  delete faults.topics.reserve
  delete faults.topics.read
  assert.deepEqual(await log.append('t', messages(1), seq(1)), { first: 3, last: 3 })
  assert.deepEqual(await stored(log), ['1 0', '3 1'])
})

test('those that share a segment with a producer are told whether they are written as if they were alone', async (t) => {
  const { log, faults } = testLog(t)
  faults.segments.putIfAbsent = (call, [,,, { reservedAtMs }]) => reservedAtMs === null ? call() : failing('full', 'none')()
  const failures = await Promise.all([refusal(log.append('t', messages(1), seq(0))), refusal(log.append('t', messages(2)))])
  assert.deepEqual(failures, [{ code: 'storage_full', written: 'unknown' }, { code: 'storage_full', written: 'no' }])
  delete faults.segments.putIfAbsent
  assert.deepEqual(await log.append('t', messages(1), seq(0)), { first: 3, last: 3 })
})

test('a range of plain counting between is nobody\'s: it is not taken for a fact\'s', async (t) => {
  const { log, other, topics, clock } = testLog(t)
  await log.append('t', messages(0), seq(0))
  await reserve(topics, 't', 2, { now: clock.wall() })
  assert.deepEqual(await log.append('t', messages(1), seq(1)), { first: 4, last: 4 })
  assert.deepEqual(await other.append('t', messages(1), seq(1)), { first: 4, last: 4, duplicate: true })
  await clock.sleep(holeGraceMs + 1)
  assert.deepEqual(await stored(log), ['1 0', '4 1'])
})
