import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createGroups } from '../../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { messages } from '../../support/appends.ts'
import { withFaults } from '../../support/storage/faults.ts'
import { testLog } from '../../support/test-log.ts'

test('a receive has all messages of its lease, though the pages of the group are forgotten while it is written', async (t) => {
  const { log, deps: { topics }, clock } = testLog(t)
  for (let first = 0; first < 100; first += 10) await log.append('t', messages(...Array.from({ length: 10 }, (_, i) => first + i)))
  const store = createMemoryGroupStore(clock.wall)
  let writes = 0
  const slow = withFaults(store, {
    async write (call) {
      writes++
      await clock.sleep(10)
      return call()
    }
  })
  // Room for the messages of some receives.
  const limits = { ...defaultLimits, groupPagesBytes: 1_000 }
  const groups = createGroups({ store: slow, topics, log, clock, limits })

  const answers = await Promise.all(Array.from({ length: 20 }, () => (
    groups.receive({ topic: 't', group: 'g' }, { limit: 5, maxBytes: 1_000_000, waitMs: 0, acks: [] }))))

  assert.ok(writes > 1, 'while a lease is written, others read')
  const offsets = answers.map(({ lease, lines }) => {
    assert.ok(lease !== undefined)
    return lines.map((line) => (JSON.parse(Buffer.from(line).toString()) as { offset: number }).offset)
  })
  assert.deepEqual(offsets.map((each) => each.length), Array(20).fill(5))
  assert.deepEqual(offsets.flat().sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1))
})
