import type { Options } from '../lib/options.ts'
import type { ScenarioResult } from '../lib/report.ts'

export interface Scenario {
  readonly name: string
  readonly title: string
  /** Throws {@link Skipped} where something is missing that it needs. */
  run (options: Options): Promise<ScenarioResult>
}

export class Skipped extends Error {
  override readonly name = 'Skipped'
}
