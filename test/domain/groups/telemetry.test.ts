import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createMemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { createGroups } from '../../../src/domain/groups/groups.ts'
import { failing, withFaults, type Faults } from '../../support/storage/faults.ts'
import { testLog } from '../../support/test-log.ts'

test('telemetry gets each call to the store of groups, with its outcome', async (t) => {
  const store = createMemoryGroupStore()
  const faults: Faults<typeof store> = {}
  const telemetry = createMemoryTelemetry()
  const groups = createGroups({
    store: withFaults(store, faults), topics: createMemoryTopicStore(), log: testLog(t).log, clock: systemClock, telemetry
  })
  const name = { topic: 'orders', group: 'billing' }
  const call = (operation: string, outcome = 'ok'): number | undefined => (
    telemetry.counters.get(`streams_store_calls_total{store="groups",operation="${operation}",outcome="${outcome}"}`))

  await groups.put(name, {})
  assert.equal(call('write_group'), 1)
  await groups.list('orders', '', 10)
  assert.equal(call('list_groups'), 1)
  const before = call('read_group') ?? 0
  faults.read = failing('misconfigured', 'none')
  await assert.rejects(groups.describe(name), LogError)
  assert.equal(call('read_group', 'misconfigured'), 1)
  delete faults.read
  await groups.delete(name, false)
  assert.deepEqual([call('read_group'), call('remove_group')], [before + 1, 1])
  assert.ok(telemetry.counters.has('streams_store_calls_total{store="topics",operation="state",outcome="ok"}'), 'topics, too')
})
