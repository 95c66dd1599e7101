import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinearizable } from './linearizability.ts'

test('the linearizability check knows a log from what is none', () => {
  const append = (id: string, start: number, end: number, first: number | undefined): Parameters<typeof isLinearizable>[0] =>
    [{ kind: 'append', id, count: 1, start, end, first, outcome: end === Infinity ? 'unknown' : 'acknowledged' }]
  const read = (
    start: number, end: number, next: number, ...messages: Array<[number, string]>
  ): Parameters<typeof isLinearizable>[1][number] =>
    ({ kind: 'read', start, end, from: 1, next, messages })
  const two = [...append('a', 0, 1, 1), ...append('b', 2, 3, 2)]
  assert.equal(isLinearizable(two, [read(4, 5, 3, [1, 'a.0'], [2, 'b.0'])]), true)
  assert.equal(isLinearizable(two, [read(4, 5, 2, [1, 'a.0'])]), true, 'a short page')
  assert.equal(isLinearizable(two, [read(4, 5, 3, [2, 'b.0'])]), false, 'a message passed by')
  assert.equal(isLinearizable([...append('a', 0, 1, 2), ...append('b', 2, 3, 1)], []), false, 'offsets against real time')
  assert.equal(isLinearizable([...append('a', 0, 3, 2), ...append('b', 1, 2, 1)], []), true, 'appends at the same time')
  assert.equal(isLinearizable(two, [read(0.2, 0.4, 3, [1, 'a.0'], [2, 'b.0'])]), false, 'read before it was appended')
  assert.equal(isLinearizable([
    ...append('a', 0, Infinity, 1)
  ], [read(4, 5, 1), read(6, 7, 2, [1, 'a.0'])]), true, 'an unknown one may come late')
  assert.equal(isLinearizable([...append('a', 0, Infinity, 1)], [read(4, 5, 2, [1, 'a.0']), read(6, 7, 2)]), false, 'and then stays')
})
