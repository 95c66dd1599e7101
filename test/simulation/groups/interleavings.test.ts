import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { smallCases } from './small-cases.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

for (const name of Object.keys(smallCases)) {
  test(`every history of a group: ${name}`, async (t) => {
    const states = await thread.run('exploreGroup', name)
    t.diagnostic(`${states} states`)
    assert.ok(states > 1_000, `${states} states`)
  })
}
