import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogError } from '../../../src/domain/errors.ts'
import { ack, endExpired, extend, nack, type NackOptions } from '../../../src/domain/groups/settle.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { config, group, idOf, lease, life, now, nowMs, run } from '../../support/groups.ts'

const plain: NackOptions = { delayMs: 0, counted: true, reject: false }

function nackPart (
  state: Parameters<typeof nack>[0], part: Parameters<typeof nack>[3], options = plain, more: Partial<typeof config> = {}
): ReturnType<typeof nack> {
  return nack(state, { ...config, ...more }, life, part, options, now, defaultLimits)
}

function lost (offsets: readonly number[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LogError)
    assert.equal(error.code, 'lease_lost')
    assert.deepEqual(error.details, { offsets })
    return true
  }
}

test('an ack of all ends the lease, and moves the committed offset', () => {
  const one = lease(1, [run(1, 3)])
  const { state, answer } = ack(group(4, { leases: [one] }), life, { id: idOf(one) })
  assert.deepEqual(answer, { acked: 3, already: false })
  assert.deepEqual(state, group(4, { committed: 4 }))
})

test('an ack of some leaves the others, in as few runs as possible', () => {
  const one = lease(1, [run(1, 5)])
  const { state, answer } = ack(group(6, { leases: [one] }), life, { id: idOf(one), offsets: [2, 4] })
  assert.deepEqual(answer, { acked: 2, already: false })
  assert.deepEqual(state.leases[0]!.runs, [run(1), run(3), run(5)])
  assert.equal(state.committed, 1)
  const again = ack(state, life, { id: idOf(one), offsets: [2, 4] })
  assert.deepEqual(again, { state, answer: { acked: 0, already: true } })
  // What it no longer has may be somewhere else.
  const nacked = nackPart(state, { id: idOf(one), offsets: [3] })
  assert.deepEqual(ack(nacked.state, life, { id: idOf(one), offsets: [3] }).answer, { acked: 0, already: false })
})

test('an ack of a lost lease is fulfilled if everything asked for is settled', () => {
  const gone = lease(1, [run(2, 4)])
  const state = group(7, { leases: [lease(2, [run(4)])], committed: 4 })
  assert.deepEqual(ack(state, life, { id: idOf(gone), offsets: [2, 3, 5] }), { state, answer: { acked: 0, already: true } })
  assert.throws(() => ack(state, life, { id: idOf(gone) }), lost([4]))
  assert.throws(() => ack(state, life, { id: idOf(gone), offsets: [3, 4, 5] }), lost([4]))
  assert.throws(() => ack(state, life, { id: { ...idOf(gone), last: 9 } }), lost([4, 7, 8, 9]))
})

test('of another life of the group nothing is known, and nothing is changed', () => {
  const one = lease(1, [run(1)])
  assert.throws(() => ack(group(2, { leases: [one] }), 'ffffffff', { id: idOf(one) }), lost([]))
  assert.throws(() => ack(group(9), 'ffffffff', { id: idOf(one) }), lost([]))
  assert.throws(() => nack(group(2, { leases: [one] }), config, 'ffffffff', { id: idOf(one) }, plain, now, defaultLimits), lost([]))
  assert.throws(() => extend(group(2, { leases: [one] }), 'ffffffff', idOf(one), 1_000, now), lost([]))
})

test('both seq and tag must be those of the lease', () => {
  const one = lease(1, [run(1)])
  const state = group(2, { leases: [one] })
  assert.throws(() => ack(state, life, { id: { ...idOf(one), seq: 2 } }), lost([1]))
  assert.throws(() => ack(state, life, { id: { ...idOf(one), tag: 'e'.repeat(16) } }), lost([1]))
})

// What a lane covers was handed out before the seek, and will be again.
test('what a lane covers is settled for leases since the last seek only', () => {
  const state = group(9, { lanes: [{ bucket: 5, from: 3 }], soughtSeq: 4 })
  assert.deepEqual(ack(state, life, { id: idOf(lease(5, [run(1, 4)])) }).answer, { acked: 0, already: true })
  assert.throws(() => ack(state, life, { id: idOf(lease(4, [run(1, 4)])) }), lost([3, 4]))
})

test('lease_lost names no more than 1,000 offsets', () => {
  const state = group(1)
  assert.throws(() => ack(state, life, { id: { ...idOf(lease(1, [run(1)])), last: 2 ** 53 - 1 } }), (error: LogError) => {
    const { offsets } = error.details as { offsets: number[] }
    assert.deepEqual([offsets.length, offsets.at(-1)], [1_000, 1_000])
    return true
  })
})

test('nacked messages come again, at once or after a delay', () => {
  const one = lease(1, [run(1, 2), run(5, 2, { attempt: 2 })])
  const state = group(7, { leases: [one] })
  const all = nackPart(state, { id: idOf(one) })
  assert.deepEqual(all.answer, { nacked: 4, returned: [], dead: 0 })
  assert.deepEqual(all.state, group(7, { retry: [{ ...run(1, 2), notBefore: 0 }, { ...run(5, 2, { attempt: 2 }), notBefore: 0 }] }))
  const later = nackPart(state, { id: idOf(one), offsets: [5] }, { ...plain, delayMs: 100 })
  assert.deepEqual(later.state.retry, [{ ...run(5, 1, { attempt: 2 }), notBefore: now.high + 100 }])
  assert.deepEqual(later.state.leases, [lease(1, [run(1, 2), run(6, 1, { attempt: 2 })])])
})

test('an uncounted nack takes the attempt back, also that of a last one', () => {
  const one = lease(1, [run(1, 2, { attempt: 5, expired: true })])
  const { state, answer } = nackPart(group(3, { leases: [one] }), { id: idOf(one) }, { ...plain, counted: false })
  assert.deepEqual(answer, { nacked: 2, returned: [], dead: 0 })
  assert.deepEqual(state.retry, [{ ...run(1, 2, { attempt: 4, expired: true }), notBefore: 0 }])
})

test('with the last attempt, or when it is rejected, a message dies', () => {
  const one = lease(1, [run(1, 1, { attempt: 5 }), run(2, 1, { attempt: 4 })])
  const state = group(3, { leases: [one] })
  const counted = nackPart(state, { id: idOf(one) }, { ...plain, detail: 'why' })
  assert.deepEqual(counted.answer, { nacked: 2, returned: [], dead: 1 })
  assert.deepEqual(counted.state.dead, [{ runs: [run(1, 1, { attempt: 5 })], reason: 'max_attempts', detail: 'why' }])
  assert.equal(counted.state.deadSeq, 1)
  assert.deepEqual(counted.state.retry, [{ ...run(2, 1, { attempt: 4 }), notBefore: 0 }])
  const rejected = nackPart(state, { id: idOf(one), offsets: [2] }, { ...plain, reject: true })
  assert.deepEqual(rejected.answer, { nacked: 1, returned: [], dead: 1 })
  assert.deepEqual(rejected.state.dead, [{ runs: [run(2, 1, { attempt: 4 })], reason: 'rejected', detail: undefined }])
  const unlimited = nackPart(state, { id: idOf(one) }, plain, { maxAttempts: null })
  assert.equal(unlimited.answer.dead, 0)
})

test('a group keeps so many details, and leaves out further ones', () => {
  const one = lease(1, [run(1)])
  const dead = Array.from({ length: 64 }, (_, i) => ({ runs: [run(100 + i)], reason: 'rejected' as const, detail: 'x' }))
  const state = group(200, { leases: [one], dead, deadSeq: 64 })
  const rejected = nackPart(state, { id: idOf(one) }, { ...plain, reject: true, detail: 'one too many' })
  assert.deepEqual(rejected.state.dead.at(-1), { runs: [run(1)], reason: 'rejected', detail: undefined })
  assert.equal(rejected.state.deadSeq, 65)
})

test('with a message, the later ones of its key are returned, uncounted and at once', () => {
  const keyed = (first: number, bucket?: number) => run(first, 1, { attempt: 2, ...bucket === undefined ? {} : { bucket } })
  const one = lease(1, [keyed(1, 7), keyed(2, 8), keyed(3, 7), keyed(4), keyed(5, 7)])
  const state = group(6, { leases: [one] })
  const { state: after, answer } = nackPart(state, { id: idOf(one), offsets: [3] }, { ...plain, delayMs: 50 })
  assert.deepEqual(answer, { nacked: 1, returned: [5], dead: 0 })
  assert.deepEqual(after.leases[0]!.runs, [keyed(1, 7), keyed(2, 8), keyed(4)])
  assert.deepEqual(after.retry, [{ ...keyed(3, 7), notBefore: now.high + 50 }, { ...keyed(5, 7), attempt: 1, notBefore: 0 }])
  // Messages without a key are not in order with anybody.
  assert.deepEqual(nackPart(state, { id: idOf(one), offsets: [4] }).answer.returned, [])
  const rejected = nackPart(state, { id: idOf(one), offsets: [1] }, { ...plain, reject: true })
  assert.deepEqual(rejected.answer, { nacked: 1, returned: [3, 5], dead: 1 })
})

test('a nack of what the lease has no more changes nothing', () => {
  const one = lease(1, [run(1)])
  const state = group(4, { leases: [one] })
  const { answer, state: after } = nackPart(state, { id: idOf(one), offsets: [3] })
  assert.deepEqual(answer, { nacked: 0, returned: [], dead: 0 })
  assert.deepEqual(after, state)
})

test('a lease is extended, or shortened, also when its time is over', () => {
  const one = lease(1, [run(1)], { expires: nowMs - 5_000 })
  const two = lease(2, [run(2)])
  const { state, answer } = extend(group(3, { leases: [one, two] }), life, idOf(one), 1_000, now)
  assert.deepEqual(answer, { ...one, expires: now.high + 1_000 })
  assert.deepEqual(state.leases, [answer, two])
  assert.throws(() => extend(state, life, idOf(lease(3, [run(1)])), 1_000, now), lost([1]))
})

test('a lease ends when the lower bound of the store\'s time has reached its end', () => {
  const state = (expires: number) => group(3, { leases: [lease(1, [run(1, 2)], { expires })] })
  assert.equal(endExpired(state(now.low + 1), config, now).leases.length, 1)
  assert.deepEqual(endExpired(state(now.low), config, now), group(3, { retry: [{ ...run(1, 2, { expired: true }), notBefore: 0 }] }))
})

test('the messages of one lease that die by expiry are a batch', () => {
  const leases = [
    lease(1, [run(1, 2, { attempt: 5 }), run(3, 1, { attempt: 1 }), run(4, 1, { attempt: 6 })], { expires: 1 }),
    lease(2, [run(7, 1, { attempt: 5 })], { expires: 2 })
  ]
  const { dead, deadSeq, retry } = endExpired(group(9, { leases, deadSeq: 3 }), config, now)
  assert.deepEqual(dead, [
    { runs: [run(1, 2, { attempt: 5 }), run(4, 1, { attempt: 6 })], reason: 'max_attempts', detail: undefined },
    { runs: [run(7, 1, { attempt: 5 })], reason: 'max_attempts', detail: undefined }
  ])
  assert.equal(deadSeq, 5)
  assert.deepEqual(retry, [{ ...run(3, 1, { expired: true }), notBefore: 0 }])
})
