import { Duration } from 'aws-cdk-lib'
import {
  Alarm, type AlarmProps, ComparisonOperator, type IMetric, MathExpression, Stats, TreatMissingData
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import type { Alarms } from './config.ts'
import type { Front } from './fronts/front.ts'
import { serviceMetric } from './service-metrics.ts'

export interface Watched {
  readonly fn: Function
  readonly sweep: Function
  readonly front: Front
}

interface AlarmSpec extends Pick<AlarmProps, 'threshold'> {
  readonly id: string
  /** What it means, and what to do; for the e-mail. */
  readonly description: string
  readonly metric: IMetric
  /** Periods in a row that must be above the threshold; one by default. */
  readonly periods?: number
}

const fiveMinutes = Duration.minutes(5)
const hour = Duration.hours(1)

/** Seals in five minutes that need no attention: writers that time out now and then. */
const sealsMax = 50

/** The alarms of docs/operations.md that CloudWatch can know of. */
export function createAlarms (scope: Construct, options: Alarms, watched: Watched): Alarm[] {
  const topic = options.email === undefined ? undefined : new Topic(scope, 'AlarmTopic', { enforceSSL: true })
  topic?.addSubscription(new EmailSubscription(options.email!))
  return [...platformAlarms(watched), ...serviceAlarms(options, watched)]
    .map(({ id, metric, description, threshold, periods = 1 }) => {
      const alarm = new Alarm(scope, `${id}Alarm`, {
        metric,
        threshold,
        alarmDescription: `Serverless Streams: ${description}. See docs/operations.md, "Alarms"`,
        evaluationPeriods: periods,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        // Nothing is reported while nothing is used.
        treatMissingData: TreatMissingData.NOT_BREACHING
      })
      if (topic !== undefined) {
        alarm.addAlarmAction(new SnsAction(topic))
        alarm.addOkAction(new SnsAction(topic))
      }
      return alarm
    })
}

function platformAlarms ({ fn, sweep, front }: Watched): AlarmSpec[] {
  return [{
    id: 'Errors',
    description: 'the function has failed or timed out; its log has the cause',
    metric: fn.metricErrors({ period: fiveMinutes }),
    threshold: 0
  }, {
    id: 'Throttles',
    description: 'Lambda has refused requests; raise the concurrency of the account or of the function',
    metric: fn.metricThrottles({ period: fiveMinutes }),
    threshold: 0
  }, {
    id: 'ServerErrors',
    description: 'more than 1 % of the requests were answered by a 5xx for 15 minutes',
    metric: new MathExpression({
      expression: 'IF(requests > 0, 100 * errors / requests, 0)',
      usingMetrics: { errors: front.serverErrors, requests: front.requests },
      period: fiveMinutes,
      label: '5xx %'
    }),
    threshold: 1,
    periods: 3
  }, {
    id: 'Sweep',
    description: 'retention does not remove all that it should; the log line "sweep failed" or "topic could not be swept" has the cause',
    metric: new MathExpression({
      expression: 'FILL(errors, 0) + FILL(topics, 0)',
      usingMetrics: { errors: sweep.metricErrors(), topics: serviceMetric(sweep, 'sweepFailures') },
      period: hour,
      label: 'failed'
    }),
    threshold: 0
  }]
}

function serviceAlarms ({ appendP99Ms, groupLagMessages, costPerDayDollars }: Alarms, { fn }: Watched): AlarmSpec[] {
  const of5Minutes = { period: fiveMinutes }
  return [{
    id: 'SlowAppends',
    description: `1 % of the appends took longer than ${appendP99Ms} ms for 15 minutes; the storage is slow, or larger batches are needed`,
    metric: serviceMetric(fn, 'appendSeconds', undefined, { ...of5Minutes, statistic: Stats.p(99) }),
    threshold: appendP99Ms / 1_000,
    periods: 3
  }, {
    id: 'Seals',
    description: `more than ${sealsMax} seals in 5 minutes: functions end during appends, or puts take seconds, and readers wait for them`,
    metric: new MathExpression({
      expression: 'FILL(holes, 0) + FILL(ranges, 0)',
      usingMetrics: { holes: serviceMetric(fn, 'seals', 'hole'), ranges: serviceMetric(fn, 'seals', 'range') },
      period: fiveMinutes,
      label: 'seals'
    }),
    threshold: sealsMax
  }, {
    id: 'GroupLag',
    description: `a consumer group was more than ${groupLagMessages} messages behind for 10 minutes; it needs more workers, or faster ones`,
    metric: serviceMetric(fn, 'groupLag', undefined, { ...of5Minutes, statistic: Stats.MAXIMUM }),
    threshold: groupLagMessages,
    periods: 2
  }, {
    id: 'DeadLetters',
    description: 'messages were given up; read them, correct the cause, redrive',
    metric: serviceMetric(fn, 'groupDead', undefined, of5Minutes),
    threshold: 0
  }, {
    id: 'Cost',
    description: `the calls to S3 and DynamoDB of the last hour cost more than $${costPerDayDollars} a day`,
    metric: new MathExpression({
      expression: '24 * cost',
      usingMetrics: { cost: serviceMetric(fn, 'cost') },
      period: hour,
      label: '$ a day'
    }),
    threshold: costPerDayDollars
  }]
}
