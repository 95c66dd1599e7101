import { Tally, type TallyOptions } from '../metrics/tally.ts'
import type { Family, HistogramSeries, Series } from '../metrics/series.ts'
import type { Telemetry } from '../../ports/telemetry.ts'

export interface MemoryTelemetry extends Telemetry {
  /** The counters by name and labels, as in `streams_store_calls_total{store="segments",operation="put",outcome="ok"}`; without zeros. */
  readonly counters: ReadonlyMap<string, number>
  readonly gauges: ReadonlyMap<string, number>
  readonly histograms: ReadonlyMap<string, HistogramSeries>
}

/** Metrics in memory, for tests. */
export function createMemoryTelemetry (options: Partial<TallyOptions> = {}): MemoryTelemetry {
  const tally = new Tally({ topicsMax: 100, paid: false, ...options })
  const ofKind = (kind: string) => new Map(Object.values<Family<Series | HistogramSeries>>(tally.families)
    .filter(({ metric }) => metric.kind === kind)
    .flatMap(({ metric, all }) => [...all].map((series) => [keyOf(metric.name, metric.labels, series.labels), series] as const)))
  const values = (kind: string) => new Map([...ofKind(kind) as Map<string, Series>].map(([key, { value }]) => [key, value]))
  return Object.defineProperties(tally, {
    counters: { get: () => new Map([...values('counter')].filter(([, value]) => value !== 0)) },
    gauges: { get: () => values('gauge') },
    histograms: { get: () => ofKind('histogram') }
  }) as unknown as MemoryTelemetry
}

function keyOf (name: string, labels: readonly string[], values: readonly string[]): string {
  return `${name}{${labels.map((label, i) => `${label}="${values[i]}"`).join(',')}}`
}
