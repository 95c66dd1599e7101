import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { metrics } from '../../src/ports/metrics.ts'
import { storeOperations, type StoreOperation, type Telemetry } from '../../src/ports/telemetry.ts'

export interface Histogram { readonly count: number, readonly sum: number }

/** What an adapter has written, as its reader finds it: sums over all labels, by the name of the metric. */
export interface Reported {
  readonly counters: ReadonlyMap<string, number>
  readonly gauges: ReadonlyMap<string, number>
  readonly histograms: ReadonlyMap<string, Histogram>
}

export interface TelemetryUnderTest {
  readonly telemetry: Telemetry
  /** Everything since it was made. */
  readonly report: () => Promise<Reported>
}

export interface TelemetryContractOptions {
  /** With `paid` storage, and labels for 2 topics and 2 groups. */
  readonly create: (t: TestContext) => Promise<TelemetryUnderTest>
  /** Whether it reports the metric. */
  readonly has: (name: string) => boolean
}

/** One event of each kind, and some that must not be counted. */
function happen (telemetry: Telemetry): void {
  telemetry.storeCall('put', 'ok', 20, 1_000)
  telemetry.storeCall('put', 'throttled', 5, 0)
  telemetry.storeCall('get', 'ok', 30, 500)
  telemetry.storeCall('list', 'timeout', 2_000, 0)
  telemetry.storeCall('reserve', 'ok', 10, 0)
  telemetry.capacityUsed('write', 2)
  telemetry.capacityUsed('read', 0.5)
  telemetry.append('ok', 40)
  telemetry.append('duplicate', 1)
  telemetry.append('overloaded', 0)
  telemetry.segmentWritten('orders', 3, 12, 345)
  telemetry.read('ok', 50)
  telemetry.read('offset_out_of_range', 1)
  telemetry.delivered('orders', 7, 200)
  telemetry.delivered('nothing', 0, 0)
  telemetry.segmentLookup(true)
  telemetry.segmentLookup(false)
  telemetry.segmentLookup(false)
  telemetry.loadedAhead(5, 2)
  telemetry.hole('wait')
  telemetry.sealPut('hole')
  telemetry.sealPut('range')
  telemetry.liveRequestBegan('stream')
  telemetry.liveRequestBegan('long_poll')
  telemetry.liveRequestBegan('long_poll')
  telemetry.liveRequestEnded('stream')
  telemetry.swept({ segments: 4, bytes: 4_000, records: 6, failedTopics: 1, failed: false })
  telemetry.swept({ segments: 0, bytes: 0, records: 0, failedTopics: 0, failed: true })
  telemetry.groupReceived({ topic: 'orders', group: 'billing' }, 10, 3, 90)
  telemetry.groupReceived({ topic: 'orders', group: 'billing' }, 10, 0, 80)
  telemetry.groupAcked({ topic: 'orders', group: 'billing' }, 8)
  telemetry.groupLeasesExpired({ topic: 'orders', group: 'billing' }, 1)
  telemetry.groupDeadLettered({ topic: 'orders', group: 'billing' }, 2)
  telemetry.bytesHeld(5_000)
  telemetry.bytesHeld(3_000)
  telemetry.refused('memory')
  telemetry.request({ method: 'POST', route: '/topics/:topic/produce', status: 200, code: undefined, ms: 25 })
  telemetry.request({ method: 'POST', route: '/v1/topics/:topic/produce', status: 503, code: 'overloaded', ms: 1 })
  telemetry.request({ method: 'GET', route: undefined, status: undefined, code: undefined, ms: undefined })
}

const counters = {
  streams_store_calls_total: 5,
  streams_store_bytes_total: 1_500,
  streams_table_capacity_units_total: 2.5,
  streams_appends_total: 3,
  streams_segment_cache_lookups_total: 3,
  streams_messages_appended_total: 12,
  streams_message_bytes_appended_total: 345,
  streams_reads_total: 2,
  streams_messages_delivered_total: 7,
  streams_message_bytes_delivered_total: 200,
  streams_lookahead_segments_total: 7,
  streams_holes_total: 1,
  streams_seals_total: 2,
  streams_sweeps_total: 2,
  streams_sweep_topics_failed_total: 1,
  streams_retention_segments_removed_total: 4,
  streams_retention_bytes_removed_total: 4_000,
  streams_retention_records_removed_total: 6,
  streams_group_deliveries_total: 20,
  streams_group_redeliveries_total: 3,
  streams_group_acks_total: 8,
  streams_group_lease_expiries_total: 1,
  streams_group_dead_letters_total: 2,
  streams_refusals_total: 2,
  streams_http_requests_total: 3,
  streams_http_errors_total: 1,
  // A put and a list at $5 a million, a get at $0.40, and the units. S3 does not charge for what it throttles.
  streams_storage_cost_dollars_total: (5 + 5 + 0.4 + 2 * 0.625 + 0.5 * 0.125) / 1e6
}

const gauges = { streams_live_requests: 2, streams_held_bytes: 3_000, streams_group_lag_messages: 80 }

const histograms = {
  streams_store_call_duration_seconds: { count: 3, sum: 0.06 },
  streams_append_duration_seconds: { count: 1, sum: 0.04 },
  streams_read_duration_seconds: { count: 1, sum: 0.05 },
  streams_http_request_duration_seconds: { count: 2, sum: 0.026 },
  streams_segment_appends: { count: 1, sum: 3 },
  streams_segment_messages: { count: 1, sum: 12 }
}

/** What every adapter of the port reports of the same events. */
export function testTelemetry (name: string, { create, has }: TelemetryContractOptions): void {
  test(`${name}: the same events give the same numbers`, async (t) => {
    const { telemetry, report } = await create(t)
    happen(telemetry)
    const reported = await report()
    const expected = <T>(all: Readonly<Record<string, T>>) => Object.entries(all).filter(([metric]) => has(metric))
    for (const [metric, value] of expected(counters)) assertClose(reported.counters.get(metric), value, metric)
    for (const [metric, value] of expected(gauges)) assertClose(reported.gauges.get(metric), value, metric)
    for (const [metric, { count, sum }] of expected(histograms)) {
      const found = reported.histograms.get(metric)
      assert.equal(found?.count, count, metric)
      assertClose(found.sum, sum, metric)
    }
  })

  test(`${name}: all of the metrics that it has are reported, and no others`, async (t) => {
    const { telemetry, report } = await create(t)
    happen(telemetry)
    const { counters, gauges, histograms } = await report()
    const known = Object.values(metrics).map(({ name }) => name as string).filter(has)
    assert.deepEqual([...counters.keys(), ...gauges.keys(), ...histograms.keys()].sort(), known.sort())
  })

  test(`${name}: what is counted in between is added`, async (t) => {
    const { telemetry, report } = await create(t)
    telemetry.append('ok', 10)
    await report()
    telemetry.append('ok', 10)
    telemetry.append('storage_unavailable', 10)
    const { counters, histograms } = await report()
    assert.equal(counters.get('streams_appends_total'), 3)
    assert.equal(histograms.get('streams_append_duration_seconds')?.count, 2)
  })

  test(`${name}: every call to a store can be reported`, async (t) => {
    const { telemetry, report } = await create(t)
    const operations = Object.keys(storeOperations) as StoreOperation[]
    for (const operation of operations) telemetry.storeCall(operation, 'ok', 1, 0)
    assert.equal((await report()).counters.get('streams_store_calls_total'), operations.length)
  })

  test(`${name}: names beyond the bound are counted, too`, async (t) => {
    const { telemetry, report } = await create(t)
    for (let i = 0; i < 100; i++) {
      telemetry.segmentWritten(`topic-${i}`, 1, 1, 10)
      telemetry.groupAcked({ topic: 'orders', group: `group-${i}` }, 1)
    }
    const { counters } = await report()
    for (const metric of ['streams_messages_appended_total', 'streams_group_acks_total'].filter(has)) {
      assert.equal(counters.get(metric), 100)
    }
  })
}

function assertClose (actual: number | undefined, expected: number, what: string): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${what}: ${actual}, expected ${expected}`)
}

/** Sums of the values whose keys are `name` or `name{labels}`. */
export function summed<T> (series: Iterable<readonly [string, T]>, add: (a: T, b: T) => T): Map<string, T> {
  const sums = new Map<string, T>()
  for (const [key, value] of series) {
    const name = key.split('{')[0]!
    const before = sums.get(name)
    sums.set(name, before === undefined ? value : add(before, value))
  }
  return sums
}

export const add = (a: number, b: number): number => a + b
export const addHistograms = (a: Histogram, b: Histogram): Histogram => ({ count: a.count + b.count, sum: a.sum + b.sum })
