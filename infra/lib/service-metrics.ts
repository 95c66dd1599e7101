import type { Duration } from 'aws-cdk-lib'
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import { cloudWatchMetrics, cloudWatchName, NAMESPACE, SERVICE_DIMENSION } from '../../src/adapters/emf/emf.ts'
import { metrics } from '../../src/ports/metrics.ts'

type Published = typeof cloudWatchMetrics

export interface View {
  readonly statistic?: string
  readonly period?: Duration
  readonly label?: string
}

/** The value of the label that extends the name, where there is one, and how to look at it. */
type Rest<Label> = Label extends string ? [value: string, view?: View] : [value?: undefined, view?: View]

/** A metric that the function writes, by its key in the table of the service. */
export function serviceMetric<Key extends keyof Published> (
  fn: Function, key: Key, ...[value, view = {}]: Rest<Published[Key]>
): Metric {
  const metricName = cloudWatchName(metrics[key], value)
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { [SERVICE_DIMENSION]: fn.functionName },
    statistic: Stats.SUM,
    label: metricName.replace(/^streams_/, '').replace(/_total/, ''),
    ...view
  })
}
