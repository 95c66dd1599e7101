import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createMemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { createGroups, decodeLeaseId } from '../../../src/domain/groups/groups.ts'
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

test('telemetry gets what workers do with messages, once for each that happens', async (t) => {
  const { log, topics, clock } = testLog(t)
  const telemetry = createMemoryTelemetry()
  const groups = createGroups({ store: createMemoryGroupStore(clock.wall), topics, log, clock, telemetry })
  const name = { topic: 't', group: 'g' }
  const count = (metric: string): number => telemetry.counters.get(`streams_group_${metric}_total{topic="t",group="g"}`) ?? 0
  const lag = (): number | undefined => telemetry.gauges.get('streams_group_lag_messages{topic="t",group="g"}')
  const receive = (limit: number) => groups.receive(name, { limit, maxBytes: 1_000_000, leaseMs: 1_000, waitMs: 0, acks: [] })
  const part = ({ lease }: Awaited<ReturnType<typeof receive>>) => ({ id: decodeLeaseId(lease!.id)! })
  await log.append('t', Array.from({ length: 10 }, (_, n) => ({ payload: String(n) })))
  await groups.put(name, { maxAttempts: 2, deadLetterTopic: 'dead' })

  const first = await receive(4)
  assert.deepEqual([count('deliveries'), count('redeliveries'), lag()], [4, 0, 10])
  await groups.ack(name, part(first))
  assert.equal(count('acks'), 4)
  await groups.ack(name, part(first))
  assert.equal(count('acks'), 4, 'a repeated ack settles nothing')

  const second = await receive(2)
  assert.equal(lag(), 6)
  await groups.nack(name, part(second), { delayMs: 0, counted: true, reject: true })
  assert.equal(count('dead_letters'), 2)

  await receive(3)
  clock.wallMs += 5_000
  await clock.sleep(20_000)
  await receive(3)
  // The last attempt of a message whose lease has expired is made alone.
  assert.deepEqual([count('lease_expiries'), count('deliveries'), count('redeliveries')], [1, 10, 1])
  clock.wallMs += 5_000
  await clock.sleep(20_000)
  await receive(1)
  assert.deepEqual([count('lease_expiries'), count('dead_letters')], [2, 3])
})
