import { createEmfMetrics, cloudWatchMetrics } from '../../src/adapters/emf/emf.ts'
import { createMemoryTelemetry } from '../../src/adapters/memory/telemetry.ts'
import { createPrometheusMetrics } from '../../src/adapters/prometheus/exposition.ts'
import { metrics } from '../../src/ports/metrics.ts'
import { parseMetrics } from '../support/metrics/prometheus-text.ts'
import { add, addHistograms, summed, testTelemetry, type Histogram, type Reported } from './telemetry.contract.ts'

const options = { topicsMax: 2, paid: true }

testTelemetry('memory', {
  has: () => true,
  async create () {
    const telemetry = createMemoryTelemetry(options)
    return {
      telemetry,
      report: async () => ({
        counters: summed(telemetry.counters, add),
        gauges: summed(telemetry.gauges, add),
        histograms: summed<Histogram>(telemetry.histograms, addHistograms)
      })
    }
  }
})

testTelemetry('prometheus', {
  has: () => true,
  async create () {
    const { telemetry, exposition } = createPrometheusMetrics(options)
    return {
      telemetry,
      async report (): Promise<Reported> {
        const { types, samples } = parseMetrics((await exposition.show('prometheus')).text)
        const own = samples.filter(({ name }) => name.startsWith('streams_'))
        const ofType = (type: string) => summed(
          own.filter(({ name }) => types.get(name) === type).map(({ name, value }) => [name, value] as const), add)
        const part = (suffix: string) => own.map(({ name, value }) => [name.slice(0, -suffix.length), value, name] as const)
          .filter(([histogram, , name]) => name.endsWith(suffix) && types.get(histogram) === 'histogram')
          .map(([histogram, value]) => [histogram, value] as const)
        const sums = summed(part('_sum'), add)
        const counts = [...summed(part('_count'), add)].map(([name, count]) => [name, { count, sum: sums.get(name)! }] as const)
        return { counters: ofType('counter'), gauges: ofType('gauge'), histograms: new Map(counts) }
      }
    }
  }
})

const inCloudWatch = new Set<string>(Object.keys(cloudWatchMetrics).map((key) => metrics[key as keyof typeof metrics].name))
const kinds = new Map<string, string>(Object.values(metrics).map(({ name, kind }) => [name, kind]))

testTelemetry('embedded metric format', {
  has: (name) => inCloudWatch.has(name),
  async create () {
    const lines: string[] = []
    const { telemetry, flush } = createEmfMetrics({ ...options, service: 'streams', write: (line) => { lines.push(line) } })
    return {
      telemetry,
      async report (): Promise<Reported> {
        flush()
        const values = lines.flatMap((line) => Object.entries(JSON.parse(line) as Record<string, unknown>))
          .filter(([key]) => key.startsWith('streams_'))
          .map(([key, value]) => [key.split('.')[0]!, [value].flat() as number[]] as const)
        const ofKind = (kind: string) => values.filter(([name]) => kinds.get(name) === kind)
        const sumOf = (numbers: readonly number[]): number => numbers.reduce(add, 0)
        const sums = (kind: string) => summed(ofKind(kind).map(([name, numbers]) => [name, sumOf(numbers)] as const), add)
        const histograms = ofKind('histogram').map(([name, numbers]) => [name, { count: numbers.length, sum: sumOf(numbers) }] as const)
        return { counters: sums('counter'), gauges: sums('gauge'), histograms: summed<Histogram>(histograms, addHistograms) }
      }
    }
  }
})
