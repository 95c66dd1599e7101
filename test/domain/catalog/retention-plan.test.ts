import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeNote, encodeNote, nothingCounted, planListing, planTrim, type SweepNote
} from '../../../src/domain/catalog/retention-plan.ts'

const entry = (lastOffset: number, size: number, lastModified: number) => ({ lastOffset, size, lastModified })

test('segments that are too old go, with all that are older', () => {
  const oldest = [entry(1, 10, 100), entry(2, 10, 200), entry(3, 10, 300), entry(4, 10, 150)]
  for (const [now, count] of [[150, 0], [151, 1], [251, 2], [350, 2], [351, 4]] as const) {
    assert.equal(planTrim(oldest, { retentionMs: 50 }, 0, now), count, `at ${now}`)
  }
})

test('by size, segments go as long as enough remains, and the newest one stays', () => {
  const oldest = [entry(1, 10, 0), entry(2, 20, 0), entry(3, 30, 0)]
  for (const [retentionBytes, count] of [[0, 2], [1, 2], [30, 2], [31, 1], [50, 1], [51, 0], [60, 0], [1_000, 0]] as const) {
    assert.equal(planTrim(oldest, { retentionBytes }, 60, 0), count, `${retentionBytes} bytes`)
  }
  assert.equal(planTrim(oldest, { retentionBytes: 30 }, 1_000, 0), 3, 'with newer ones that are not listed')
})

test('without a bound nothing goes', () => {
  assert.equal(planTrim([entry(1, 10, 0)], {}, 1_000, 1_000_000), 0)
  assert.equal(planTrim([], { retentionMs: 1, retentionBytes: 1 }, 0, 1_000_000), 0)
})

test('either bound is enough for a segment to go', () => {
  const oldest = [entry(1, 10, 0), entry(2, 10, 1_000), entry(3, 10, 0), entry(4, 10, 1_000)]
  assert.equal(planTrim(oldest, { retentionMs: 500, retentionBytes: 20 }, 40, 1_000), 3)
})

const day = 86_400_000
const note: SweepNote = {
  earliest: 5, againAtMs: null, oldest: { storedAtMs: 1_000, bytes: 10 }, size: { to: 9, bytes: 40, exact: true, end: 9, endSeenMs: 2_000 }
}

test('a topic without retention that was never trimmed is not listed', () => {
  const plan = planListing({ earliest: 1, currentOffset: 10 }, {}, undefined)
  assert.deepEqual(plan, { belowAtMs: Infinity, oldestAtMs: Infinity, size: undefined })
})

test('what is not known is found out at once', () => {
  assert.deepEqual(planListing({ earliest: 5, currentOffset: 10 }, { retentionMs: day, retentionBytes: 7 }, undefined), {
    belowAtMs: -Infinity, oldestAtMs: -Infinity, size: nothingCounted(5)
  })
})

test('what is known is not found out again', () => {
  const topic = { earliest: 5, currentOffset: 9 }
  const plan = planListing(topic, { retentionMs: day, retentionBytes: 7 }, note)
  assert.deepEqual(plan, { belowAtMs: Infinity, oldestAtMs: 1_000 + day, size: note.size })
  assert.equal(planListing(topic, {}, { ...note, againAtMs: 77 }).belowAtMs, 77)
  assert.equal(planListing(topic, {}, { ...note, againAtMs: 0 }).belowAtMs, -Infinity)
})

test('after a trim by others the size may be too high, and segments may be left below', () => {
  const plan = planListing({ earliest: 7, currentOffset: 9 }, { retentionMs: day, retentionBytes: 7 }, note)
  assert.deepEqual(plan, { belowAtMs: -Infinity, oldestAtMs: 1_000 + day, size: { ...note.size, exact: false } })
  assert.deepEqual(planListing({ earliest: 12, currentOffset: 20 }, { retentionBytes: 7 }, note).size, { ...note.size, to: 11, bytes: 0 })
})

test('an empty topic has nothing that may go', () => {
  const plan = planListing({ earliest: 10, currentOffset: 9 }, { retentionMs: 1, retentionBytes: 1 }, { ...note, earliest: 10 })
  assert.deepEqual(plan, { belowAtMs: Infinity, oldestAtMs: Infinity, size: undefined })
})

test('a note comes back as it was stored, and any other text is no note', () => {
  const plain = { noNullPrototype: true } as const
  const number = fc.integer({ min: 0 })
  const size = fc.record({ to: number, bytes: number, exact: fc.boolean(), end: number, endSeenMs: number }, plain)
  const notes = fc.record({
    earliest: number,
    againAtMs: fc.option(number),
    oldest: fc.option(fc.record({ storedAtMs: number, bytes: number }, plain), { nil: undefined }),
    size: fc.option(size, { nil: undefined })
  }, plain)
  fc.assert(fc.property(notes, (note) => {
    assert.deepEqual(decodeNote(encodeNote(note)), note)
    assert.ok(encodeNote(note).length < 250)
  }))
  const others = [
    undefined, '', '{}', 'null', '[]', '{"earliest":"1"}', '{"earliest":1,"again":null,"oldest":[1]}', '{"earliest":1,"size":7}'
  ]
  for (const text of others) {
    assert.equal(decodeNote(text), undefined, text)
  }
})
