import { createMemoryTelemetry } from '../../src/adapters/memory/telemetry.ts'
import { add, addHistograms, summed, testTelemetry, type Histogram } from './telemetry.contract.ts'

testTelemetry('memory', {
  has: () => true,
  async create () {
    const telemetry = createMemoryTelemetry({ topicsMax: 2, paid: true })
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
