import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Room } from '../../../src/domain/copy/room.ts'
import { decodeState, encodeState } from '../../../src/domain/groups/codec.ts'
import { decodeGroupConfig, encodeGroupConfig } from '../../../src/domain/groups/config.ts'
import { lettersOfCopy, letterProducerOf } from '../../../src/domain/groups/groups.ts'
import type { GroupState } from '../../../src/domain/groups/state.ts'
import { encodeClosing, encodeOrder, decodeOrder } from '../../../src/domain/log/facts.ts'
import { settled } from '../../../src/domain/log/log.ts'
import { cutProducer, decodeProducer, encodeProducer, type ProducerRecord } from '../../../src/domain/producers/record.ts'
import { encodeSeal } from '../../../src/domain/segments/segment.ts'
import type { GroupItem } from '../../../src/ports/group-store.ts'
import type { SegmentObject } from '../../../src/ports/segment-store.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { config, group, run } from '../../support/groups.ts'

const record = (base: number, standing: ProducerRecord['standing'], riding: ProducerRecord['riding'] = []): ProducerRecord => (
  { epoch: 1, base, timeS: 1_000, writer: 'w', count: 1, standing, riding })
const at = (...offsets: number[]): ProducerRecord['standing'] => offsets.map((offset) => ({ first: offset, last: offset }))

test('a producer that has gone on is cut to what is there', () => {
  assert.deepEqual(cutProducer(record(9, at(10, 12, 14, 16, 18)), 15), record(7, at(10, 12, 14)))
  assert.deepEqual(cutProducer(record(9, at(10, 12)), 15), record(9, at(10, 12)))
  // Seqs up to 4 may be there or not: a record without offsets refuses them.
  assert.deepEqual(cutProducer(record(9, at(20, 22, 24, 26, 28)), 15), record(4, []))
  assert.deepEqual(cutProducer(record(0, at(20)), 15), record(-1, []))
})

const randomHex = (bytes: number): string => 'f'.repeat(2 * bytes)
const batch = (first: number) => ({ runs: [run(first)], reason: 'rejected' as const, detail: undefined })

function itemOf (parts: Partial<GroupState>): GroupItem {
  const text = encodeGroupConfig({ ...config, deadLetterProducer: 'aa' })
  return { gen: '0'.repeat(32), rev: 4, by: 'x', config: text, state: encodeState(group(9, { committed: 2, ...parts })) }
}

test('a group whose dead letters are all its own stays as it is', () => {
  const item = itemOf({ dead: [batch(2), batch(5)], deadSeq: 7 })
  assert.deepEqual(letterProducerOf(item), { kind: 'producer', topic: 't.dlq', id: 'aa' })
  // The newest seq that is written: of batch 5, of batch 6, which the group does not know, of batch 7.
  for (const base of [4, 5, 6]) assert.equal(lettersOfCopy(item, record(base, at(3)), randomHex), undefined, `${base}`)
  assert.equal(lettersOfCopy(itemOf({}), undefined, randomHex), undefined)
  assert.equal(lettersOfCopy(item, record(4, []), randomHex), undefined)
})

test('a group whose dead-letter topic is ahead counts anew, without the batches that are there', () => {
  const copied = lettersOfCopy(itemOf({ dead: [batch(2), batch(5)], deadSeq: 7 }), record(7, at(3)), randomHex)!
  const { dead, deadSeq, committed } = decodeState(copied.state)
  assert.deepEqual([dead, deadSeq, committed, copied.rev, decodeGroupConfig(copied.config).deadLetterProducer],
    [[], 0, 9, 5, 'f'.repeat(32)])
})

test('if it is not known which letters are there, the group sends all of them again', () => {
  for (const base of [5, 6, 7]) {
    const copied = lettersOfCopy(itemOf({ dead: [batch(2), batch(5)], deadSeq: 7 }), record(base, []), randomHex)!
    const { dead, deadSeq, committed } = decodeState(copied.state)
    assert.deepEqual([dead.map(({ runs }) => runs[0]!.first), deadSeq, committed], [[2, 5], 2, 2])
  }
})

const NOW_S = 1_000_000
const day = 24 * 3_600

/** An item with facts on the ranges that end at 5 (a producer), 7 (order) and 9 (closing). */
function openItem (ageS: number): TopicItem {
  const range = { count: 1, writer: 'w', timeS: NOW_S - ageS }
  const riding = [{ back: 0, count: 1 }]
  return {
    currentOffset: 9,
    earliest: 1,
    moves: 0,
    producers: new Map([['p', { last: 5, text: encodeProducer({ ...record(3, at(2), riding), timeS: range.timeS }) }]]),
    order: { last: 7, text: encodeOrder({ before: 'a', value: 'b', range }) },
    closing: { last: 9, text: encodeClosing(range) }
  }
}

test('facts are resolved by what was copied, since nobody is left who could put their segments', async () => {
  const own: SegmentObject = { body: Buffer.from('{}'), contentType: 'application/json', metadata: { writer: 'w', crc32: '0' } }
  const outcome = async (ageS: number, object: SegmentObject | undefined): Promise<unknown[]> => {
    const { producers, order, closing, closed } = await settled(openItem(ageS), () => Promise.resolve(object), NOW_S * 1_000)
    const { base, standing, riding } = decodeProducer(producers.get('p')!)
    return [base, standing.at(-1)?.last, riding.length, decodeOrder(order!.text).value, closing, closed]
  }
  assert.deepEqual(await outcome(10, own), [4, 5, 0, 'b', undefined, 9])
  assert.deepEqual(await outcome(10, undefined), [3, 2, 0, 'a', undefined, undefined])
  assert.deepEqual(await outcome(10, encodeSeal(5, 5, 'range')), [3, 2, 0, 'a', undefined, undefined])
  // As log §6.3, 5: nothing is said of them.
  assert.deepEqual(await outcome(2 * day, undefined), [4, undefined, 0, 'b', undefined, 9])
  assert.deepEqual(await outcome(10, { ...own, metadata: { writer: 'other' } }), [4, undefined, 0, 'b', undefined, 9])
})

test('no more is in flight than there is room for, and what is larger than the room goes alone', async () => {
  const room = new Room(3, 100)
  const entered: string[] = []
  const enter = (name: string, bytes: number): void => { room.enter(bytes).then(() => entered.push(name), assert.fail) }
  for (const [name, bytes] of [['a', 40], ['b', 40], ['c', 40], ['d', 1], ['huge', 1_000], ['e', 1]] as const) enter(name, bytes)
  await setImmediate()
  assert.deepEqual(entered, ['a', 'b'])
  room.leave(40)
  await setImmediate()
  assert.deepEqual(entered, ['a', 'b', 'c', 'd'])
  for (const bytes of [40, 40]) room.leave(bytes)
  await setImmediate()
  assert.deepEqual(entered.length, 4)
  room.leave(1)
  await setImmediate()
  assert.deepEqual(entered.at(-1), 'huge')
  room.leave(1_000)
  await setImmediate()
  assert.deepEqual(entered.at(-1), 'e')
})
