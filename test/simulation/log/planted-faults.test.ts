import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { plantedConditionFaults } from './planted-condition-faults.ts'
import { plantedFaults } from './planted-faults.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))
/** A fault that is not caught within so many seeds is one that the simulation cannot see. */
const seedsPerFault = 1_500

test('a copy of the code without a fault planted is as sound as the original', async () => {
  const none = { name: 'none', file: 'domain/log/holes.ts', replace: '  let at = top\n', by: '  let at = top\n' }
  assert.equal(await thread.run('firstViolation', none, 200), undefined)
})

for (const fault of [...plantedFaults, ...plantedConditionFaults]) {
  test(`planted fault: ${fault.name}`, async (t) => {
    const found = await thread.run('firstViolation', fault, seedsPerFault)
    assert.ok(found !== undefined, `not caught by any interleaving of a small case, nor by ${seedsPerFault} seeds`)
    t.diagnostic(found)
  })
}
