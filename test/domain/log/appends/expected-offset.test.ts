import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSeal } from '../../../../src/domain/segments/segment.ts'
import { diesBeforePut, kindAt, lastOffsets, losesNextAnswer, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { failing } from '../../../support/storage/faults.ts'
import { reserve } from '../../../support/storage/reserve.ts'
import { testLog, type TestLog } from '../../../support/test-log.ts'

const mismatch = (end: number): object => ({ code: 'offset_mismatch', end, written: 'no' })

test('an append is stored only at the offset that it expects', async (t) => {
  const { log, other } = testLog(t)
  assert.deepEqual(await log.append('t', messages(1, 2), { expectedOffset: 1 }), { first: 1, last: 2 })
  assert.deepEqual(await refusal(log.append('t', messages(9), { expectedOffset: 2 })), mismatch(3))
  assert.deepEqual(await refusal(log.append('t', messages(9), { expectedOffset: 4 })), mismatch(3))
  assert.deepEqual(await other.append('t', messages(3), { expectedOffset: 3 }), { first: 3, last: 3 })
  assert.deepEqual(await refusal(other.append('u', messages(9), { expectedOffset: 2 })), mismatch(1), 'a topic that is not there')
  assert.deepEqual(await stored(log), ['1 1', '2 2', '3 3'])
})

test('a process that has not heard of others refuses nothing because of that, and accepts nothing', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1))
  await other.append('t', messages(2))
  assert.deepEqual(await log.append('t', messages(3), { expectedOffset: 3 }), { first: 3, last: 3 })
  await other.append('t', messages(4))
  assert.deepEqual(await refusal(log.append('t', messages(9), { expectedOffset: 4 })), mismatch(5))
})

test('of two that expect the same offset one is stored', async (t) => {
  const { log, other } = testLog(t)
  for (const [offset, processes] of [[1, [log, log]], [2, [log, other]]] as const) {
    const answers = await Promise.allSettled(processes.map((process) => process.append('t', messages(offset), { expectedOffset: offset })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    for (const answer of answers) {
      if (answer.status === 'rejected') assert.deepEqual(await refusal(Promise.reject(answer.reason as Error)), mismatch(offset + 1))
      else assert.deepEqual(answer.value, { first: offset, last: offset })
    }
  }
  assert.deepEqual(await stored(log), ['1 1', '2 2'])
})

test('it begins a group: what came before it counts', async (t) => {
  const { log, segments } = testLog(t)
  const answers = await Promise.all([
    log.append('t', messages(1)), log.append('t', messages(2), { expectedOffset: 2 }), log.append('t', messages(3)),
    refusal(log.append('t', messages(9), { expectedOffset: 3 })), log.append('t', messages(4), { expectedOffset: 4 })
  ])
  assert.deepEqual(answers, [{ first: 1, last: 1 }, { first: 2, last: 2 }, { first: 3, last: 3 }, mismatch(4), { first: 4, last: 4 }])
  assert.deepEqual(await lastOffsets(segments), [1, 3, 4])
})

test('an offset that is only reserved counts', async (t) => {
  const { log, topics, clock } = testLog(t)
  await reserve(topics, 't', 3, { now: clock.wall() })
  assert.deepEqual(await refusal(log.append('t', messages(9), { expectedOffset: 1 })), mismatch(4))
  assert.deepEqual(await log.append('t', messages(1), { expectedOffset: 4 }), { first: 4, last: 4 })
})

/** The append's first range is sealed by a reader, and `then` happens before it goes on. */
function sealFirstRange ({ faults, segments }: TestLog, last: number, then: () => Promise<unknown> = () => Promise.resolve()): void {
  faults.segments.putIfAbsent = async (call) => {
    delete faults.segments.putIfAbsent
    await segments.putIfAbsent('t', last, encodeSeal(last, last, 'hole'), { reservedAtMs: null })
    await then()
    return call()
  }
}

test('after its own range was sealed, it is stored above that, with nothing between', async (t) => {
  const test = testLog(t)
  sealFirstRange(test, 2)
  const answers = await Promise.all([test.log.append('t', messages(1), { expectedOffset: 1 }), test.log.append('t', messages(2))])
  assert.deepEqual(answers, [{ first: 3, last: 3 }, { first: 4, last: 4 }])
  assert.deepEqual(await stored(test.log), ['3 1', '4 2'])
})

test('after its own range was sealed, it is refused if others have reserved since', async (t) => {
  const test = testLog(t)
  sealFirstRange(test, 1, () => test.other.append('t', messages(5)))
  assert.deepEqual(await refusal(test.log.append('t', messages(1), { expectedOffset: 1 })), mismatch(3))
  assert.deepEqual(await stored(test.log), ['2 5'])
})

test('the same with a key, whose record could not be stored at first', async (t) => {
  const { log, faults, segments } = testLog(t)
  let failures = 3
  faults.records.replace = (call) => failures-- > 0 ? failing('unavailable', 'none')() : call()
  assert.deepEqual(await log.append('t', messages(1), { expectedOffset: 1, key: 'k' }), { first: 2, last: 2 })
  assert.equal(await kindAt(segments, 1), 'sealed 1 … 1')
})

test('an append whose update\'s answer was lost is refused: its offsets are reserved', async (t) => {
  const process = testLog(t)
  losesNextAnswer(process)
  assert.deepEqual(await refusal(process.log.append('t', messages(1), { expectedOffset: 1 })), mismatch(2))
})

test('with a producer, a repeat is answered first, then a gap, and a mismatch uses no seq up', async (t) => {
  const { log, other } = testLog(t)
  const at = (n: number, expectedOffset: number) => ({ ...seq(n), expectedOffset })
  assert.deepEqual(await log.append('t', messages(1), at(0, 1)), { first: 1, last: 1 })
  await log.append('t', messages(2))
  for (const again of [log, other]) assert.deepEqual(await again.append('t', messages(1), at(0, 1)), { first: 1, last: 1, duplicate: true })
  assert.deepEqual(await refusal(log.append('t', messages(9), at(2, 7))), { code: 'producer_gap', expected_seq: 1, written: 'no' })
  assert.deepEqual(await refusal(log.append('t', messages(9), at(1, 2))), mismatch(3))
  assert.deepEqual(await log.append('t', messages(3), at(1, 3)), { first: 3, last: 3 })
  assert.deepEqual(await stored(log), ['1 1', '2 2', '3 3'])
})

test('a producer\'s repeat through another process goes on above its own void range, unless others have reserved', async (t) => {
  for (const [others, answer] of [[0, { first: 4, last: 5 }], [1, mismatch(5)]] as const) {
    const { log, other, start, clock, segments } = testLog(t)
    await log.append('t', messages(0))
    const dead = start()
    diesBeforePut(dead)
    const conditions = { ...seq(0), expectedOffset: 2 }
    const lost = refusal(dead.log.append('t', messages(1, 2), conditions))
    await clock.sleep(100)
    if (others > 0) await log.append('t', messages(5))
    const repeat = other.append('t', messages(1, 2), conditions)
    assert.deepEqual(others > 0 ? await refusal(repeat) : await repeat, answer)
    assert.equal(await kindAt(segments, 3), 'sealed 2 … 3')
    await lost
  }
})

test('a void range that began elsewhere is no reason to go on above it', async (t) => {
  const { log, other, start, clock } = testLog(t)
  await log.append('t', messages(0))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1), seq(0)))
  await clock.sleep(100)
  assert.deepEqual(await refusal(other.append('t', messages(1), { ...seq(0), expectedOffset: 1 })), mismatch(3))
  await lost
})
