import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeProducer, encodeProducer, PRODUCER_WINDOW, resolveProducer, type ProducerRecord
} from '../../../src/domain/producers/record.ts'

const record: ProducerRecord = {
  epoch: 2,
  base: 6,
  timeS: 1_764_400_000,
  writer: '0123456789abcdef01234567',
  count: 9,
  standing: [{ first: 11, last: 13 }, { first: 20, last: 20 }],
  riding: [{ back: 4, count: 2 }, { back: 0, count: 4 }]
}

test('a record is read as it was written', () => {
  for (const other of [record, { ...record, standing: [], riding: [] }, { ...record, base: -1, epoch: Number.MAX_SAFE_INTEGER }]) {
    assert.deepEqual(decodeProducer({ last: 40, text: encodeProducer(other) }), other)
  }
})

test('a record takes about 70 bytes', () => {
  const usual = { ...record, riding: [{ back: 0, count: 1 }] }
  assert.ok(encodeProducer(usual).length <= 80, encodeProducer(usual))
})

test('a range that stands gives its seqs the offsets that they were told by their distance from its end', () => {
  assert.deepEqual(resolveProducer(record, 40, 'stands'), {
    ...record,
    base: 8,
    standing: [{ first: 11, last: 13 }, { first: 20, last: 20 }, { first: 35, last: 36 }, { first: 37, last: 40 }],
    riding: []
  })
})

test('of the seqs that stand, the newest are kept', () => {
  let grown: ProducerRecord = { ...record, base: -1, standing: [], riding: [] }
  for (let seq = 0; seq < 8; seq++) grown = resolveProducer({ ...grown, riding: [{ back: 0, count: 1 }] }, 100 + seq, 'stands')
  assert.equal(grown.base, 7)
  assert.deepEqual(grown.standing, [103, 104, 105, 106, 107].map((offset) => ({ first: offset, last: offset })))
  assert.equal(grown.standing.length, PRODUCER_WINDOW)
})

test('a void range leaves nothing, and a lost one its seqs without their offsets', () => {
  assert.deepEqual(resolveProducer(record, 40, 'void'), { ...record, riding: [] })
  assert.deepEqual(resolveProducer(record, 40, 'lost'), { ...record, base: 8, standing: [], riding: [] })
})

test('a record without an open range is resolved already', () => {
  const resolved = { ...record, riding: [] }
  for (const outcome of ['stands', 'void', 'lost'] as const) assert.equal(resolveProducer(resolved, 40, outcome), resolved)
})
