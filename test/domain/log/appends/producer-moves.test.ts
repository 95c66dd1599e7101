import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordStore } from '../../../../src/ports/record-store.ts'
import type { TopicStore } from '../../../../src/ports/topic-store.ts'
import { diesBeforePut, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { failing } from '../../../support/storage/faults.ts'
import { testLog } from '../../../support/test-log.ts'

/** Two records in the item, and one that comes in pushes the oldest one out. */
const small = { limits: { inlineRecordsMax: 2 } }

const gap = (seq: number): object => ({ code: 'producer_gap', expected_seq: seq, written: 'no' })

/** The records inside the item, and how many have ever left it. */
async function inside (topics: TopicStore): Promise<[ids: string, moves: number]> {
  const { producers, moves } = (await topics.read('t'))!
  return [[...producers.keys()].sort().join(''), moves]
}

async function versionOutside (records: RecordStore, id: string): Promise<number | undefined> {
  return (await records.read({ kind: 'producer', topic: 't', id }))?.last
}

test('the producer that has not appended for longest moves out, and comes back as it was', async (t) => {
  const { log, other, start, topics, records } = testLog(t, small)
  for (const [id, n] of [['a', 0], ['b', 0], ['a', 1], ['c', 0]] as const) await log.append('t', messages(1, 2), seq(n, { id }))
  assert.deepEqual([await inside(topics), await versionOutside(records, 'b')], [['ac', 1], 4])
  const first = { first: 3, last: 4, duplicate: true }
  for (const process of [log, other, start().log]) {
    assert.deepEqual(await process.append('t', messages(1, 2), seq(0, { id: 'b' })), first)
    assert.deepEqual(await refusal(process.append('t', messages(1), seq(5, { id: 'b' }))), gap(1))
  }
  assert.deepEqual(await inside(topics), ['ac', 1], 'a repeat brings nothing back')

  assert.deepEqual(await log.append('t', messages(3), seq(1, { id: 'b' })), { first: 9, last: 9 })
  assert.deepEqual([await inside(topics), await versionOutside(records, 'a')], [['bc', 2], 6])
  assert.deepEqual(await other.append('t', messages(4), seq(2, { id: 'b' })), { first: 10, last: 10 })
  assert.deepEqual(await start().log.append('t', messages(1, 2), seq(0, { id: 'b' })), first)
})

test('what is inside is the truth, and an old copy outside does not count', async (t) => {
  const { log, other, start, topics, records } = testLog(t, small)
  const append = (process: typeof log, id: string, n: number) => process.append('t', messages(n), seq(n, { id }))
  for (const id of ['a', 'b', 'c']) await append(log, id, 0)
  await append(log, 'a', 1)
  assert.deepEqual([await inside(topics), await versionOutside(records, 'a')], [['ac', 2], 1], 'back, and its old copy outside')
  for (const process of [other, start().log]) assert.deepEqual(await append(process, 'a', 1), { first: 4, last: 4, duplicate: true })
  assert.deepEqual(await append(log, 'a', 2), { first: 5, last: 5 })
  for (const id of ['d', 'e']) await append(log, id, 0)
  assert.deepEqual([await inside(topics), await versionOutside(records, 'a')], [['de', 4], 5], 'out again, with a newer one')
  for (const process of [log, other, start().log]) {
    assert.deepEqual(await append(process, 'a', 2), { first: 5, last: 5, duplicate: true })
    assert.deepEqual(await refusal(append(process, 'a', 4)), gap(3))
  }
})

test('a record that was read outside is not believed after it came back, grew and left again', async (t) => {
  const { log, other, topics, faults } = testLog(t, small)
  const append = (process: typeof log, id: string, n: number) => process.append('t', messages(n), seq(n, { id }))
  for (const id of ['a', 'b', 'c']) await append(log, id, 0)
  assert.deepEqual(await append(log, 'a', 0), { first: 1, last: 1, duplicate: true }, 'read outside')
  // Before the next update of this process.
  faults.topics.reserve = async (call) => {
    delete faults.topics.reserve
    await append(other, 'a', 1)
    for (const id of ['d', 'e']) await append(other, id, 0)
    return call()
  }
  assert.deepEqual(await append(log, 'a', 1), { first: 4, last: 4, duplicate: true })
  assert.deepEqual((await inside(topics))[0], 'de')
  assert.equal((await stored(log)).length, 6)
})

test('beyond INLINE_BYTES only producers that are idle move out, no more than come in', async (t) => {
  const { log, clock, topics } = testLog(t, { limits: { inlineRecordsBytes: 100, producerIdleMs: 60_000 } })
  for (const id of ['a', 'b', 'c', 'd']) {
    await log.append('t', messages(1), seq(0, { id }))
    await clock.sleep(10_000)
  }
  assert.deepEqual(await inside(topics), ['abcd', 0], 'none of them is idle')
  await clock.sleep(32_000)
  await log.append('t', messages(2), seq(1, { id: 'd' }))
  assert.deepEqual(await inside(topics), ['abcd', 0], 'nobody comes in')
  await log.append('t', messages(1), seq(0, { id: 'e' }))
  assert.deepEqual(await inside(topics), ['bcde', 1])
  await clock.sleep(60_000)
  await Promise.all(['f', 'g'].map((id) => log.append('t', messages(1), seq(0, { id }))))
  assert.deepEqual(await inside(topics), ['defg', 3])
})

test('a producer whose range is open stays until that is resolved', async (t) => {
  const { log, start, clock, topics, records } = testLog(t, small)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1), seq(0, { id: 'a' })))
  await clock.sleep(100)
  for (const id of ['b', 'c']) await log.append('t', messages(1), seq(0, { id }))
  assert.deepEqual(await inside(topics), ['abc', 0])
  await clock.sleep(10_000)
  await log.append('t', messages(1), seq(0, { id: 'd' }))
  assert.deepEqual(await inside(topics), ['cd', 2])
  assert.equal(await versionOutside(records, 'a'), 1)
  // Its range was void.
  assert.deepEqual(await start().log.append('t', messages(1), seq(0, { id: 'a' })), { first: 5, last: 5 })
  await lost
})

test('a record that can\'t be put outside makes the item larger, and nothing else', async (t) => {
  const { log, faults, topics } = testLog(t, small)
  faults.records.replace = failing('full', 'none')
  for (const id of ['a', 'b', 'c']) assert.equal((await log.append('t', messages(1), seq(0, { id }))).duplicate, undefined)
  assert.deepEqual(await inside(topics), ['abc', 0])
  delete faults.records.replace
  await log.append('t', messages(1), seq(0, { id: 'd' }))
  assert.deepEqual(await inside(topics), ['cd', 2])
})

test('one that appends while it is moved out stays, and what was put outside does not count', async (t) => {
  const { log, other, start, faults, topics } = testLog(t, small)
  for (const id of ['a', 'b']) await log.append('t', messages(0), seq(0, { id }))
  faults.records.replace = async (call) => {
    delete faults.records.replace
    await other.append('t', messages(1), seq(1, { id: 'a' }))
    return call()
  }
  assert.deepEqual(await log.append('t', messages(0), seq(0, { id: 'c' })), { first: 4, last: 4 })
  assert.deepEqual(await inside(topics), ['ac', 1])
  for (const process of [log, start().log]) {
    assert.deepEqual(await process.append('t', messages(1), seq(1, { id: 'a' })), { first: 3, last: 3, duplicate: true })
  }
})

test('a producer whose record was removed outside begins with seq 0', async (t) => {
  const { log, start, clock, records, deps } = testLog(t, small)
  for (const id of ['a', 'b', 'c']) await log.append('t', messages(0), seq(0, { id }))
  const { producerTtlMs } = deps.limits!
  assert.equal(await records.removeExpired(clock.wall() + producerTtlMs - 1, 10), 0)
  assert.equal(await records.removeExpired(clock.wall() + producerTtlMs, 10), 1)
  const { log: later } = start()
  assert.deepEqual(await refusal(later.append('t', messages(1), seq(57, { id: 'a' }))), gap(0))
  assert.deepEqual(await later.append('t', messages(0), seq(0, { id: 'a' })), { first: 4, last: 4 })
})

test('the deletion of a topic ends the records outside, too', async (t) => {
  const { log, other, start, topics, records } = testLog(t, small)
  for (const id of ['a', 'b', 'c']) await log.append('t', messages(0), seq(0, { id }))
  await other.deleteTopic('t')
  assert.equal(await versionOutside(records, 'a'), 1, 'nobody looks for it')
  assert.deepEqual((await topics.read('t'))!.moves, 1, 'but how many have left stays')
  assert.deepEqual(await refusal(log.append('t', messages(1), seq(1, { id: 'a' }))), gap(0))
  assert.deepEqual(await start().log.append('t', messages(0), seq(0, { id: 'a' })), { first: 4, last: 4 })
  assert.deepEqual(await log.append('t', messages(1), seq(1, { id: 'a' })), { first: 5, last: 5 })
})
