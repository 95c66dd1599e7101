import type { Outcome, Scenario } from '../engine/run.ts'

/**
 * Makes a failing scenario small: a smaller workload first, then without every fault that the violation does not need
 * (halves, quarters, … single ones: delta debugging). Any violation counts as the same.
 * @param simulate runs a scenario
 * @returns the smallest scenario found, and its trace as a story of who did what
 */
export async function shrink (
  simulate: (scenario: Scenario) => Promise<Outcome>, failing: Scenario, runsMax = 400
): Promise<{ scenario: Scenario, story: string }> {
  let scenario = failing
  let outcome = await simulate(scenario)
  let runs = 1
  const attempt = async (smaller: Scenario): Promise<boolean> => {
    if (runs++ > runsMax) return false
    const result = await simulate(smaller)
    if (result.violation === undefined) return false
    scenario = smaller
    outcome = result
    return true
  }

  for (const bound of ['readersMax', 'writersMax', 'appendsMax'] as const) {
    for (let value = 1; value < 8; value++) if (await attempt({ ...scenario, [bound]: value })) break
  }
  for (let size = Math.ceil(outcome.injected.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < outcome.injected.length;) {
      const without = new Set([...scenario.without ?? [], ...outcome.injected.slice(at, at + size)])
      if (!await attempt({ ...scenario, without })) at += size
    }
  }
  return { scenario, story: outcome.trace.join('\n') }
}
