import { metrics, storeOperations, type Telemetry } from '../../ports/telemetry.ts'

export interface MemoryTelemetry extends Telemetry {
  /** The counters by name and labels, as in `streams_store_calls_total{store="segments",operation="put",outcome="ok"}`. */
  readonly counters: ReadonlyMap<string, number>
}

/** Counters in memory, for tests. Durations are not kept. */
export function createMemoryTelemetry (): MemoryTelemetry {
  const counters = new Map<string, number>()
  const add = (name: string, labels: Readonly<Record<string, string>>, value: number): void => {
    const shown = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
    const key = `${name}{${shown.join(',')}}`
    counters.set(key, (counters.get(key) ?? 0) + value)
  }
  return {
    counters,
    storeCall (operation, outcome, _ms, bytes) {
      const store = storeOperations[operation]
      add(metrics.storeCalls.name, { store, operation, outcome }, 1)
      if (bytes > 0) add(metrics.storeBytes.name, { store, operation }, bytes)
    }
  }
}
