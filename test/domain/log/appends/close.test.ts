import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import { diesBeforePut, kindAt, lastOffsets, losesNextAnswer, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { failing } from '../../../support/storage/faults.ts'
import { testLog } from '../../../support/test-log.ts'

const close = true
const topicClosed = (end: number): object => ({ code: 'topic_closed', end, written: 'no' })
const notFound = { code: 'topic_not_found', written: 'no' }

test('a topic is closed with a last append, and no other one is stored', async (t) => {
  const { log, other, clock, topics } = testLog(t)
  await log.append('t', messages(1))
  assert.deepEqual(await log.append('t', messages(2, 3), { close }), { first: 2, last: 3, closed: true })
  await clock.sleep(1)
  const { closed, closing } = (await topics.read('t'))!
  assert.deepEqual([closed, closing], [3, undefined], 'the item tells it')
  for (const process of [log, other]) {
    assert.deepEqual(await refusal(process.append('t', messages(9))), topicClosed(4))
    assert.deepEqual(await refusal(process.append('t', messages(9), { close })), topicClosed(4))
    assert.deepEqual(await refusal(process.append('t', messages(9), seq(0))), topicClosed(4))
    assert.deepEqual(await refusal(process.append('t', messages(9), { key: 'k' })), topicClosed(4))
    assert.deepEqual(await refusal(process.append('t', messages(9), { expectedOffset: 4 })), topicClosed(4))
  }
  assert.deepEqual(await stored(log), ['1 1', '2 2', '3 3'])
})

test('a topic is closed by its first append', async (t) => {
  const { log } = testLog(t)
  assert.deepEqual(await log.append('t', messages(1), { close }), { first: 1, last: 1, closed: true })
  assert.deepEqual(await refusal(log.append('t', messages(9))), topicClosed(2))
})

test('a topic is closed alone, and again, by whichever process', async (t) => {
  const { log, other, start } = testLog(t)
  await log.append('t', messages(1, 2))
  for (const process of [log, log, other, start().log]) {
    assert.deepEqual(await process.append('t', [], { close }), { first: 3, last: 2, closed: true })
  }
  assert.deepEqual(await refusal(other.append('t', messages(9))), topicClosed(3))
  assert.deepEqual(await refusal(log.append('t', messages(9))), topicClosed(3))
  assert.deepEqual(await stored(log), ['1 1', '2 2'])
})

test('what was closed with a last append is closed alone again, and a topic that is not there is not', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1), { close })
  assert.deepEqual(await other.append('t', [], { close }), { first: 2, last: 1, closed: true })
  assert.deepEqual(await refusal(log.append('u', [], { close })), notFound)
  await log.append('u', messages(1))
  await other.deleteTopic('u')
  assert.deepEqual(await refusal(log.append('u', [], { close })), notFound)
})

test('a close alone at an expected offset', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1))
  await other.append('t', messages(2))
  assert.deepEqual(await refusal(log.append('t', [], { close, expectedOffset: 2 })), { code: 'offset_mismatch', end: 3, written: 'no' })
  assert.deepEqual(await log.append('t', [], { close, expectedOffset: 3 }), { first: 3, last: 2, closed: true })
  assert.deepEqual(await other.append('t', [], { close, expectedOffset: 3 }), { first: 3, last: 2, closed: true })
  assert.deepEqual(await refusal(other.append('t', [], { close, expectedOffset: 2 })), topicClosed(3))
})

test('a close ends its group, and a close alone has none beside it', async (t) => {
  for (const [last, end] of [[messages(3), 4], [[], 3]] as const) {
    const { log, segments } = testLog(t)
    const answers = await Promise.all([
      log.append('t', messages(1)), log.append('t', messages(2)), log.append('t', last, { close }), refusal(log.append('t', messages(9)))
    ])
    assert.deepEqual(answers, [{ first: 1, last: 1 }, { first: 2, last: 2 }, { first: 3, last: end - 1, closed: true }, topicClosed(end)])
    assert.deepEqual(await lastOffsets(segments), [end - 1])
  }
})

test('what was reserved before a close alone may still land', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  await log.append('t', messages(1))
  faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(1_000)
    return call()
  }
  const before = log.append('t', messages(2))
  await clock.sleep(100)
  assert.deepEqual(await other.append('t', [], { close }), { first: 3, last: 2, closed: true })
  assert.deepEqual(await before, { first: 2, last: 2 })
})

test('what was reserved before a close alone, and loses its range, is refused', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  const until = clock.monotonic() + 10_000
  faults.segments.putIfAbsent = (call) => clock.monotonic() < until ? failing('conflict', 'none')() : call()
  const before = refusal(log.append('t', messages(1)))
  await clock.sleep(100)
  assert.deepEqual(await other.append('t', [], { close }), { first: 2, last: 1, closed: true })
  await clock.sleep(2 * defaultLimits.holeGraceMs - 1_000)
  assert.deepEqual(await stored(other), [])
  assert.deepEqual(await before, topicClosed(2))
})

test('an append that meets a close waits for what becomes of it: it stands', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(2_000)
    return call()
  }
  const closing = log.append('t', messages(1), { close })
  await clock.sleep(100)
  const startedAt = clock.monotonic()
  assert.deepEqual(await Promise.all([refusal(other.append('t', messages(9))), other.append('t', [], { close })]), [
    topicClosed(2), { first: 2, last: 1, closed: true }
  ])
  assert.ok(clock.monotonic() - startedAt >= 1_500)
  assert.deepEqual(await closing, { first: 1, last: 1, closed: true })
})

test('an append that meets the close of a dead process goes on, and the topic is open', async (t) => {
  const { log, other, start, clock, segments, topics } = testLog(t)
  await log.append('t', messages(1))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(8, 9), { close }))
  await clock.sleep(100)
  assert.deepEqual(await other.append('t', messages(2)), { first: 4, last: 4 })
  assert.equal(await kindAt(segments, 3), 'sealed 2 … 3')
  assert.deepEqual([(await topics.read('t'))!.closing, (await topics.read('t'))!.closed], [undefined, undefined])
  assert.deepEqual(await log.append('t', messages(3), { close }), { first: 5, last: 5, closed: true })
  assert.deepEqual(await stored(log), ['1 1', '4 2', '5 3'])
  await lost
})

test('a topic whose close is void is closed alone', async (t) => {
  const { log, start, clock } = testLog(t)
  await log.append('t', messages(1))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { close }))
  await clock.sleep(100)
  assert.deepEqual(await log.append('t', [], { close }), { first: 3, last: 2, closed: true })
  assert.deepEqual(await refusal(start().log.append('t', messages(9))), topicClosed(3))
  await lost
})

test('a process that died before it noted that the topic is closed is no reason to open it', async (t) => {
  const { log, other, faults, clock, topics } = testLog(t)
  faults.topics.markClosed = failing('unavailable', 'none')
  assert.deepEqual(await log.append('t', messages(1), { close }), { first: 1, last: 1, closed: true })
  await clock.sleep(1_000)
  assert.equal((await topics.read('t'))!.closed, undefined)
  assert.deepEqual(await refusal(other.append('t', messages(9))), topicClosed(2))
  assert.deepEqual(await other.append('t', [], { close }), { first: 2, last: 1, closed: true })
})

test('a close whose update\'s answer was lost is made again', async (t) => {
  const process = testLog(t)
  const { log, segments } = process
  await log.append('t', messages(1))
  losesNextAnswer(process)
  assert.deepEqual(await log.append('t', messages(2), { close }), { first: 3, last: 3, closed: true })
  assert.equal(await kindAt(segments, 2), 'sealed 2 … 2')
  const second = testLog(t)
  await second.log.append('t', messages(1))
  losesNextAnswer(second)
  assert.deepEqual(await second.log.append('t', [], { close }), { first: 2, last: 1, closed: true })
})

test('a close alone that may have been applied is not called "not written"', async (t) => {
  const { log, faults } = testLog(t)
  await log.append('t', messages(1))
  faults.topics.reserve = failing('misconfigured', 'none')
  assert.equal((await refusal(log.append('t', [], { close })))['written'], 'no')
  faults.topics.reserve = failing('unavailable', 'unknown')
  faults.topics.read = failing('unavailable', 'none')
  assert.equal((await refusal(log.append('t', [], { close })))['written'], 'unknown')
})

test('a producer closes a topic, with messages or without, and repeats that', async (t) => {
  for (const last of [messages(2, 3), []]) {
    const { log, other, start } = testLog(t)
    await log.append('t', messages(1), seq(0))
    // One that this process has not heard of.
    await other.append('t', messages(7))
    const answer = await log.append('t', last, { ...seq(1), close })
    assert.deepEqual(answer, { first: 3, last: 2 + last.length, closed: true })
    for (const again of [log, other, start().log]) {
      assert.deepEqual(await again.append('t', last, { ...seq(1), close }), { ...answer, duplicate: true })
      assert.deepEqual(await again.append('t', messages(1), seq(0)), { first: 1, last: 1, duplicate: true })
      assert.deepEqual(await refusal(again.append('t', messages(9), seq(2))), topicClosed(answer.last + 1))
    }
    const changed = refusal(log.append('t', messages(8), { ...seq(1), close }))
    assert.deepEqual(await changed, { code: 'idempotency_conflict', offset: 3, written: 'no' })
  }
})
