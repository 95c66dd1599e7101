import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPrometheusMetrics } from '../../../src/adapters/prometheus/exposition.ts'
import { metrics } from '../../../src/ports/metrics.ts'
import { parseMetrics, valueOf } from '../../support/metrics/prometheus-text.ts'

const create = () => createPrometheusMetrics({ topicsMax: 2, paid: true })

test('an observed value is counted in each bucket whose bound is not below it', async () => {
  const { telemetry, exposition } = create()
  const { buckets } = metrics.appendSeconds
  // On each bound, and a little above it.
  for (const bound of buckets) {
    telemetry.append('ok', bound * 1_000)
    telemetry.append('ok', bound * 1_001)
  }
  const text = parseMetrics((await exposition.show('prometheus')).text)
  for (const [i, bound] of buckets.entries()) {
    assert.equal(valueOf(text, 'streams_append_duration_seconds_bucket', { le: String(bound) }), 2 * i + 1, `up to ${bound}`)
  }
  assert.equal(valueOf(text, 'streams_append_duration_seconds_bucket', { le: '+Inf' }), 2 * buckets.length)
  assert.equal(valueOf(text, 'streams_append_duration_seconds_count'), 2 * buckets.length)
})

test('the bounds of all histograms ascend', () => {
  for (const metric of Object.values(metrics)) {
    if (metric.kind !== 'histogram') continue
    assert.deepEqual([...metric.buckets], [...new Set(metric.buckets)].sort((a, b) => a - b), metric.name)
  }
})

test('names follow the conventions of Prometheus', () => {
  for (const { name, kind, labels, help } of Object.values(metrics)) {
    assert.match(name, /^streams_[a-z_]+$/)
    assert.equal(name.endsWith('_total'), kind === 'counter', name)
    for (const label of labels) assert.match(label, /^[a-z_]+$/)
    assert.match(help, /^[A-Z].*\.$/)
  }
})

test('OpenMetrics has the same numbers, in whatever order the two are asked for', async () => {
  const { telemetry, exposition } = create()
  telemetry.segmentWritten('orders', 1, 5, 100)
  telemetry.append('ok', 20)
  for (let round = 0; round < 2; round++) {
    const [plain, open] = [await exposition.show('prometheus'), await exposition.show('openmetrics')]
    assert.match(plain.type, /^text\/plain; version=0\.0\.4/)
    assert.match(open.type, /^application\/openmetrics-text; version=1\.0\.0/)
    assert.ok(open.text.endsWith('# EOF\n'))
    assert.ok(!plain.text.includes('# EOF'))
    const [a, b] = [parseMetrics(plain.text), parseMetrics(open.text)]
    assert.equal(a.types.get('streams_messages_appended_total'), 'counter')
    assert.equal(b.types.get('streams_messages_appended'), 'counter')
    assert.equal(a.types.get('process_cpu_seconds_total'), 'counter')
    assert.equal(b.types.get('process_cpu_seconds'), 'counter')
    const own = ({ samples }: typeof a) => samples.filter(({ name }) => name.startsWith('streams_'))
    assert.deepEqual(own(a), own(b))
    assert.equal(valueOf(b, 'streams_messages_appended_total', { topic: 'orders' }), 5)
  }
})

test('what operators watch for is there before it happens first, so that a rate sees the first time', async () => {
  const { exposition } = create()
  const text = parseMetrics((await exposition.show('prometheus')).text)
  for (const bound of ['memory', 'connections', 'followers', 'overload', 'rate', 'pipelining']) {
    assert.equal(valueOf(text, 'streams_refusals_total', { bound }), 0)
  }
  assert.equal(valueOf(text, 'streams_seals_total', { kind: 'hole' }), 0)
  assert.equal(valueOf(text, 'streams_sweeps_total', { outcome: 'failed' }), 0)
  assert.equal(valueOf(text, 'streams_storage_cost_dollars_total'), 0)
})

test('nothing costs dollars on a storage that is not paid for by the call', async () => {
  const { telemetry, exposition } = createPrometheusMetrics({ topicsMax: 2, paid: false })
  telemetry.storeCall('put', 'ok', 1, 1)
  const text = parseMetrics((await exposition.show('prometheus')).text)
  assert.equal(valueOf(text, 'streams_storage_cost_dollars_total'), undefined)
})

test('the process shows its heap and the lag of its event loop', async () => {
  const text = parseMetrics((await create().exposition.show('prometheus')).text)
  assert.ok(valueOf(text, 'nodejs_heap_size_used_bytes')! > 1_000_000)
  assert.ok(valueOf(text, 'nodejs_eventloop_lag_seconds') !== undefined)
  assert.ok(valueOf(text, 'process_resident_memory_bytes')! > 1_000_000)
})
