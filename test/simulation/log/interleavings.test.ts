import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, twoWritersAndAReader } from './interleavings.ts'
import { subject } from './subject.ts'

for (const small of [
  twoWritersAndAReader,
  { ...twoWritersAndAReader, faults: 1 },
  { roles: [{ append: 2 }, { reads: 2, limit: 10 }], faults: 1 },
  { roles: [{ append: 1 }, { reads: 1, limit: 10 }, { reads: 1, limit: 1 }], faults: 1 }
]) {
  test(`every interleaving of ${JSON.stringify(small)}, to the end`, async () => {
    const states = await explore(subject, small)
    assert.ok(states > 500, `${states} states`)
  })
}
