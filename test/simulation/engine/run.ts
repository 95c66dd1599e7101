import type { Scheduler } from './scheduler.ts'
import type { World } from './world.ts'

export interface Scenario {
  readonly seed: number
  /** Faults to leave out, and a smaller workload: what shrinking changes. */
  readonly without?: ReadonlySet<string>
  readonly writersMax?: number
  readonly appendsMax?: number
  readonly readersMax?: number
}

export interface Outcome {
  readonly violation: Error | undefined
  readonly trace: readonly string[]
  readonly injected: readonly string[]
  readonly steps: number
}

/** A seeded run: everything at once, with faults; then a calm end in which all must be well. */
export interface Run {
  readonly scheduler: Scheduler
  readonly world: World
  storm (): Promise<void>
  calm (): Promise<void>
}

export async function outcomeOf (run: Run): Promise<Outcome> {
  let violation: Error | undefined
  try {
    await run.storm()
    await run.calm()
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error))
    run.scheduler.note('checker', `VIOLATION: ${violation.message}`)
  }
  return { violation, trace: run.scheduler.trace, injected: run.world.injected, steps: run.scheduler.steps }
}
