import { collectDefaultMetrics, Registry, type Metric as PromMetric, type OpenMetricsContentType } from 'prom-client'
import type { Exposition } from '../../ports/exposition.ts'
import type { Metric } from '../../ports/metrics.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { HistogramSeries, type Family, type Series } from '../metrics/series.ts'
import { Tally, type TallyOptions } from '../metrics/tally.ts'

export interface PrometheusMetrics {
  readonly telemetry: Telemetry
  readonly exposition: Exposition
}

interface Sample {
  readonly labels: Record<string, string>
  readonly value: number
  readonly metricName?: string
}

/** What prom-client's registry calls of a metric. Its type has more, which only its own metrics need. */
interface Source {
  name: string
  readonly type: string
  get (): Promise<{ readonly name: string, readonly type: string, readonly help: string, readonly values: readonly Sample[] }>
}

/**
 * The metrics of the service and of the process (heap, event loop, garbage collection), for Prometheus. Counting does not touch
 * prom-client: its registry asks for the numbers when somebody scrapes.
 */
export function createPrometheusMetrics (options: TallyOptions): PrometheusMetrics {
  const tally = new Tally(options)
  const registries = { prometheus: new Registry(), openmetrics: new Registry<OpenMetricsContentType>() } as const
  registries.openmetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  collectDefaultMetrics({ register: registries.prometheus })
  const ofProcess = registries.prometheus.getMetricsAsArray() as unknown as Source[]
  const families = Object.values<Family<Series | HistogramSeries>>(tally.families)
  for (const metric of ofProcess) register(registries.openmetrics, copyOf(metric))
  for (const registry of Object.values<AnyRegistry>(registries)) for (const family of families) register(registry, sourceOf(family))
  return {
    telemetry: tally,
    exposition: {
      async show (format) {
        const registry = registries[format]
        return { type: registry.contentType, text: await registry.metrics() }
      }
    }
  }
}

type AnyRegistry = Pick<Registry, 'registerMetric'>

function register (registry: AnyRegistry, source: Source): void {
  registry.registerMetric(source as unknown as PromMetric)
}

/** For OpenMetrics, the registry changes the names of its counters, so that each registry needs objects of its own. */
function copyOf (metric: Source): Source {
  const copy: Source = { name: metric.name, type: metric.type, get: async () => ({ ...await metric.get(), name: copy.name }) }
  return copy
}

function sourceOf (family: Family<Series | HistogramSeries>): Source {
  const { metric } = family
  const { name, kind: type, help } = metric
  const source: Source = {
    name,
    type,
    get: async () => ({ name: source.name, type, help, values: [...family.all].flatMap((series) => samplesOf(metric, series)) })
  }
  return source
}

function samplesOf ({ name, labels: names }: Metric, series: Series | HistogramSeries): Sample[] {
  const labels = Object.fromEntries(names.map((label, i) => [label, series.labels[i]!]))
  if (!(series instanceof HistogramSeries)) return [{ labels, value: series.value }]
  const { bounds, counts, count, sum } = series
  let below = 0
  const buckets = [...bounds, '+Inf'].map((bound, i) => {
    below += counts[i]!
    return { labels: { ...labels, le: String(bound) }, value: below, metricName: `${name}_bucket` }
  })
  return [...buckets, { labels, value: sum, metricName: `${name}_sum` }, { labels, value: count, metricName: `${name}_count` }]
}
