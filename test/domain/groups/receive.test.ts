import assert from 'node:assert/strict'
import { test } from 'node:test'
import { group, lease, leasedFrom, now, nowMs, offsetsOf, receiveFrom, run } from '../../support/groups.ts'

const keyed = { config: { mode: 'keyed' } } as const

test('new messages are leased from next on, up to the limit', () => {
  const there = Array.from({ length: 5 }, () => 'plain' as const)
  const { state, lease: leased, offsets } = leasedFrom(group(3, { committed: 3 }), there, { limit: 2 })
  assert.deepEqual(offsets, [3, 4])
  assert.deepEqual(leased, { seq: 10, tag: 'f'.repeat(16), expires: now.high + 30_000, consumer: undefined, runs: [run(3, 2)] })
  assert.deepEqual(state, group(5, { committed: 3, seq: 10, leases: [leased] }))
})

test('a lease has one message at least, and no more bytes than asked for otherwise', () => {
  const topic = Array.from({ length: 30 }, () => 'plain' as const)
  // The line at 20 has 20 bytes, and each takes a line feed.
  assert.deepEqual(leasedFrom(group(20), topic, { maxBytes: 1 }).offsets, [20])
  assert.deepEqual(leasedFrom(group(20), topic, { maxBytes: 21 + 22 }).offsets, [20, 21])
  assert.deepEqual(leasedFrom(group(20), topic, { maxBytes: 21 + 21 }).offsets, [20])
})

test('a live lease with the tag of the request is the answer, as long as its time is not over', () => {
  const tag = 'c'.repeat(16)
  const live = lease(3, [run(1)], { tag, expires: now.low + 1 })
  assert.deepEqual(receiveFrom(group(2, { leases: [live] }), [], { tag }), { kind: 'repeated', lease: live })
  const over = { ...live, expires: now.low }
  assert.deepEqual(leasedFrom(group(2, { leases: [over] }), ['plain'], { tag }).lease.runs, [run(1, 1, { attempt: 2, expired: true })])
})

test('what is not read yet is asked for, from all three sources', () => {
  assert.deepEqual(receiveFrom(group(1), ['not read', 'plain']), { kind: 'load', parts: [{ from: 1, end: Infinity }] })
  const retry = [{ ...run(1, 3), notBefore: 0 }]
  assert.deepEqual(receiveFrom(group(9, { retry }), ['plain', 'not read']), { kind: 'load', parts: [{ from: 2, end: 4 }] })
  const lanes = [{ bucket: 1, from: 2 }]
  assert.deepEqual(receiveFrom(group(4, { lanes }), [1, 'not read', 1], keyed), { kind: 'load', parts: [{ from: 2, end: 4 }] })
})

test('at a young hole, and at a segment that cannot be loaded, selection ends', () => {
  assert.deepEqual(leasedFrom(group(1), ['plain', 'hole', 'plain']).state.next, 2)
  assert.deepEqual(receiveFrom(group(1), ['hole', 'plain']), {
    kind: 'nothing', waitingFor: 'writer', dueAt: undefined, openAt: 1, failure: undefined
  })
  const failed = receiveFrom(group(1), ['broken', 'plain'])
  assert.ok(failed.kind === 'nothing' && failed.failure?.message === 'broken')
})

test('offsets without a message are passed, and what was trimmed is dropped from retry', () => {
  assert.deepEqual(leasedFrom(group(1), ['sealed', 'sealed', 'plain', 'sealed']).state.next, 5)
  const progress = receiveFrom(group(1), ['sealed', 'sealed'])
  assert.deepEqual(progress, { kind: 'progress', state: group(3, { committed: 3 }) })
  const retry = [{ ...run(1, 4, { attempt: 2 }), notBefore: 0 }]
  const there = ['plain', 'plain', 'plain', 'plain'] as const
  const trimmed = leasedFrom(group(5, { retry }), { there, earliest: 3 })
  assert.deepEqual([trimmed.lease.runs, trimmed.state.retry], [[run(3, 2, { attempt: 3 })], []])
  const away = receiveFrom(group(5, { retry }), { there, earliest: 9 })
  assert.deepEqual(away.kind === 'progress' && [away.state.retry, away.state.committed, away.state.next], [[], 9, 9])
})

test('retry comes first, then lanes, then new messages', () => {
  const state = group(5, { retry: [{ ...run(2, 1, { bucket: 2 }), notBefore: 0 }], lanes: [{ bucket: 1, from: 3 }] })
  const { lease: leased, state: after } = leasedFrom(state, [1, 2, 2, 1, 3, 1], keyed)
  assert.deepEqual(leased.runs, [
    run(2, 1, { bucket: 2, attempt: 2 }), run(4, 1, { bucket: 1 }), run(5, 1, { bucket: 3 }), run(6, 1, { bucket: 1 })
  ])
  assert.deepEqual([after.next, after.lanes, after.retry], [7, [], []])
})

test('a message that is not due stays, and keeps its key, and is waited for', () => {
  const retry = [{ ...run(1, 1, { bucket: 1 }), notBefore: now.low + 1 }, { ...run(3, 1, { bucket: 1 }), notBefore: 0 }]
  const { offsets, state } = leasedFrom(group(5, { retry, lanes: [{ bucket: 1, from: 4 }] }), [1, 2, 1, 1, 1, 2], keyed)
  assert.deepEqual(offsets, [6])
  assert.deepEqual([state.retry, state.lanes], [retry, [{ bucket: 1, from: 4 }]])
  assert.deepEqual(receiveFrom(group(5, { retry }), [1, 2, 1, 2], keyed), {
    kind: 'nothing', waitingFor: 'delay', dueAt: now.low + 1, openAt: 5, failure: undefined
  })
})

test('a message of a key that is out is passed over, and its lane begins there', () => {
  const state = group(2, { leases: [lease(1, [run(1, 1, { bucket: 1 })])] })
  const { offsets, state: after } = leasedFrom(state, [1, 1, 2, 1, 'plain', 1], keyed)
  assert.deepEqual(offsets, [3, 5])
  // A lane that begins behind the last message that was taken is not needed.
  assert.deepEqual([after.next, after.lanes], [6, [{ bucket: 1, from: 2 }]])
  assert.deepEqual(receiveFrom(group(2, { leases: state.leases }), [1, 1], keyed), {
    kind: 'nothing', waitingFor: 'leases', dueAt: nowMs + 30_000, openAt: 3, failure: undefined
  })
})

test('a lane whose messages do not fit goes on where it stopped, and locks its key for newer ones', () => {
  const { offsets, state } = leasedFrom(group(5, { lanes: [{ bucket: 1, from: 1 }] }), [1, 2, 1, 1, 1, 2], { ...keyed, limit: 2 })
  assert.deepEqual([offsets, state.lanes, state.next], [[1, 3], [{ bucket: 1, from: 4 }], 5])
  // Lanes are taken by their first offsets.
  const two = group(5, { lanes: [{ bucket: 2, from: 3 }, { bucket: 1, from: 1 }] })
  assert.deepEqual(leasedFrom(two, [1, 1, 2, 2], { ...keyed, limit: 3 }).offsets, [1, 2, 3])
})

test('exclusive: nothing beside a live lease, nor before the first message of retry is due', () => {
  const exclusive = { config: { mode: 'exclusive' } } as const
  const there = [0, 0, 0] as const
  const out = group(2, { leases: [lease(1, [run(1, 1, { bucket: 0 })])] })
  assert.deepEqual(receiveFrom(out, there, exclusive), {
    kind: 'nothing', waitingFor: 'leases', dueAt: nowMs + 30_000, openAt: undefined, failure: undefined
  })
  const delayed = group(2, { retry: [{ ...run(1, 1, { bucket: 0 }), notBefore: nowMs + 50 }] })
  assert.deepEqual(receiveFrom(delayed, there, exclusive), {
    kind: 'nothing', waitingFor: 'delay', dueAt: nowMs + 50, openAt: undefined, failure: undefined
  })
  const due = group(2, { retry: [{ ...run(1, 1, { bucket: 0 }), notBefore: nowMs }] })
  assert.deepEqual(leasedFrom(due, there, exclusive).offsets, [1, 2, 3])
})

test('a last attempt is alone in its lease, if an earlier one ended by expiry', () => {
  const retry = [{ ...run(1, 2, { attempt: 4 }), notBefore: 0 }, { ...run(3, 2, { attempt: 4, expired: true }), notBefore: 0 }]
  const there = ['plain', 'plain', 'plain', 'plain', 'plain'] as const
  assert.deepEqual(leasedFrom(group(5, { retry }), there).offsets, [1, 2, 5])
  const alone = leasedFrom(group(5, { retry: retry.slice(1) }), there)
  assert.deepEqual([alone.offsets, alone.state.retry], [[3], [{ ...retry[1]!, first: 4, count: 1 }]])
  // With one attempt only, each would be alone.
  const once = [{ ...run(3, 2, { attempt: 0, expired: true }), notBefore: 0 }]
  assert.deepEqual(leasedFrom(group(5, { retry: once }), there, { config: { maxAttempts: 1 } }).offsets, [3, 4, 5])
})

test('max_in_flight bounds what is pending, and what is to be delivered again is not refused', () => {
  const there = Array.from({ length: 9 }, () => 'plain' as const)
  const small = { config: { maxInFlight: 3 } }
  assert.deepEqual(leasedFrom(group(1), there, small).offsets, [1, 2, 3])
  const full = group(4, { leases: [lease(1, [run(1, 3)])] })
  assert.deepEqual(receiveFrom(full, there, small), {
    kind: 'nothing', waitingFor: 'acks', dueAt: nowMs + 30_000, openAt: undefined, failure: undefined
  })
  assert.deepEqual(leasedFrom(group(6, { retry: [{ ...run(1, 5), notBefore: 0 }] }), there, small).offsets, [1, 2, 3, 4, 5])
  const dying = group(4, { dead: [{ runs: [run(1, 2)], reason: 'rejected' }], retry: [{ ...run(3), notBefore: nowMs + 9_999 }] })
  const waits = receiveFrom(dying, there, small)
  assert.deepEqual(waits.kind === 'nothing' && waits.waitingFor, 'delay')
  const dead = group(4, { dead: [{ runs: [run(1, 3)], reason: 'rejected' }] })
  const stopped = receiveFrom(dead, there, small)
  assert.deepEqual(stopped.kind === 'nothing' && stopped.waitingFor, 'dead_letters')
})

test('at RUNS_SOFT nothing new is handed out, at LEASES_MAX nothing at all', () => {
  const there = Array.from({ length: 9 }, () => 'plain' as const)
  const torn = group(6, { leases: [lease(1, [run(1), run(3), run(5)])] })
  const runs = receiveFrom(torn, there, { limits: { groupRunsSoft: 3 } })
  assert.deepEqual(runs.kind === 'nothing' && runs.waitingFor, 'acks')
  assert.deepEqual(leasedFrom(torn, there, { limits: { groupRunsSoft: 4 } }).offsets, [6, 7, 8, 9])
  const many = group(3, { leases: [lease(1, [run(1)])], retry: [{ ...run(2), notBefore: 0 }] })
  const none = receiveFrom(many, there, { limits: { groupLeasesMax: 1 } })
  assert.deepEqual(none.kind === 'nothing' && none.waitingFor, 'acks')
  // Leases that are over make room, and that is written even if there is nothing else.
  const over = group(2, { leases: [lease(1, [run(1)], { expires: 1 })] })
  assert.deepEqual(leasedFrom(over, there, { limits: { groupLeasesMax: 1 } }).offsets[0], 1)
})

test('at LANES_MAX the scan stops at the first message that needs one more', () => {
  const out = group(3, { leases: [lease(1, [run(1, 1, { bucket: 1 }), run(2, 1, { bucket: 2 })])] })
  const { offsets, state } = leasedFrom(out, [1, 2, 1, 'plain', 2, 'plain'], { ...keyed, limits: { groupLanesMax: 1 } })
  assert.deepEqual([offsets, state.next, state.lanes], [[4], 5, [{ bucket: 1, from: 3 }]])
})

test('after SCAN_MAX messages the progress is written, and the next receive goes on', () => {
  const out = group(2, { leases: [lease(1, [run(1, 1, { bucket: 1 })])] })
  const there = [1, 1, 1, 1, 1, 2] as const
  const limits = { groupScanMessages: 2 }
  const first = receiveFrom(out, there, { ...keyed, limits })
  assert.ok(first.kind === 'progress')
  assert.deepEqual([first.state.next, first.state.lanes], [4, [{ bucket: 1, from: 2 }]])
  const second = receiveFrom(first.state, there, { ...keyed, limits })
  assert.ok(second.kind === 'progress')
  assert.deepEqual(leasedFrom(second.state, there, { ...keyed, limits }).offsets, [6])
  const bytes = receiveFrom(out, there, { ...keyed, limits: { groupScanBytes: 3 } })
  assert.ok(bytes.kind === 'progress' && bytes.state.next === 3)
  // In a lane, too.
  const lane = receiveFrom(group(6, { lanes: [{ bucket: 2, from: 1 }] }), there, { ...keyed, limits })
  assert.deepEqual(lane.kind === 'progress' && lane.state.lanes, [{ bucket: 2, from: 3 }])
})

test('committed stays below what is pending, and follows what is passed', () => {
  const state = group(4, { leases: [lease(1, [run(2)])], committed: 2 })
  const { state: after } = leasedFrom(state, ['plain', 'plain', 'plain', 'sealed', 'plain'])
  assert.deepEqual([after.next, after.committed], [6, 2])
  assert.deepEqual(offsetsOf(after.leases[1]!), [5])
})
