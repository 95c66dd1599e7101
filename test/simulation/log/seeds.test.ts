import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { plantedFaults } from './planted-faults.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))
const seeds = 2_000

test(`${seeds} seeds: no process ever hears an answer that contradicts another`, async () => {
  assert.equal(await thread.run('checkSeeds', 1, seeds), undefined)
})

test('the same seed gives the same run, another seed another one', async () => {
  for (const seed of [1, 2, 3, 40, 500]) {
    const first = await thread.run('trace', seed)
    assert.deepEqual(await thread.run('trace', seed), first)
    assert.ok(first.length > 10)
    assert.notDeepEqual(await thread.run('trace', seed + 1), first)
  }
})

// Found by the simulation: an append whose put had an unknown outcome had landed, was read, and was trimmed away; then
// the writer's own seal found its place empty, and the caller heard "not written" (or was written a second time).
test('an append that was read and trimmed before its writer gave up is not called "not written"', async () => {
  assert.equal(await thread.run('checkSeeds', 3137, 3137), undefined)
})

test('a failing seed is shrunk to a short story that still fails', async () => {
  const fault = plantedFaults.find(({ name }) => name === 'acknowledge on 412 without looking')!
  const { before, after, violation, story } = await thread.run('shrinkFirst', fault)
  assert.notEqual(violation, undefined)
  assert.ok(after < before && after <= 6, `${after} faults left of ${before}`)
  assert.match(story, /VIOLATION/)
})
