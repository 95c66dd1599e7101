import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { failing, withFaults, type Faults } from '../../support/storage/faults.ts'
import { createTestCatalog } from '../../support/catalog/stores.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'

test('sweeps report what they have removed, and what they could not; dry runs do not', async () => {
  const telemetry = createMemoryTelemetry()
  const faults: Faults<TopicStore> = {}
  const { catalog, time, append } = createTestCatalog({
    telemetry, retention: { retentionMs: 1_000 }, stores: ({ topics }) => ({ topics: withFaults(topics, faults) })
  })
  await append('t', 100, 3)
  await append('t', 50, 2)
  time.now += 60_000
  await catalog.sweep({ dryRun: true })
  const count = (name: string): number => telemetry.counters.get(name) ?? 0
  assert.equal(count('streams_sweeps_total{outcome="ok"}'), 0)
  assert.equal(count('streams_store_calls_total{store="segments",operation="list_names",outcome="ok"}'), 1)
  const [swept] = (await catalog.sweep()).results
  assert.ok(swept!.segments > 0)
  assert.equal(count('streams_sweeps_total{outcome="ok"}'), 1)
  assert.equal(count('streams_retention_segments_removed_total{}'), swept!.segments)
  assert.equal(count('streams_retention_bytes_removed_total{}'), swept!.bytes)
  assert.equal(count('streams_store_calls_total{store="segments",operation="remove",outcome="ok"}'), 1)

  await append('t')
  faults.read = failing('misconfigured', 'none')
  time.now += 60_000
  await catalog.sweep()
  assert.equal(count('streams_sweep_topics_failed_total{}'), 1)
  delete faults.read
  faults.list = failing('misconfigured', 'none')
  await catalog.sweep()
  assert.equal(count('streams_sweeps_total{outcome="failed"}'), 1)
})
