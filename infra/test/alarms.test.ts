import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Template } from 'aws-cdk-lib/assertions'
import { assumed } from '../../scripts/cost/assumptions.ts'
import { createEmfMetrics } from '../../src/adapters/emf/emf.ts'
import type { StoreOutcome } from '../../src/ports/telemetry.ts'
import { type Resource, synthesize } from './support.ts'

const alarmsOf = (context = {}) => Object.entries(synthesize(context).api.findResources('AWS::CloudWatch::Alarm'))
  .map(([id, { Properties }]) => [/^(.*)Alarm[0-9A-F]{8}$/.exec(id)![1]!, Properties as Resource['Properties']] as const)
const thresholds = (context = {}) => Object.fromEntries(alarmsOf(context).map(([id, { Threshold }]) => [id, Threshold]))

test('the alarms, and when they go off', () => {
  assert.deepEqual(thresholds(), {
    Errors: 0, Throttles: 0, ServerErrors: 1, Sweep: 0, SlowAppends: 2, Seals: 50, GroupLag: 10_000, DeadLetters: 0, Cost: 10
  })
  const { SlowAppends, GroupLag, Cost } = thresholds({ alarmAppendP99: 500, alarmGroupLag: 7, alarmCostPerDay: 3 })
  assert.deepEqual({ SlowAppends, GroupLag, Cost }, { SlowAppends: 0.5, GroupLag: 7, Cost: 3 })
  for (const [id, { ComparisonOperator, TreatMissingData }] of alarmsOf()) {
    assert.deepEqual([id, ComparisonOperator, TreatMissingData], [id, 'GreaterThanThreshold', 'notBreaching'])
  }
})

test('each alarm watches what its name says', () => {
  const namesIn = ({ MetricName, Metrics }: AlarmProperties) =>
    MetricName === undefined ? Metrics!.flatMap(({ MetricStat }) => MetricStat?.Metric.MetricName ?? []) : [MetricName]
  const watched = Object.fromEntries(alarmsOf().map(([id, properties]) => [id, namesIn(properties)]))
  assert.deepEqual(watched, {
    Errors: ['Errors'],
    Throttles: ['Throttles'],
    ServerErrors: ['5xx', 'Count'],
    Sweep: ['Errors', 'streams_sweep_topics_failed_total'],
    SlowAppends: ['streams_append_duration_seconds'],
    Seals: ['streams_seals_total.hole', 'streams_seals_total.range'],
    GroupLag: ['streams_group_lag_messages'],
    DeadLetters: ['streams_group_dead_letters_total'],
    Cost: ['streams_storage_cost_dollars_total']
  })
  // Each is paid for: docs/cost.md.
  assert.equal(Object.values(watched).flat().length, assumed.alarmMetrics)
})

test('alarms=false leaves out alarms and dashboard', () => {
  const { api } = synthesize({ alarms: false })
  for (const type of ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard', 'AWS::SNS::Topic']) api.resourceCountIs(type, 0)
})

test('an e-mail address gets each alarm, and its end', () => {
  const { api } = synthesize({ alarmEmail: 'ops@example.com' })
  api.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'ops@example.com' })
  for (const [, { AlarmActions, OKActions }] of alarmsOf({ alarmEmail: 'ops@example.com' })) {
    assert.equal((AlarmActions as unknown[]).length, 1)
    assert.equal((OKActions as unknown[]).length, 1)
  }
  assert.deepEqual(alarmsOf().filter(([, { AlarmActions }]) => AlarmActions !== undefined), [])
})

test('dashboard and alarms name only metrics that a function writes', () => {
  const written = metricsOfAFunction()
  for (const front of ['http', 'rest', 'url']) {
    const named = customMetricsOf(synthesize({ front }).api)
    assert(named.size > 25, String(named.size))
    assert.deepEqual([...named].filter((name) => !written.has(name)), [])
  }
})

test('each alarm of the service is also a graph', () => {
  const { api } = synthesize()
  const graphs = JSON.stringify(api.findResources('AWS::CloudWatch::Dashboard'))
  const alarms = [...JSON.stringify(api.findResources('AWS::CloudWatch::Alarm')).matchAll(/streams_\w+(?:\.\w+)?/g)].map(([name]) => name)
  assert(alarms.length > 5)
  assert.deepEqual(alarms.filter((name) => !graphs.includes(name) && name !== 'streams_sweep_topics_failed_total'), [])
})

interface NamedMetric { readonly Namespace?: string, readonly MetricName?: string }

interface AlarmProperties extends NamedMetric {
  /** Of a formula. */
  readonly Metrics?: ReadonlyArray<{ readonly MetricStat?: { readonly Metric: NamedMetric } }>
}

/** The names in the namespace of the service. */
function customMetricsOf (template: Template): Set<string> {
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map((found) => found['Properties'] as AlarmProperties)
  const inAlarms = alarms.flatMap((alarm) => [alarm, ...alarm.Metrics?.map(({ MetricStat }) => MetricStat?.Metric) ?? []])
    .filter((metric) => metric?.Namespace === 'ServerlessStreams').map((metric) => metric!.MetricName!)
  const dashboard = JSON.stringify(template.findResources('AWS::CloudWatch::Dashboard'))
  const inGraphs = [...dashboard.matchAll(/\[\\+"ServerlessStreams\\+",\\+"([\w.]+)\\+"/g)].map(([, name]) => name!)
  assert(inGraphs.length > 20)
  assert(inAlarms.length > 5)
  return new Set([...inAlarms, ...inGraphs])
}

/** What a function writes after all has happened that can happen. */
function metricsOfAFunction (): Set<string> {
  const lines: string[] = []
  const { telemetry, flush } = createEmfMetrics({ service: 'f', topicsMax: 10, paid: true, write: (line) => { lines.push(line) } })
  const group = { topic: 't', group: 'g' }
  const outcomes = ['ok', 'conflict', 'throttled', 'timeout', 'unavailable', 'misconfigured', 'full', 'internal'] satisfies StoreOutcome[]
  for (const outcome of outcomes) telemetry.storeCall('put', outcome, 1, 1)
  for (const kind of ['read', 'write'] as const) telemetry.capacityUsed(kind, 1)
  for (const outcome of ['ok', 'duplicate']) telemetry.append(outcome, 1)
  for (const kind of ['hole', 'range'] as const) telemetry.sealPut(kind)
  for (const failed of [true, false]) telemetry.swept({ segments: 1, bytes: 1, records: 1, failedTopics: 1, failed })
  telemetry.segmentWritten('t', 1, 1, 1)
  telemetry.read('ok', 1)
  telemetry.delivered('t', 1, 1)
  telemetry.hole('wait')
  telemetry.groupReceived(group, 1, 1, 1)
  telemetry.groupAcked(group, 1)
  telemetry.groupLeasesExpired(group, 1)
  telemetry.groupDeadLettered(group, 1)
  telemetry.request({ method: 'GET', route: '/topics', status: 503, code: 'storage_unavailable', ms: 1 })
  flush()
  return new Set(lines.flatMap((line) => Object.keys(JSON.parse(line) as object)))
}
