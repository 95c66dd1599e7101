import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimMove, confirmMoved, firstBatch, foundLetter, lettersOf, redrive } from '../../../src/domain/groups/dead-letters.ts'
import { group, lease, run } from '../../support/groups.ts'

const origin = { topic: 't', group: 'g', life: '0a0b0c0d' }
const batch = (first: number) => ({ runs: [run(first)], reason: 'rejected' as const })

function lineOf (message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}

test('batches are numbered up to the newest one, and confirmed in their order', () => {
  const state = group(9, { dead: [batch(2), batch(5)], deadSeq: 7, movedUntil: 99, committed: 2 })
  assert.deepEqual(firstBatch(state), { seq: 6, batch: batch(2) })
  assert.equal(confirmMoved(state, 7), state)
  assert.equal(confirmMoved(state, 5), state)
  const confirmed = confirmMoved(state, 6)
  assert.deepEqual(confirmed, { ...state, dead: [batch(5)], movedUntil: 0, committed: 5 })
  assert.deepEqual(confirmMoved(confirmed, 7), { ...state, dead: [], movedUntil: 0, committed: 9 })
  assert.equal(firstBatch(group(9, { deadSeq: 7 })), undefined)
  assert.equal(claimMove(state, 123).movedUntil, 123)
})

test('a letter has what the message had, and says why it died', () => {
  const line = lineOf({
    offset: 3,
    payload: { a: 1 },
    timestamp: 1767225600000,
    key: 'k',
    headers: { own: 'x', 'dead-letter-detail': 'of an earlier death', 'dead-letter-topic': 'elsewhere' }
  })
  const dead = { runs: [run(3, 1, { attempt: 5 })], reason: 'max_attempts' as const }
  const [letter, ...more] = lettersOf(dead, origin, () => line)
  assert.deepEqual(more, [])
  assert.deepEqual({ ...letter, headers: JSON.parse(letter!.headers!) as unknown }, {
    payload: '{"a":1}',
    key: 'k',
    headers: {
      own: 'x',
      'dead-letter-topic': 't',
      'dead-letter-group': 'g',
      'dead-letter-life': '0a0b0c0d',
      'dead-letter-offset': '3',
      'dead-letter-attempts': '5',
      'dead-letter-reason': 'max_attempts',
      'dead-letter-timestamp': '1767225600000'
    }
  })
})

test('a message that was trimmed meanwhile has a letter, too', () => {
  const letters = lettersOf({ runs: [run(3, 2)], reason: 'rejected', detail: 'why' }, origin, () => undefined)
  assert.equal(letters.length, 2)
  assert.deepEqual({ ...letters[1], headers: JSON.parse(letters[1]!.headers!) as unknown }, {
    payload: 'null',
    key: undefined,
    headers: {
      'dead-letter-topic': 't',
      'dead-letter-group': 'g',
      'dead-letter-life': '0a0b0c0d',
      'dead-letter-offset': '4',
      'dead-letter-attempts': '1',
      'dead-letter-reason': 'rejected',
      'dead-letter-detail': 'why',
      'dead-letter-trimmed': 'true'
    }
  })
})

test('only letters of this topic, group and life are found', () => {
  const headers = {
    'dead-letter-topic': 't', 'dead-letter-group': 'g', 'dead-letter-life': '0a0b0c0d', 'dead-letter-offset': '3'
  }
  const message = { offset: 1, payload: null, timestamp: 1767225600000, key: 'k' }
  assert.deepEqual(foundLetter(lineOf({ ...message, headers }), origin), { offset: 3, key: 'k' })
  assert.equal(foundLetter(lineOf(message), origin), undefined)
  for (const [header, value] of [
    ['topic', 'u'], ['group', 'h'], ['life', 'ffffffff'], ['offset', 'x'], ['offset', '0'], ['offset', '1.5'], ['offset', '1e300']
  ] as const) {
    assert.equal(foundLetter(lineOf({ ...message, headers: { ...headers, [`dead-letter-${header}`]: value } }), origin), undefined)
  }
})

const read = (...offsets: number[]) => ({
  letters: offsets.map((offset, i) => ({ offset, key: undefined, at: 11 + i, bucket: 7 })), next: 11 + offsets.length
})

test('redrive puts messages back that are settled, once, and tells of the others', () => {
  const state = group(20, {
    leases: [lease(1, [run(3)])],
    retry: [{ ...run(4), notBefore: 5 }],
    lanes: [{ bucket: 7, from: 15 }, { bucket: 8, from: 5 }],
    committed: 3
  })
  const { state: after, answer } = redrive(state, read(5, 3, 4, 6, 15, 20, 5, 1), { earliest: 2, room: 100 })
  assert.deepEqual(answer, { redriven: 2, skipped: 5, trimmed: [1] })
  const again = { attempt: 0, bucket: 7 }
  assert.deepEqual(after, { ...state, redriven: 19, retry: [{ ...run(4), notBefore: 5 }, { ...run(5, 2, again), notBefore: 0 }] })
})

test('redrive ends before a batch that is not confirmed, and where there is no more room', () => {
  const state = group(20, { dead: [batch(6)], deadSeq: 1, committed: 20 })
  const ended = redrive(state, read(5, 6, 7), { earliest: 1, room: 100 })
  assert.deepEqual([ended.answer, ended.state.redriven], [{ redriven: 1, skipped: 0, trimmed: [] }, 12])
  const full = redrive(state, read(3, 4, 5), { earliest: 1, room: 2 })
  assert.deepEqual([full.answer.redriven, full.state.redriven], [2, 13])
  assert.equal(full.state.committed, 20)
})
