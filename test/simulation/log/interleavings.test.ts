import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import type { Identity } from './identities.ts'
import { twoWritersAndAReader, type SmallCase } from './interleavings.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

function producer (id: string, seq: number, epoch = 0): Identity {
  return { kind: 'producer', id, epoch, seq }
}

/** Without it, copies of an append that seal each other's ranges take too many turns. */
const limits = { appendAttemptsMax: 2 }

const cases: ReadonlyArray<readonly [name: string, small: SmallCase]> = [
  ['two writers and a reader', twoWritersAndAReader],
  ['two writers, a reader and a fault', { ...twoWritersAndAReader, faults: 1 }],
  ['a batch and a reader', { roles: [{ append: 2 }, { reads: 2, limit: 10 }], faults: 1 }],
  ['an append and two readers', { roles: [{ append: 1 }, { reads: 1, limit: 10 }, { reads: 1, limit: 1 }], faults: 1 }],
  ['an idempotent append with two copies', { roles: [{ send: [producer('p', 0)] }, { send: [producer('p', 0)] }], faults: 1, limits }],
  ['two producers in one segment, and a copy of one', {
    roles: [{ send: [producer('a', 0), producer('b', 0)] }, { send: [producer('a', 0)] }], faults: 0, limits
  }],
  ['an epoch that is raised while the older one appends', {
    roles: [{ send: [producer('p', 0)] }, { send: [producer('p', 0, 1)] }], faults: 1, limits
  }],
  ['a key with two copies', { roles: [{ send: [{ kind: 'key', id: 'k' }] }, { send: [{ kind: 'key', id: 'k' }] }], faults: 0, limits }],
  ['the same expected offset twice', { roles: [{ expectedOffset: 1 }, { expectedOffset: 1 }], faults: 1 }],
  ['an expected offset beside a plain append', { roles: [{ expectedOffset: 1 }, { append: 1 }, { reads: 1, limit: 10 }], faults: 0 }],
  ['a close with a last append beside a plain one', { roles: [{ close: 1 }, { append: 1 }], faults: 1, limits }],
  ['a close beside an append and a reader', { roles: [{ close: 0 }, { append: 1 }, { reads: 1, limit: 10 }], faults: 0, limits }],
  ['a close with a last append and one without', { roles: [{ close: 1 }, { close: 0 }], faults: 1, limits }],
  ['a producer and a trim', { roles: [{ send: [producer('p', 0)] }, { trimTo: 2 }], faults: 1, limits }],
  ['a close with a last append and a trim', { roles: [{ close: 1 }, { trimTo: 2 }], faults: 1, limits }]
]

for (const [name, small] of cases) {
  test(`every interleaving of ${name}, to the end`, async (t) => {
    const states = await thread.run('explore', small)
    t.diagnostic(`${states} states`)
    assert.ok(states > 20, `${states} states`)
  })
}
