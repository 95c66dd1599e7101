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

/** What one line may have at most. */
const METRICS_MAX = 100
const VALUES_MAX = 100

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

/**
 * Metrics for CloudWatch, which takes them out of the log of a function. AWS's library for this adds up, too, and keeps what it
 * adds apart for each invocation, in a store that only AWS's own runtime has; here the tally has added up already, and one object
 * is all that is left to write.
 */
export function createEmfMetrics ({ service, write = print, ...options }: EmfOptions): EmfMetrics {
  const tally = new Tally({ ...options, sampleMax: VALUES_MAX })
  return {
    telemetry: tally,
    flush () {
      const taken: Taken[] = []
      for (const [key, label] of Object.entries(cloudWatchMetrics) as Array<[Key, string | undefined]>) {
        const { metric, all }: Family<Series | HistogramSeries> = tally.families[key]
        for (const [name, values] of takeValues(metric, label, all)) taken.push({ name, unit: unitOf(metric), values })
      }
      for (let i = 0; i < taken.length; i += METRICS_MAX) write(lineOf(taken.slice(i, i + METRICS_MAX), service))
    }
  }
}

interface Taken {
  readonly name: string
  readonly unit: 'Seconds' | 'Bytes' | 'Count' | 'None'
  readonly values: readonly number[]
}

function lineOf (taken: readonly Taken[], service: string): string {
  return JSON.stringify({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [{
        Namespace: 'ServerlessStreams',
        Dimensions: [['service']],
        Metrics: taken.map(({ name, unit }) => ({ Name: name, Unit: unit }))
      }]
    },
    service,
    ...Object.fromEntries(taken.map(({ name, values }) => [name, values.length === 1 ? values[0] : values]))
  })
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
    if (values.length === 0) taken.delete(name)
    const stride = Math.ceil(values.length / VALUES_MAX)
    if (stride > 1) taken.set(name, values.filter((_, i) => i % stride === 0))
  }
  return taken
}

function unitOf ({ name }: Metric): Taken['unit'] {
  if (name.endsWith('_seconds')) return 'Seconds'
  if (name.includes('dollars')) return 'None'
  return name.includes('bytes') ? 'Bytes' : 'Count'
}

/** Not with console.log, which Lambda wraps in its own format. */
function print (line: string): void {
  process.stdout.write(`${line}\n`)
}
