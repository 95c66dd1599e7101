import { Aws, Duration } from 'aws-cdk-lib'
import {
  type Alarm, AlarmStatusWidget, Dashboard, GraphWidget, type IMetric, type IWidget, LogQueryWidget, MathExpression, Stats
} from 'aws-cdk-lib/aws-cloudwatch'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { NAMESPACE, SERVICE_DIMENSION } from '../../src/adapters/emf/emf.ts'
import { metrics } from '../../src/ports/metrics.ts'
import type { Watched } from './alarms.ts'
import { serviceMetric } from './service-metrics.ts'

/** Of 24 columns. */
const width = 8
const [p50, p99] = [Stats.p(50), Stats.p(99)]

export function createDashboard (scope: Construct, watched: Watched, alarms: Alarm[]): Dashboard {
  const { fn, sweep } = watched
  return new Dashboard(scope, 'Dashboard', {
    dashboardName: `${Aws.STACK_NAME}-${Aws.REGION}`,
    defaultInterval: Duration.hours(3),
    widgets: [
      [new AlarmStatusWidget({ title: 'Alarms', width: 24, height: 3, alarms })],
      platformRow(watched),
      messagesRow(watched),
      storageRow(watched),
      orderRow(watched),
      [errorLog([fn.logGroup, sweep.logGroup])]
    ]
  })
}

function graph (title: string, left: IMetric[], unit: string, right: IMetric[] = []): GraphWidget {
  return new GraphWidget({ title, width, height: 6, left, right, leftYAxis: { label: unit, min: 0, showUnits: false } })
}

function platformRow ({ fn, front }: Watched): IWidget[] {
  return [
    graph('Requests', [front.requests, front.serverErrors], 'in 5 minutes'),
    graph('Function', [fn.metricErrors(), fn.metricThrottles()], 'in 5 minutes', [
      fn.metric('ConcurrentExecutions', { statistic: Stats.MAXIMUM, label: 'running at a time' })
    ]),
    graph('Errors by code', [new MathExpression({
      // Which codes there are is seen only when they come. Without quotation marks, the name may go on.
      expression: `SEARCH('{${NAMESPACE},${SERVICE_DIMENSION}} ${SERVICE_DIMENSION}="${fn.functionName}" ` +
        `MetricName=${metrics.errors.name}', 'Sum')`,
      usingMetrics: {},
      label: ''
    })], 'in 5 minutes')
  ]
}

function messagesRow ({ fn }: Watched): IWidget[] {
  return [
    graph('Messages', [serviceMetric(fn, 'messagesAppended'), serviceMetric(fn, 'messagesDelivered')], 'in 5 minutes'),
    graph('Appends and reads', [
      serviceMetric(fn, 'appends', 'ok'), serviceMetric(fn, 'appends', 'duplicate'), serviceMetric(fn, 'reads', 'ok')
    ], 'in 5 minutes'),
    graph('Duration', [
      serviceMetric(fn, 'appendSeconds', undefined, { statistic: p50, label: 'append p50' }),
      serviceMetric(fn, 'appendSeconds', undefined, { statistic: p99, label: 'append p99' }),
      serviceMetric(fn, 'readSeconds', undefined, { statistic: p50, label: 'read p50' }),
      serviceMetric(fn, 'readSeconds', undefined, { statistic: p99, label: 'read p99' })
    ], 's')
  ]
}

function storageRow ({ fn, sweep }: Watched): IWidget[] {
  const calls = ['ok', 'conflict', 'throttled', 'timeout', 'unavailable', 'misconfigured']
  return [
    graph('Calls to the storage', calls.map((outcome) => serviceMetric(fn, 'storeCalls', outcome)), 'in 5 minutes'),
    graph('Duration of the calls', [
      serviceMetric(fn, 'storeCallSeconds', undefined, { statistic: p50, label: 'p50' }),
      serviceMetric(fn, 'storeCallSeconds', undefined, { statistic: p99, label: 'p99' })
    ], 's'),
    graph('Cost of the calls', [
      serviceMetric(fn, 'cost', undefined, { period: Duration.hours(1), label: 'API' }),
      serviceMetric(sweep, 'cost', undefined, { period: Duration.hours(1), label: 'sweeps' })
    ], '$ an hour', [serviceMetric(fn, 'capacityUnits', 'read'), serviceMetric(fn, 'capacityUnits', 'write')])
  ]
}

function orderRow ({ fn, sweep }: Watched): IWidget[] {
  return [
    graph('Gaps', [
      serviceMetric(fn, 'seals', 'hole'), serviceMetric(fn, 'seals', 'range'), serviceMetric(fn, 'holes', 'wait')
    ], 'in 5 minutes'),
    graph('Consumer groups', [serviceMetric(fn, 'groupLag', undefined, { statistic: Stats.MAXIMUM, label: 'lag' })], 'messages', [
      serviceMetric(fn, 'groupDeliveries'), serviceMetric(fn, 'groupAcks'), serviceMetric(fn, 'groupRedeliveries'),
      serviceMetric(fn, 'groupExpiries'), serviceMetric(fn, 'groupDead')
    ]),
    graph('Sweeps', [
      // The service's own metrics are written only by sweeps that remove something.
      sweep.metricInvocations({ label: 'sweeps' }), serviceMetric(sweep, 'sweeps', 'failed'),
      serviceMetric(sweep, 'segmentsRemoved')
    ], 'in 5 minutes', [serviceMetric(sweep, 'bytesRemoved')])
  ]
}

function errorLog (groups: ILogGroup[]): LogQueryWidget {
  return new LogQueryWidget({
    title: 'Errors in the log',
    width: 24,
    height: 6,
    logGroupNames: groups.map(({ logGroupName }) => logGroupName),
    queryLines: ['fields @timestamp, msg, request_id, code, err.message', 'filter level = "error"', 'sort @timestamp desc', 'limit 50']
  })
}
