import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { plantedMachineFaults } from './planted-machine-faults.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

for (const fault of plantedMachineFaults) {
  test(`planted fault in a group, ${fault.name}`, async (t) => {
    const found = await thread.run('firstViolation', fault)
    assert.ok(found !== undefined, 'not caught')
    t.diagnostic(found)
  })
}
