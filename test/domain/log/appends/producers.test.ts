import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import { lastOffsets, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { testLog } from '../../../support/test-log.ts'

test('a producer\'s appends are stored, and each repeat is told its own offsets', async (t) => {
  const { log } = testLog(t)
  assert.deepEqual(await log.append('t', messages(1, 2), seq(0)), { first: 1, last: 2 })
  assert.deepEqual(await log.append('t', messages(3), seq(1)), { first: 3, last: 3 })
  assert.deepEqual(await log.append('t', messages(1, 2), seq(0)), { first: 1, last: 2, duplicate: true })
  assert.deepEqual(await log.append('t', messages(3), seq(1)), { first: 3, last: 3, duplicate: true })
  assert.deepEqual(await stored(log), ['1 1', '2 2', '3 3'])
})

test('another process, and one that was restarted, answers repeats and goes on with the next seq', async (t) => {
  const { log, other, clock, start } = testLog(t)
  await log.append('t', messages(1), seq(0))
  await log.append('t', messages(2), seq(1))
  await clock.sleep(10_000)
  assert.deepEqual(await other.append('t', messages(2), seq(1)), { first: 2, last: 2, duplicate: true })
  assert.deepEqual(await other.append('t', messages(1), seq(0)), { first: 1, last: 1, duplicate: true })
  assert.deepEqual(await other.append('t', messages(3), seq(2)), { first: 3, last: 3 })
  await log.close()
  const restarted = start().log
  assert.deepEqual(await restarted.append('t', messages(4), seq(3)), { first: 4, last: 4 })
  assert.deepEqual(await restarted.append('t', messages(3), seq(2)), { first: 3, last: 3, duplicate: true })
  assert.deepEqual(await stored(other), ['1 1', '2 2', '3 3', '4 4'])
})

test('seqs that leave together share a segment with others, and each repeat is told its own offsets', async (t) => {
  const { log, other, segments } = testLog(t)
  const appends = [
    () => log.append('t', messages(1), seq(0)),
    () => log.append('t', messages(100)),
    () => log.append('t', messages(2, 3), seq(1)),
    () => log.append('t', messages(200), seq(0, { id: 'q' })),
    () => log.append('t', messages(4), seq(2))
  ]
  const answers = await Promise.all(appends.map((append) => append()))
  const ranges = [[1, 1], [2, 2], [3, 4], [5, 5], [6, 6]].map(([first, last]) => ({ first, last }))
  assert.deepEqual(answers, ranges)
  assert.deepEqual(await lastOffsets(segments), [6])
  for (const again of [log, other]) {
    const repeats = [
      await again.append('t', messages(1), seq(0)), await again.append('t', messages(2, 3), seq(1)),
      await again.append('t', messages(200), seq(0, { id: 'q' })), await again.append('t', messages(4), seq(2))
    ]
    assert.deepEqual(repeats, [0, 2, 3, 4].map((i) => ({ ...ranges[i], duplicate: true })))
  }
  assert.deepEqual(await lastOffsets(segments), [6])
})

test('at most five seqs of a producer share a segment', async (t) => {
  const { log, segments } = testLog(t)
  const answers = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((n) => log.append('t', messages(n), seq(n))))
  assert.deepEqual(answers.map(({ first }) => first), [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(await lastOffsets(segments), [5, 7])
})

test('the newest five seqs are answered again, and of older ones nobody is told whether they are written', async (t) => {
  const { log, other } = testLog(t)
  for (let n = 0; n < 7; n++) await log.append('t', messages(n), seq(n))
  for (const again of [log, other]) {
    for (let n = 2; n < 7; n++) {
      assert.deepEqual(await again.append('t', messages(n), seq(n)), { first: n + 1, last: n + 1, duplicate: true })
    }
    for (const n of [0, 1]) {
      assert.deepEqual(await refusal(again.append('t', messages(n), seq(n))), { code: 'producer_seq_old', written: 'unknown' })
    }
  }
  assert.equal((await stored(log)).length, 7)
})

test('an id that is not known begins with seq 0', async (t) => {
  const { log } = testLog(t)
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  await log.append('t', messages(1))
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(57))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  assert.deepEqual(await log.append('t', messages(2), seq(0)), { first: 2, last: 2 })
})

test('a gap is told when the append before did not come within GAP_WAIT', async (t) => {
  const { log, clock } = testLog(t)
  await log.append('t', messages(1), seq(0))
  const startedAt = clock.monotonic()
  assert.deepEqual(await refusal(log.append('t', messages(3), seq(2))), { code: 'producer_gap', expected_seq: 1, written: 'no' })
  assert.equal(clock.monotonic() - startedAt, defaultLimits.gapWaitMs)
  assert.deepEqual(await log.append('t', messages(2), seq(1)), { first: 2, last: 2 })
})

test('an append waits for the one before, which comes meanwhile', async (t) => {
  const { log, clock } = testLog(t)
  const startedAt = clock.monotonic()
  const later = [3, 2, 1].map((n) => log.append('t', messages(n), seq(n)))
  await clock.sleep(300)
  const first = await log.append('t', messages(0), seq(0))
  assert.deepEqual([first, ...await Promise.all(later.toReversed())].map(({ first }) => first), [1, 2, 3, 4])
  assert.deepEqual(await stored(log), ['1 0', '2 1', '3 2', '4 3'])
  assert.ok(clock.monotonic() - startedAt < defaultLimits.gapWaitMs)
})

test('what another process has written is no gap: that is told only from an item that was read after the append came', async (t) => {
  const { log, other, clock, calls } = testLog(t)
  await log.append('t', messages(0), seq(0))
  await other.append('t', messages(1), seq(1))
  const [startedAt, reads] = [clock.monotonic(), calls.state]
  assert.deepEqual(await log.append('t', messages(2), seq(2)), { first: 3, last: 3 })
  assert.deepEqual([clock.monotonic() - startedAt, calls.state - reads], [0, 1], 'at once')

  await other.append('t', messages(3), seq(3))
  const waiting = log.append('t', messages(5), seq(5))
  await clock.sleep(500)
  await other.append('t', messages(4), seq(4))
  assert.deepEqual(await waiting, { first: 6, last: 6 }, 'after it has waited')
})

test('a gap that has become old is told as it is now', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(0), seq(0))
  await other.append('t', messages(1), seq(1))
  assert.deepEqual(await refusal(log.append('t', messages(5), seq(5))), { code: 'producer_gap', expected_seq: 2, written: 'no' })
})

test('a higher epoch fences the producer\'s older ones', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(0), seq(0))
  assert.deepEqual(await other.append('t', messages(10), seq(0, { epoch: 3 })), { first: 2, last: 2 })
  const fenced = { code: 'producer_fenced', epoch: 3, written: 'no' }
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), fenced, 'the next one')
  assert.deepEqual(await refusal(log.append('t', messages(0), seq(0))), fenced, 'a repeat')
  assert.deepEqual(await refusal(log.append('t', messages(9), seq(0, { epoch: 2 }))), fenced, 'an epoch in between')
  assert.deepEqual(await log.append('t', messages(11), seq(1, { epoch: 3 })), { first: 3, last: 3 })
  assert.deepEqual(await stored(log), ['1 0', '2 10', '3 11'])
})

test('a repeat of an older epoch is told that it is fenced by a process that has not heard of the new one', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(0), seq(0))
  await other.append('t', messages(10), seq(0, { epoch: 1 }))
  assert.deepEqual(await refusal(log.append('t', messages(0), seq(0))), { code: 'producer_fenced', epoch: 1, written: 'no' })
})

test('an epoch begins with seq 0, and the newest seqs of the older one are not its repeats', async (t) => {
  const { log } = testLog(t)
  for (let n = 0; n < 3; n++) await log.append('t', messages(n), seq(n))
  const epoch = 1
  assert.deepEqual(await refusal(log.append('t', messages(3), seq(3, { epoch }))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  assert.deepEqual(await log.append('t', messages(0), seq(0, { epoch })), { first: 4, last: 4 })
  assert.deepEqual(await log.append('t', messages(0), seq(0, { epoch })), { first: 4, last: 4, duplicate: true })
  assert.deepEqual(await log.append('t', messages(1), seq(1, { epoch })), { first: 5, last: 5 })
})

test('appends of two epochs that leave together are in their order, and the older epoch ends', async (t) => {
  const { log } = testLog(t)
  const answers = [
    log.append('t', messages(0), seq(0)), log.append('t', messages(10), seq(0, { epoch: 1 })), log.append('t', messages(1), seq(1))
  ]
  assert.deepEqual(await answers[0], { first: 1, last: 1 })
  assert.deepEqual(await answers[1], { first: 2, last: 2 })
  assert.deepEqual(await refusal(answers[2]!), { code: 'producer_fenced', epoch: 1, written: 'no' })
})

test('two copies that come at once are stored once', async (t) => {
  const { log, other, segments } = testLog(t)
  const copies = await Promise.all([log, log, log].map((process) => process.append('t', messages(1, 2), seq(0))))
  assert.deepEqual(copies, [{ first: 1, last: 2 }, { first: 1, last: 2, duplicate: true }, { first: 1, last: 2, duplicate: true }])
  const others = await Promise.all([log, other].map((process) => process.append('t', messages(3), seq(1))))
  assert.deepEqual(others.map(({ first, last }) => [first, last]), [[3, 3], [3, 3]])
  assert.equal(others.filter(({ duplicate }) => duplicate).length, 1)
  assert.deepEqual(await lastOffsets(segments), [2, 3])
})

test('a repeat with other messages is refused, by whichever process', async (t) => {
  const { log, other } = testLog(t)
  const message = { payload: '{"a": 1}', key: 'k', headers: '{"h":"1"}' }
  await log.append('t', [{ payload: '0' }, message], seq(0))
  await log.append('t', messages(2), seq(1))
  const conflict = { code: 'idempotency_conflict', offset: 1, written: 'no' }
  for (const again of [log, other]) {
    for (const changed of [{ payload: '{"a": 2}' }, { key: 'l' }, { headers: '{"h":"2"}' }, { key: undefined }, { headers: undefined }]) {
      assert.deepEqual(await refusal(again.append('t', [{ payload: '0' }, { ...message, ...changed }], seq(0))), conflict)
    }
    assert.deepEqual(await refusal(again.append('t', messages(0), seq(0))), conflict, 'fewer messages')
    assert.deepEqual(await refusal(again.append('t', messages(2, 3), seq(1))), { ...conflict, offset: 3 }, 'more messages')
    assert.equal((await again.append('t', [{ payload: '0' }, message], seq(0))).duplicate, true)
  }
  assert.equal((await stored(log)).length, 3)
})

test('a repeat of what was trimmed is answered from the record', async (t) => {
  const { log, other, clock, segments } = testLog(t)
  for (let n = 0; n < 3; n++) await log.append('t', [{ payload: `"${'x'.repeat(100)}${n}"` }], seq(n))
  await clock.sleep(10_000)
  assert.equal(await other.trim('t', 3), 3)
  assert.deepEqual(await lastOffsets(segments), [3])
  for (const again of [log, other]) {
    assert.deepEqual(await again.append('t', [{ payload: `"${'x'.repeat(100)}1"` }], seq(1)), { first: 2, last: 2, duplicate: true })
    assert.deepEqual(await again.append('t', messages(7), seq(0)), { first: 1, last: 1, duplicate: true }, 'it can\'t be compared any more')
    assert.deepEqual(await refusal(again.append('t', messages(7), seq(2))), { code: 'idempotency_conflict', offset: 3, written: 'no' })
  }
})
