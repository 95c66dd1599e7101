import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))
const seeds = 2_000

test(`${seeds} seeds: every state of a group, and every answer, agrees with all others`, async () => {
  assert.equal(await thread.run('checkSeeds', 1, seeds), undefined)
})

test('the same seed gives the same run of groups, another seed another one', async () => {
  for (const seed of [1, 2, 3, 40, 500]) {
    const first = await thread.run('trace', seed)
    assert.deepEqual(await thread.run('trace', seed), first)
    assert.ok(first.length > 10)
    assert.notDeepEqual(await thread.run('trace', seed + 1), first)
  }
})
