import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEmfMetrics } from '../../../src/adapters/emf/emf.ts'
import { parseEmf } from '../../support/lambda/emf.ts'

function create () {
  const lines: string[] = []
  return { lines, ...createEmfMetrics({ topicsMax: 2, paid: true, service: 'my-function', write: (line) => { lines.push(line) } }) }
}

test('what has happened is one line, with the dimension of the function', () => {
  const { lines, telemetry, flush } = create()
  telemetry.append('ok', 20)
  telemetry.append('topic_closed', 1)
  telemetry.storeCall('put', 'ok', 15, 100)
  telemetry.storeCall('reserve', 'ok', 5, 0)
  telemetry.groupReceived({ topic: 't', group: 'a' }, 1, 0, 7)
  telemetry.groupReceived({ topic: 't', group: 'b' }, 1, 0, 9)
  flush()
  assert.equal(lines.length, 1)
  const { _aws: { CloudWatchMetrics: [directive] }, ...members } = parseEmf(lines[0]!)
  assert.equal(directive!.Namespace, 'ServerlessStreams')
  assert.deepEqual(directive!.Dimensions, [['service']])
  assert.deepEqual(members, {
    service: 'my-function',
    'streams_appends_total.ok': 1,
    'streams_appends_total.topic_closed': 1,
    streams_append_duration_seconds: 0.02,
    'streams_store_calls_total.ok': 2,
    streams_store_call_duration_seconds: [0.015, 0.005],
    streams_storage_cost_dollars_total: 0.000005,
    streams_group_deliveries_total: 2,
    streams_group_lag_messages: 9
  })
  const unit = (name: string) => directive!.Metrics.find(({ Name }) => Name === name)!.Unit
  assert.deepEqual([unit('streams_appends_total.ok'), unit('streams_append_duration_seconds'), unit('streams_storage_cost_dollars_total')],
    ['Count', 'Seconds', 'None'])
})

test('a line tells what has happened since the line before, and nothing is no line', () => {
  const { lines, telemetry, flush } = create()
  flush()
  telemetry.append('ok', 20)
  flush()
  flush()
  telemetry.append('ok', 30)
  flush()
  assert.deepEqual(lines.map((line) => parseEmf(line)['streams_appends_total.ok']), [1, 1])
  assert.deepEqual(lines.map((line) => parseEmf(line)['streams_append_duration_seconds']), [0.02, 0.03])
})

test('many calls in one invocation are still one valid line: their count, and a sample of their durations', () => {
  const { lines, telemetry, flush } = create()
  for (let i = 0; i < 5_000; i++) {
    telemetry.storeCall('state', 'ok', i, 0)
    telemetry.storeCall('list', 'ok', i, 0)
    telemetry.segmentWritten(`topic-${i}`, 1, 1, 1)
  }
  flush()
  assert.equal(lines.length, 1)
  const line = parseEmf(lines[0]!)
  assert.equal(line['streams_store_calls_total.ok'], 10_000)
  assert.equal(line['streams_messages_appended_total'], 5_000)
  const seconds = line['streams_store_call_duration_seconds'] as number[]
  assert.ok(seconds.length > 40, `${seconds.length} values`)
  const mean = seconds.reduce((sum, value) => sum + value, 0) / seconds.length
  assert.ok(Math.abs(mean - 2.5) < 0.3, `a mean of ${mean} s`)
})
