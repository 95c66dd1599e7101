import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { metrics, type Metric } from '../../ports/metrics.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { HistogramSeries, type Family, type Series } from '../metrics/series.ts'
import { Tally, type TallyOptions } from '../metrics/tally.ts'

type Key = keyof typeof metrics

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

/** More values of one metric than this would be a second line. */
const VALUES_MAX = 99

export interface EmfMetrics {
  readonly telemetry: Telemetry
  /** Writes what has happened since the call before as one line, in the embedded metric format; nothing if nothing has. */
  readonly flush: () => void
}

export interface EmfOptions extends Omit<TallyOptions, 'sampleMax'> {
  /** The value of the dimension `service`. */
  readonly service: string
  /** Standard output by default. */
  readonly write?: (line: string) => void
}

/** Metrics for CloudWatch, which takes them out of the log of a function. */
export function createEmfMetrics ({ service, write, ...options }: EmfOptions): EmfMetrics {
  const tally = new Tally({ ...options, sampleMax: VALUES_MAX })
  const embedded = new Metrics({ namespace: 'ServerlessStreams', serviceName: service })
  return {
    telemetry: tally,
    flush () {
      for (const [key, label] of Object.entries(cloudWatchMetrics) as Array<[Key, string | undefined]>) {
        const { metric, all }: Family<Series | HistogramSeries> = tally.families[key]
        for (const [name, values] of takeValues(metric, label, all)) {
          for (const value of values) embedded.addMetric(name, unitOf(metric), value)
        }
      }
      if (!embedded.hasStoredMetrics()) return
      if (write === undefined) embedded.publishStoredMetrics()
      else {
        write(JSON.stringify(embedded.serializeMetrics()))
        embedded.clearMetrics()
      }
    }
  }
}

/** What has happened since the call before: sums of counters, observed values, and the highest gauge of those that were set. */
function takeValues (metric: Metric, label: string | undefined, all: Iterable<Series | HistogramSeries>): Map<string, number[]> {
  const place = label === undefined ? -1 : metric.labels.indexOf(label)
  const taken = new Map<string, number[]>()
  for (const series of all) {
    const name = place === -1 ? metric.name : `${metric.name}.${series.labels[place]}`
    if (series instanceof HistogramSeries) taken.set(name, [...taken.get(name) ?? [], ...series.sample!.take()])
    else if (metric.kind === 'gauge') {
      const value = series.take(NaN)
      if (!Number.isNaN(value)) taken.set(name, [Math.max(value, ...taken.get(name) ?? [])])
    } else if (series.value !== 0) taken.set(name, [series.take() + (taken.get(name)?.[0] ?? 0)])
  }
  for (const [name, values] of taken) {
    const stride = Math.ceil(values.length / VALUES_MAX)
    if (stride > 1) taken.set(name, values.filter((_, i) => i % stride === 0))
  }
  return taken
}

function unitOf ({ name }: Metric): typeof MetricUnit[keyof typeof MetricUnit] {
  if (name.endsWith('_seconds')) return MetricUnit.Seconds
  if (name.includes('dollars')) return MetricUnit.NoUnit
  return name.includes('bytes') ? MetricUnit.Bytes : MetricUnit.Count
}
