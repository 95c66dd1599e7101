import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoadedLog, type At } from '../../../src/domain/groups/loaded-log.ts'
import { testLog } from '../../support/test-log.ts'

function show (at: At | undefined): unknown {
  return at?.kind === 'message' ? (JSON.parse(Buffer.from(at.line).toString()) as { payload: string }).payload : at
}

test('what was read is known: messages, what is in place of them, the end, and nothing else', async (t) => {
  const { log } = testLog(t)
  await log.append('t', ['a', 'b', 'c', 'd', 'e'].map((payload) => ({ payload: `"${payload}"` })))
  await log.trim('t', 3)
  const loaded = new LoadedLog({ earliest: 1, end: 1 })
  assert.equal(loaded.at(1), undefined)
  loaded.add(1, await log.read('t', { from: 1, limit: 1, maxBytes: 1_000 }))
  assert.deepEqual([1, 2, 3, 4].map((offset) => show(loaded.at(offset))), [
    { kind: 'none', until: 3 }, { kind: 'none', until: 3 }, 'c', undefined
  ])
  assert.deepEqual([loaded.earliest, loaded.end], [3, 6])
  loaded.add(5, await log.read('t', { from: 5, limit: 10, maxBytes: 1_000 }))
  assert.deepEqual([4, 5, 6, 7].map((offset) => show(loaded.at(offset))), [undefined, 'e', { kind: 'open', end: true }, undefined])
  loaded.add(4, await log.read('t', { from: 4, limit: 1, maxBytes: 1_000 }))
  assert.deepEqual([3, 4, 5].map((offset) => show(loaded.at(offset))), ['c', 'd', 'e'])
  // What is at the end now may be a message later, on a page that is read then.
  await log.append('t', [{ payload: '"f"' }])
  loaded.add(6, await log.read('t', { from: 6, limit: 10, maxBytes: 1_000 }))
  assert.deepEqual([show(loaded.at(6)), loaded.end], ['f', 7])
})

test('a page that could not be read is known to have failed', () => {
  const loaded = new LoadedLog({ earliest: 1, end: 9 })
  const error = new Error('broken')
  loaded.failed(4, error)
  assert.deepEqual([loaded.at(4), loaded.at(5)], [{ kind: 'failed', error }, undefined])
})
