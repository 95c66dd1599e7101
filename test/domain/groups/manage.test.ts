import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogError } from '../../../src/domain/errors.ts'
import { decodeGroupConfig, encodeGroupConfig } from '../../../src/domain/groups/config.ts'
import { changeGroup, checkDeletable, defaultConfig, offsetOf, seekCommand, withLettersFrom } from '../../../src/domain/groups/manage.ts'
import { newGroup, type GroupState } from '../../../src/domain/groups/state.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { config, group, lease, life, now, run } from '../../support/groups.ts'

const context = { limits: defaultLimits, randomHex: (bytes: number) => 'cd'.repeat(bytes) }
const dead = [{ runs: [run(1)], reason: 'rejected' as const }]

function change (state: GroupState, changes: Parameters<typeof changeGroup>[1]): ReturnType<typeof changeGroup> {
  return changeGroup({ config, state }, changes, 't', context.randomHex)
}

function refused (code: LogError['code'], text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LogError)
    assert.equal(error.code, code)
    assert.match(error.message, text)
    return true
  }
}

test('a new group has dead letters, unless it reads dead letters, or the name would be too long', () => {
  assert.deepEqual(defaultConfig('t', context), {
    mode: 'shared', leaseMs: 30_000, maxAttempts: 5, maxInFlight: 2_000, deadLetterTopic: 't.dlq', deadLetterProducer: 'cd'.repeat(16)
  })
  for (const topic of ['t.dlq', 'x'.repeat(246)]) {
    const { deadLetterTopic, maxAttempts } = defaultConfig(topic, context)
    assert.deepEqual([deadLetterTopic, maxAttempts], [null, null])
  }
})

test('a config comes back, and one that is damaged is an Error', () => {
  assert.deepEqual(decodeGroupConfig(encodeGroupConfig(config)), config)
  const stored = JSON.parse(encodeGroupConfig(config)) as object
  for (const wrong of [
    { mode: 'other' }, { lease_ms: 0 }, { lease_ms: 'x' }, { max_attempts: 0 }, { max_attempts: undefined }, { max_in_flight: null },
    { dead_letter_topic: 7 }, { dead_letter_producer: null }
  ]) assert.throws(() => decodeGroupConfig(JSON.stringify({ ...stored, ...wrong })), /config of a group/)
  assert.throws(() => decodeGroupConfig('{'))
})

test('a config that stays the same is the same object; the mode and the dead letters change only when nothing is pending', () => {
  assert.equal(change(group(9), { leaseMs: config.leaseMs }), config)
  assert.deepEqual(change(group(9), { leaseMs: 1 }), { ...config, leaseMs: 1 })
  assert.equal(change(group(9), { mode: 'keyed' }).mode, 'keyed')
  for (const pending of [
    { leases: [lease(1, [run(1)])] }, { retry: [{ ...run(1), notBefore: 0 }] }, { lanes: [{ bucket: 1, from: 1 }] }, { dead }
  ]) assert.throws(() => change(group(9, pending), { mode: 'keyed' }), refused('group_busy', /mode: expected the same while messages/))
  assert.throws(() => change(group(9, { dead }), { deadLetterTopic: 'u' }), refused('group_busy', /1 messages are on their way/))
  assert.deepEqual(change(group(9, { leases: [lease(1, [run(1)])] }), { deadLetterTopic: 'u' }), {
    ...config, deadLetterTopic: 'u', deadLetterProducer: 'cd'.repeat(16)
  })
})

test('attempts end only where there is a dead-letter topic, which is not the topic itself', () => {
  assert.throws(() => change(group(9), { deadLetterTopic: 't' }), refused('invalid_group_config', /^dead_letter_topic: expected another/))
  assert.throws(() => change(group(9), { deadLetterTopic: null }), refused('invalid_group_config', /^max_attempts: expected null/))
  assert.equal(change(group(9), { deadLetterTopic: null, maxAttempts: null }).deadLetterTopic, null)
})

test('with another producer, the numbers of batches begin anew', () => {
  const state = group(9, { deadSeq: 4, redriven: 7 })
  assert.equal(withLettersFrom(state, config, { ...config, leaseMs: 1 }), state)
  assert.deepEqual(withLettersFrom(state, config, { ...config, deadLetterProducer: 'new' }), { ...state, deadSeq: 0, redriven: 1 })
})

test('a place is an offset between earliest and end', () => {
  const topic = { earliest: 5, end: 9 }
  assert.deepEqual(['earliest' as const, 'latest' as const, 1, 7, 9].map((start) => offsetOf(start, topic)), [5, 9, 5, 7, 9])
  assert.throws(() => offsetOf(10, topic), refused('offset_out_of_range', /expected at most 9/))
})

function seek (state: GroupState, to: number, expected?: number) {
  const command = seekCommand({ to, expected, topic: { earliest: 1, end: 20 }, make: () => config })
  return command.apply({ gen: 'ab', life, rev: 1, config, state, now })
}

test('a seek ends leases and all that was to come again, and keeps dead letters and counters', () => {
  const state = group(9, {
    leases: [lease(8, [run(1)])], retry: [{ ...run(2), notBefore: 0 }], lanes: [{ bucket: 1, from: 3 }], dead, deadSeq: 3, redriven: 5
  })
  assert.deepEqual(seek(state, 4), {
    answer: { committedOffset: 4, endedLeases: 1 },
    state: { ...newGroup(4), seq: 9, soughtSeq: 9, dead, deadSeq: 3, redriven: 5 }
  })
  assert.deepEqual(seek(group(9, { committed: 9 }), 9), { answer: { committedOffset: 9, endedLeases: 0 } })
  assert.throws(() => seek(state, 4, 3), refused('offset_conflict', /the committed offset is 1, not 3/))
  assert.equal(seek(state, 4, 1).answer.committedOffset, 4)
})

test('a group is not deleted while leases are live, or letters wait', () => {
  checkDeletable(group(9, { retry: [{ ...run(1), notBefore: 0 }] }))
  assert.throws(() => { checkDeletable(group(9, { leases: [lease(1, [run(1)])] })) }, refused('group_busy', /1 leases are live/))
  assert.throws(() => { checkDeletable(group(9, { dead })) }, refused('group_busy', /on their way/))
})
