/** What the metrics are called in CloudWatch. Dashboards and alarms import it, so it needs no library. */
import type { Metric, metrics } from '../../ports/metrics.ts'

type Key = keyof typeof metrics

export const NAMESPACE = 'ServerlessStreams'

/** Its value is the name of the function. */
export const SERVICE_DIMENSION = 'service'

/**
 * The metrics that go to CloudWatch, each with the label that its name there is extended by, if it has one: each name costs money
 * there, and so would each value of a dimension. What the platform counts itself is left out, and what is of no use in a process
 * that has one request at a time.
 */
export const cloudWatchMetrics = {
  errors: 'code',
  appends: 'outcome',
  appendSeconds: undefined,
  messagesAppended: undefined,
  bytesAppended: undefined,
  reads: 'outcome',
  readSeconds: undefined,
  messagesDelivered: undefined,
  bytesDelivered: undefined,
  storeCalls: 'outcome',
  storeCallSeconds: undefined,
  capacityUnits: 'kind',
  cost: undefined,
  holes: 'verdict',
  seals: 'kind',
  sweeps: 'outcome',
  sweepFailures: undefined,
  segmentsRemoved: undefined,
  bytesRemoved: undefined,
  groupLag: undefined,
  groupDeliveries: undefined,
  groupRedeliveries: undefined,
  groupAcks: undefined,
  groupExpiries: undefined,
  groupDead: undefined
} as const satisfies { readonly [K in Key]?: typeof metrics[K]['labels'][number] | undefined }

/** @param value of the label that extends the name, if there is one */
export function cloudWatchName ({ name }: Pick<Metric, 'name'>, value?: string): string {
  return value === undefined ? name : `${name}.${value}`
}
