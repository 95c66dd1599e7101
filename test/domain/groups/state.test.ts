import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinRuns, offsetsOf, partRuns } from '../../../src/domain/groups/runs.ts'
import { Unsettled, withCommitted } from '../../../src/domain/groups/state.ts'
import { group, lease, run } from '../../support/groups.ts'

test('committed moves up to the lowest pending offset, wherever that is', () => {
  assert.equal(withCommitted(group(9)).committed, 9)
  assert.equal(withCommitted(group(9, { leases: [lease(1, [run(7)])] })).committed, 7)
  assert.equal(withCommitted(group(9, { retry: [{ ...run(3, 2), notBefore: 0 }] })).committed, 3)
  assert.equal(withCommitted(group(9, { lanes: [{ bucket: 1, from: 4 }] })).committed, 4)
  assert.equal(withCommitted(group(9, { dead: [{ runs: [run(5)], reason: 'rejected' }] })).committed, 5)
})

test('committed does not fall by what is pending below it', () => {
  const redriven = group(9, { committed: 6, retry: [{ ...run(3, 2), notBefore: 0 }] })
  assert.equal(withCommitted(redriven).committed, 9)
  // A run that joins a redriven message with one that is not.
  assert.equal(withCommitted(group(9, { committed: 6, retry: [{ ...run(3, 5), notBefore: 0 }] })).committed, 6)
  const same = group(9, { committed: 9 })
  assert.equal(withCommitted(same), same)
})

test('what is not settled is found by offset, and between two offsets', () => {
  fc.assert(fc.property(
    fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), fc.integer({ min: 1, max: 45 }), fc.integer({ min: 1, max: 45 }),
    fc.integer({ min: 1, max: 10 }), (pending, next, first, limit) => {
      const below = pending.filter((offset) => offset < next).sort((a, b) => a - b)
      const unsettled = new Unsettled(group(next, { leases: [lease(1, joinRuns(below.map((offset) => run(offset))))] }), 1)
      const expected = Array.from({ length: 50 }, (_, i) => i + 1).filter((offset) => offset >= next || below.includes(offset))
      assert.deepEqual(unsettled.of(Array.from({ length: 50 }, (_, i) => i + 1)), expected)
      assert.deepEqual(unsettled.between(first, 50, limit), expected.filter((offset) => offset >= first).slice(0, limit))
    }))
})

test('runs are parted and joined without losing a message', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 30 }), fc.func(fc.boolean()), (offsets, wanted) => {
    const runs = joinRuns(offsets.map((offset) => run(offset, 1, { bucket: offset > 20 ? 1 : 2 })))
    assert.deepEqual([...offsetsOf(runs)], [...offsets].sort((a, b) => a - b))
    const { taken, rest } = partRuns(runs, (offset) => wanted(offset))
    assert.deepEqual([...offsetsOf(joinRuns([...taken, ...rest]))], [...offsetsOf(runs)])
    assert.ok([...offsetsOf(taken)].every((offset) => wanted(offset)))
  }))
})

test('runs are joined only if they are alike', () => {
  assert.deepEqual(joinRuns([run(3), run(1, 2)]), [run(1, 3)])
  for (const other of [run(3, 1, { attempt: 2 }), run(3, 1, { expired: true }), run(3, 1, { bucket: 1 }), { ...run(3), notBefore: 1 }]) {
    assert.equal(joinRuns([run(1, 2), other]).length, 2)
  }
  assert.equal(joinRuns([run(1), run(3)]).length, 2)
})
