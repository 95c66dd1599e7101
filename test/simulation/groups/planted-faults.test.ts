import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { plantedMachineFaults } from './planted-machine-faults.ts'
import { plantedProcessFaults } from './planted-process-faults.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

/** A fault that is not caught within so many seeds is one that the simulation cannot see. */
const seedsPerFault = 600

test('a copy of the code without a fault planted is as sound as the original', async () => {
  const line = 'const VERSION = 1\n'
  const none = { name: 'none in groups', file: 'domain/groups/codec.ts', replace: line, by: line }
  assert.equal(await thread.run('firstViolation', none, 100), undefined)
})

for (const fault of [...plantedMachineFaults, ...plantedProcessFaults]) {
  test(`planted fault in a group, ${fault.name}`, async (t) => {
    const found = await thread.run('firstViolation', fault, seedsPerFault)
    assert.ok(found !== undefined, 'not caught')
    t.diagnostic(found)
  })
}
