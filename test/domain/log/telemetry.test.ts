import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemoryTelemetry, type MemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { failing, withFaults, type Faults } from '../../support/storage/faults.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { testLog } from '../../support/test-log.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'

const size = { limit: 100, maxBytes: 1_000_000 }

interface Observed {
  readonly log: Log
  readonly telemetry: MemoryTelemetry
  readonly faults: Faults<SegmentStore>
  readonly made: ReturnType<typeof testLog>
}

function observed (t: TestContext, limits: Partial<Limits> = {}): Observed {
  const made = testLog(t, { limits })
  const telemetry = createMemoryTelemetry()
  const faults: Faults<SegmentStore> = {}
  const log = createLog({ ...made.deps, segments: withFaults(made.segments, faults), telemetry })
  t.after(() => log.close())
  return { log, telemetry, faults, made }
}

const counter = ({ counters }: MemoryTelemetry, name: string): number => counters.get(name) ?? 0

test('appends are counted by their outcome, and segments by what is in them', async (t) => {
  const { log, telemetry } = observed(t)
  await log.append('t', [{ payload: '1' }, { payload: '2' }])
  await Promise.all([1, 2, 3].map(() => log.append('t', [{ payload: '3' }])))
  const producer = { id: 'p', epoch: 0, seq: 0 }
  await log.append('t', [{ payload: '4' }], { producer })
  await log.append('t', [{ payload: '4' }], { producer })
  await assert.rejects(log.append('t', [{ payload: '5' }], { expectedOffset: 1 }))
  assert.equal(counter(telemetry, 'streams_appends_total{outcome="ok"}'), 5)
  assert.equal(counter(telemetry, 'streams_appends_total{outcome="duplicate"}'), 1)
  assert.equal(counter(telemetry, 'streams_appends_total{outcome="offset_mismatch"}'), 1)
  assert.equal(counter(telemetry, 'streams_messages_appended_total{topic="t"}'), 6)
  const appends = telemetry.histograms.get('streams_segment_appends{}')!
  const messages = telemetry.histograms.get('streams_segment_messages{}')!
  assert.deepEqual([appends.count, appends.sum, messages.sum], [3, 5, 6])
  const { count } = telemetry.histograms.get('streams_append_duration_seconds{}')!
  assert.equal(count, 5)
  const bytes = counter(telemetry, 'streams_message_bytes_appended_total{topic="t"}')
  assert.ok(bytes > 6 * 20 && bytes < 6 * 100, `${bytes} bytes`)
})

test('the duration of an append is the time of its caller', async (t) => {
  const { log, telemetry, faults, made } = observed(t)
  faults.putIfAbsent = async (call) => {
    await made.clock.sleep(300)
    return call()
  }
  await log.append('t', [{ payload: '1' }])
  const { sum } = telemetry.histograms.get('streams_append_duration_seconds{}')!
  assert.ok(Math.abs(sum - 0.3) < 0.05, `${sum} s`)
})

test('a failed append and one during the shutdown are counted by their codes', async (t) => {
  const { log, telemetry, faults } = observed(t)
  faults.putIfAbsent = failing('misconfigured', 'none')
  await assert.rejects(log.append('t', [{ payload: '1' }]))
  await log.close()
  await assert.rejects(log.append('t', [{ payload: '1' }]))
  assert.equal(counter(telemetry, 'streams_appends_total{outcome="storage_misconfigured"}'), 1)
  assert.equal(counter(telemetry, 'streams_appends_total{outcome="shutting_down"}'), 1)
})

test('appends that the backlog refuses are counted as refused by overload', async (t) => {
  const { log, telemetry } = observed(t, { backlogBytesMax: 1, windowBytesInitial: 1, windowBytesMin: 1, backlogWindowsMax: 1 })
  await assert.rejects(log.append('t', [{ payload: '1' }]), { code: 'overloaded' })
  assert.equal(counter(telemetry, 'streams_refusals_total{bound="overload"}'), 1)
})

test('reads are counted by their outcome, and segments by whether they were in memory', async (t) => {
  const { log, telemetry } = observed(t, { segmentCacheBytes: 1_000_000 })
  for (let n = 0; n < 3; n++) await log.append('t', [{ payload: String(n) }])
  await log.read('t', { from: 1, ...size })
  await assert.rejects(log.read('t', { from: 9, ...size }))
  assert.equal(counter(telemetry, 'streams_reads_total{outcome="ok"}'), 1)
  assert.equal(counter(telemetry, 'streams_reads_total{outcome="offset_out_of_range"}'), 1)
  assert.equal(telemetry.histograms.get('streams_read_duration_seconds{}')!.count, 1)
  assert.equal(counter(telemetry, 'streams_segment_cache_lookups_total{result="hit"}'), 3)
  assert.equal(counter(telemetry, 'streams_segment_cache_lookups_total{result="miss"}'), 0)
})

test('segments that were not in memory are misses, and those that a page loads from a listing are counted', async (t) => {
  const { log, telemetry } = observed(t)
  for (let n = 0; n < 6; n++) await log.append('t', [{ payload: String(n) }])
  await log.read('t', { from: 1, limit: 5, maxBytes: 1_000_000 })
  assert.equal(counter(telemetry, 'streams_segment_cache_lookups_total{result="miss"}'), 5)
  assert.equal(counter(telemetry, 'streams_lookahead_segments_total{result="used"}'), 5)
  assert.equal(counter(telemetry, 'streams_lookahead_segments_total{result="unused"}'), 0)
})

test('holes are counted while readers wait for them, and the seals that fill them', async (t) => {
  const { log, telemetry, made } = observed(t)
  await log.append('t', [{ payload: '1' }])
  await reserve(made.topics, 't', 1, { now: made.clock.wall() })
  await log.read('t', { from: 2, ...size })
  assert.equal(counter(telemetry, 'streams_holes_total{verdict="wait"}'), 1)
  made.clock.wallMs += made.deps.limits!.holeGraceMs + 1_000
  await log.read('t', { from: 2, ...size })
  assert.equal(counter(telemetry, 'streams_holes_total{verdict="seal"}'), 1)
  assert.equal(counter(telemetry, 'streams_seals_total{kind="hole"}'), 1)
})

test('a writer whose put is not answered seals its own range', async (t) => {
  const { log, telemetry, faults } = observed(t)
  faults.putIfAbsent = (call, [, , , { reservedAtMs }]) => reservedAtMs === null ? call() : failing('unavailable', 'unknown')()
  await assert.rejects(log.append('t', [{ payload: '1' }]))
  assert.equal(counter(telemetry, 'streams_seals_total{kind="range"}'), 1)
})
