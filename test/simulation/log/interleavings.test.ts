import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import { twoWritersAndAReader } from './interleavings.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

for (const small of [
  twoWritersAndAReader,
  { ...twoWritersAndAReader, faults: 1 },
  { roles: [{ append: 2 }, { reads: 2, limit: 10 }], faults: 1 },
  { roles: [{ append: 1 }, { reads: 1, limit: 10 }, { reads: 1, limit: 1 }], faults: 1 }
]) {
  test(`every interleaving of ${JSON.stringify(small)}, to the end`, async (t) => {
    const states = await thread.run('explore', small)
    t.diagnostic(`${states} states`)
    assert.ok(states > 500, `${states} states`)
  })
}
