import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import type { TopicItem } from '../../../../src/ports/topic-store.ts'
import { diesBeforePut, kindAt, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { reserve } from '../../../support/storage/reserve.ts'
import { testLog, type TestProcess } from '../../../support/test-log.ts'

const close = true

test('a deletion ends all facts: what is repeated after it belongs to the new life', async (t) => {
  const { log, other, start, topics } = testLog(t)
  await log.append('t', messages(0), { ...seq(0), order: 'z' })
  await log.append('t', messages(1), seq(1, { epoch: 0 }))
  await log.append('t', messages(2), { ...seq(0, { id: 'q', epoch: 7 }), close })
  assert.equal(await other.deleteTopic('t'), true)
  const { closed, closing, order, producers } = (await topics.read('t'))!
  assert.deepEqual([closed, closing, order, producers.size], [undefined, undefined, undefined, 0])

  assert.deepEqual(await refusal(log.append('t', messages(2), seq(2))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  assert.deepEqual(await log.append('t', messages(0), { ...seq(0), order: 'a' }), { first: 4, last: 4 })
  assert.deepEqual(await start().log.append('t', messages(1), seq(1)), { first: 5, last: 5 })
  assert.deepEqual(await log.append('t', messages(2), seq(0, { id: 'q', epoch: 1 })), { first: 6, last: 6 })
  assert.deepEqual(await stored(log), ['4 0', '5 1', '6 2'])
})

test('a repeat is not told what stood in a life that others have ended', async (t) => {
  const { log, other, start } = testLog(t)
  for (const n of [0, 1]) await log.append('t', messages(n), seq(n))
  await other.deleteTopic('t')
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  for (const n of [0, 1]) await other.append('t', messages(n), seq(n))
  await log.append('t', messages(2), seq(2))
  await other.deleteTopic('t')
  for (const n of [0, 1]) await other.append('t', messages(n), seq(n))
  for (const process of [log, start().log]) {
    assert.deepEqual(await process.append('t', messages(1), seq(1)), { first: 7, last: 7, duplicate: true })
  }
})

test('a topic that was closed is open after its deletion, and a process that believes it closed finds out', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1), { close })
  assert.equal((await refusal(log.append('t', messages(9))))['code'], 'topic_closed')
  await other.deleteTopic('t')
  assert.deepEqual(await log.append('t', messages(2)), { first: 2, last: 2 })
})

/** The process sees the item as an older version would have left it. */
function seesItem ({ faults, log }: TestProcess, change: (item: TopicItem) => TopicItem): typeof log {
  const changed = <Answer extends TopicItem | { readonly item: TopicItem | undefined } | undefined>(answer: Answer): Answer => {
    if (answer === undefined) return answer
    if (!('kind' in answer)) return change(answer as TopicItem) as Answer
    const { item } = answer as { readonly item: TopicItem | undefined }
    return { ...answer, item: item && change(item) }
  }
  faults.topics.read = async (call) => changed(await call())
  faults.topics.reserve = async (call) => changed(await call())
  return log
}

test('a deletion by an older version, which leaves the facts in the item, ends them, too', async (t) => {
  const { log, start, clock } = testLog(t)
  for (const n of [0, 1]) await log.append('t', messages(n), seq(n))
  await log.append('t', messages(2), { close, order: 'z' })
  await clock.sleep(1)
  const old = (item: TopicItem): TopicItem => ({ ...item, deletedAtOffset: 3 })
  const later = seesItem(start(), old)
  assert.deepEqual(await refusal(later.append('t', messages(2), seq(2))), { code: 'producer_gap', expected_seq: 0, written: 'no' })
  assert.deepEqual(await later.append('t', messages(0), { ...seq(0), order: 'a' }), { first: 4, last: 4 })
  assert.deepEqual(await later.append('t', messages(1), seq(1)), { first: 5, last: 5 })
  assert.deepEqual(await seesItem(start(), old).append('t', messages(1), seq(1)), { first: 5, last: 5, duplicate: true })
})

test('items that only have current_offset are appended to under all conditions', async (t) => {
  const { log, other, clock, topics, start } = testLog(t)
  const foreign = ({ currentOffset, producers, moves, closed, closing, order }: TopicItem): TopicItem =>
    ({ currentOffset, earliest: 1, producers, moves, closed, closing, order })
  const process = seesItem(start(), foreign)
  await reserve(topics, 't', 3, { now: clock.wall() })
  assert.deepEqual(await process.append('t', messages(1), { ...seq(0), expectedOffset: 4 }), { first: 4, last: 4 })
  await reserve(topics, 't', 2, { now: clock.wall() })
  assert.deepEqual(await process.append('t', messages(1), seq(0)), { first: 4, last: 4, duplicate: true })
  assert.deepEqual(await refusal(process.append('t', messages(2), { ...seq(1), expectedOffset: 5 })), {
    code: 'offset_mismatch', end: 7, written: 'no'
  })
  assert.deepEqual(await process.append('t', messages(2), seq(1)), { first: 7, last: 7 })
  assert.deepEqual(await process.append('t', messages(3), { key: 'k' }), { first: 8, last: 8 })
  assert.deepEqual(await process.append('t', messages(3), { key: 'k' }), { first: 8, last: 8, duplicate: true })
  assert.deepEqual(await process.append('t', messages(4), { order: 'a' }), { first: 9, last: 9 })
  assert.deepEqual(await process.append('t', [], { close }), { first: 10, last: 9, closed: true })
  await clock.sleep(defaultLimits.holeGraceMs + 1)
  assert.deepEqual(await stored(other), ['4 1', '7 2', '8 3', '9 4'])
  assert.equal((await refusal(log.append('t', messages(9))))['code'], 'topic_closed')
})

test('where messages create no topics, each kind of append to one that is not there is refused', async (t) => {
  const { log, other, topics, clock } = testLog(t, { createsTopics: false })
  const notFound = { code: 'topic_not_found', written: 'no' }
  for (const conditions of [{}, seq(0), { key: 'k' }, { expectedOffset: 1 }, { close }, { order: 'a' }]) {
    assert.deepEqual(await refusal(log.append('t', messages(1), conditions)), notFound)
  }
  assert.equal(await topics.read('t'), undefined)
  await topics.configure('t', null, undefined, { now: clock.wall() })
  assert.deepEqual(await log.append('t', messages(1)), { first: 1, last: 1 })
  assert.deepEqual(await other.append('t', messages(2), seq(0)), { first: 2, last: 2 })
  assert.deepEqual(await other.append('t', messages(3), { key: 'k' }), { first: 3, last: 3 })
  await log.deleteTopic('t')
  for (const process of [log, other]) {
    for (const conditions of [{}, seq(0), { key: 'k' }]) {
      assert.deepEqual(await refusal(process.append('t', messages(3), conditions)), notFound)
    }
  }
  await topics.configure('t', null, await topics.read('t'), { now: clock.wall() })
  assert.deepEqual(await log.append('t', messages(2), seq(0)), { first: 5, last: 5 })
})

test('a trim stores what it found of facts below it, so that repeats and next seqs are right after it', async (t) => {
  const { log, start, clock, topics, segments } = testLog(t)
  const large = [{ payload: `"${'x'.repeat(100)}"` }]
  await log.append('t', large, seq(0, { id: 'stands' }))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', large, { ...seq(0, { id: 'void' }), close }))
  await clock.sleep(100)
  const { log: trimming } = start()
  assert.equal(await trimming.trim('t', 3), 3)
  assert.equal(await segments.get('t', 1), undefined)
  assert.equal(await kindAt(segments, 2), 'sealed 2 … 2', 'a young seal stays')
  const { closed, closing } = (await topics.read('t'))!
  assert.deepEqual([closed, closing], [undefined, undefined])

  const { log: later } = start()
  assert.deepEqual(await later.append('t', large, seq(0, { id: 'stands' })), { first: 1, last: 1, duplicate: true })
  assert.deepEqual(await later.append('t', large, seq(1, { id: 'stands' })), { first: 3, last: 3 })
  assert.deepEqual(await later.append('t', large, seq(0, { id: 'void' })), { first: 4, last: 4 })
  await lost
})

test('a trim that goes over a close stores that it stands', async (t) => {
  const { log, start, faults, topics } = testLog(t)
  faults.topics.markClosed = () => new Promise(() => {})
  await log.append('t', [{ payload: `"${'x'.repeat(100)}"` }], { close })
  assert.equal((await topics.read('t'))!.closing?.last, 1)
  assert.equal(await start().log.trim('t', 2), 2)
  assert.equal((await topics.read('t'))!.closed, 1)
  assert.deepEqual(await refusal(start().log.append('t', messages(9))), { code: 'topic_closed', end: 2, written: 'no' })
})

test('a range that is open below earliest is lost: the next seq is stored, and of the repeat nobody is told', async (t) => {
  const { log, start, topics, segments } = testLog(t)
  await log.append('t', messages(0), seq(0))
  // An older version trims without a look at facts.
  await topics.raiseEarliest('t', 2, {})
  await segments.remove('t', [1])
  const { log: later } = start()
  assert.deepEqual(await refusal(later.append('t', messages(0), seq(0))), { code: 'producer_seq_old', written: 'unknown' })
  assert.deepEqual(await later.append('t', messages(1), seq(1)), { first: 2, last: 2 })
  assert.deepEqual(await later.append('t', messages(1), seq(1)), { first: 2, last: 2, duplicate: true })
})

test('a range that is empty and older than FACT_AGE_MAX is lost: a lifecycle rule may have removed what stood there', async (t) => {
  const { log, start, clock, faults, segments } = testLog(t)
  faults.topics.markClosed = () => new Promise(() => {})
  await log.append('t', messages(0), { ...seq(0), close })
  await segments.remove('t', [1])
  await clock.sleep(defaultLimits.factAgeMaxMs + 1_000)
  const { log: later } = start()
  assert.deepEqual(await refusal(later.append('t', messages(0), seq(0))), { code: 'producer_seq_old', written: 'unknown' })
  assert.deepEqual(await refusal(later.append('t', messages(9))), { code: 'topic_closed', end: 2, written: 'no' })
})
