import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSegment } from '../../../../src/domain/segments/segment.ts'
import { diesBeforePut, kindAt, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { testLog, type TestLog, type TestProcess } from '../../../support/test-log.ts'

/** More than a seal, so that a trim removes it at once. */
const large = [{ payload: `"${'x'.repeat(100)}"` }]

/** `happening` comes between the process's look at the item and its next look at a key. */
function beforeGet ({ faults }: TestProcess, happening: () => Promise<unknown>): void {
  faults.segments.get = async (call) => {
    delete faults.segments.get
    await happening()
    return call()
  }
}

function slow ({ clock }: TestLog, ms: number): <Answer>(call: () => Promise<Answer>) => Promise<Answer> {
  return async (call) => {
    await clock.sleep(ms)
    return call()
  }
}

test('a seal in the place of a segment that a trim has resolved and removed makes nothing void', async (t) => {
  const { log, start, segments } = testLog(t)
  await log.append('t', large, seq(0))
  const late = start()
  beforeGet(late, () => start().log.trim('t', 2))
  assert.deepEqual(await late.log.append('t', large, seq(0)), { first: 1, last: 1, duplicate: true })
  assert.equal(await kindAt(segments, 1), 'sealed 1 … 1')
  assert.deepEqual(await late.log.append('t', messages(1), seq(1)), { first: 2, last: 2 })
})

test('the same of a key, whose record was noted to stand before the trim', async (t) => {
  const test = testLog(t)
  const { log, start, faults, clock } = test
  // At leisure.
  faults.records.replace = (call, [, { last }, seen]) => seen === last ? slow(test, 500)(call) : call()
  await log.append('t', large, { key: 'k' })
  const late = start()
  beforeGet(late, async () => {
    await clock.sleep(600)
    await start().log.trim('t', 2)
  })
  assert.deepEqual(await late.log.append('t', large, { key: 'k' }), { first: 1, last: 1, duplicate: true })
})

test('a trim does not store what another one has found already', async (t) => {
  const { log, start, clock } = testLog(t)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', large, seq(0)))
  // So that nobody waits for it long.
  await clock.sleep(30_000)
  await log.append('t', messages(7))
  const late = start()
  beforeGet(late, () => start().log.trim('t', 2))
  assert.equal(await late.log.trim('t', 3), 3)
  assert.deepEqual(await start().log.append('t', large, seq(0)), { first: 3, last: 3 }, 'it was void')
  await lost
})

test('a trim does not store what it found of a close in place of a later one', async (t) => {
  const { log, start, clock, faults } = testLog(t)
  await log.append('t', messages(1))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { close: true }))
  await clock.sleep(30_000)
  faults.topics.markClosed = () => new Promise(() => {})
  const late = start()
  late.faults.topics.raiseEarliest = async (call) => {
    delete late.faults.topics.raiseEarliest
    assert.deepEqual(await log.append('t', messages(2), { close: true }), { first: 3, last: 3, closed: true })
    return call()
  }
  assert.equal(await late.log.trim('t', 3), 3)
  assert.deepEqual(await refusal(start().log.append('t', messages(9))), { code: 'topic_closed', end: 4, written: 'no' })
  await lost
})

test('an update is conditional on the item by which its appends were judged', async (t) => {
  const test = testLog(t, { limits: { inlineRecordsMax: 2 } })
  const { log, other, clock, faults } = test
  for (const id of ['a', 'b']) await log.append('t', messages(0), seq(0, { id }))
  // While the group moves a out, this process hears that the topic is closed.
  faults.records.replace = slow(test, 1_000)
  faults.topics.read = slow(test, 300)
  const comesIn = refusal(log.append('t', messages(1), seq(0, { id: 'c' })))
  const repeat = log.append('t', messages(0), seq(0, { id: 'b' }))
  await clock.sleep(100)
  await other.append('t', [], { close: true })
  assert.deepEqual(await repeat, { first: 2, last: 2, duplicate: true })
  assert.deepEqual(await comesIn, { code: 'topic_closed', end: 3, written: 'no' })
})

test('a process that moves an old copy of a record out, late, does not replace a newer one', async (t) => {
  const test = testLog(t, { limits: { inlineRecordsMax: 2 } })
  const { log, other, start, faults, records } = test
  for (const id of ['a', 'b']) await log.append('t', messages(0), seq(0, { id }))
  faults.records.replace = async (call) => {
    delete faults.records.replace
    for (const [id, n] of [['a', 1], ['d', 0], ['e', 0]] as const) await other.append('t', messages(n), seq(n, { id }))
    return call()
  }
  await log.append('t', messages(0), seq(0, { id: 'c' }))
  assert.equal((await records.read({ kind: 'producer', topic: 't', id: 'a' }))?.last, 3)
  assert.deepEqual(await start().log.append('t', messages(1), seq(1, { id: 'a' })), { first: 3, last: 3, duplicate: true })
})

test('a segment of another writer in the place of an open range is damage, and nobody is told that it is written', async (t) => {
  const { log, start, clock, segments } = testLog(t)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1), seq(0)))
  await clock.sleep(100)
  const options = { first: 1, timestamp: 1, writer: 'another', compression: 'none', compressOverBytes: 0 } as const
  await segments.putIfAbsent('t', 1, encodeSegment(messages(1), options).object, { reservedAtMs: null })
  for (const conditions of [seq(0), seq(1)]) {
    assert.deepEqual(await refusal(log.append('t', messages(1), conditions)), { code: 'segment_corrupt', written: 'unknown' })
  }
  assert.deepEqual(await log.append('t', messages(2)), { first: 2, last: 2 }, 'others are not held up')
  await lost
})

test('with several puts in flight the next seq waits for the one before without a look at the storage', async (t) => {
  const test = testLog(t, { limits: { putsInFlightMax: 3 } })
  const { log, clock, faults, calls } = test
  faults.segments.putIfAbsent = (call, [, last]) => last === 1 ? slow(test, 2_000)(call) : call()
  const first = log.append('t', messages(0), seq(0))
  await clock.sleep(100)
  const next = log.append('t', messages(1), seq(1))
  const plain = log.append('t', messages(2))
  assert.deepEqual(await plain, { first: 2, last: 2 })
  assert.deepEqual([await first, await next], [{ first: 1, last: 1 }, { first: 3, last: 3 }])
  assert.deepEqual([calls.get, calls.state], [0, 0])
  assert.deepEqual(await stored(log), ['1 0', '2 2', '3 1'])
})
