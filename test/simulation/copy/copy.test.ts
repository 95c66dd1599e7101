import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { plantedCopyFaults } from './planted-copy-faults.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))
const seeds = 400
/** A fault that is not caught within so many seeds is one that the simulation cannot see. */
const seedsPerFault = 300

test(`${seeds} copies of a source in use keep what log §8.1 promises`, async () => {
  assert.equal(await thread.run('checkSeeds', 1, seeds), undefined)
})

test('a copy of the code without a fault planted is as sound as the original', async () => {
  const line = 'const ROUNDS_MAX = 100\n'
  const none = { name: 'none in copy', file: 'domain/copy/topic-copy.ts', replace: line, by: line }
  assert.equal(await thread.run('firstViolation', none, 50), undefined)
})

for (const fault of plantedCopyFaults) {
  test(`planted fault in a copy, ${fault.name}`, async (t) => {
    const found = await thread.run('firstViolation', fault, seedsPerFault)
    assert.ok(found !== undefined, 'not caught')
    t.diagnostic(found)
  })
}
