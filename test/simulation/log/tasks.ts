import { explore, twoWritersAndAReader, type SmallCase } from './interleavings.ts'
import { plant } from './plant.ts'
import type { PlantedFault } from './planted-faults.ts'
import { shrink } from './shrink.ts'
import { subject } from './subject.ts'
import { simulate, type Subject } from './workload.ts'

/** The long parts of the tests of this folder, for a thread of their own. */
export const tasks = {
  /** @returns how many different states there are. @throws Violation */
  explore: (small: SmallCase): Promise<number> => explore(subject, small),

  trace: async (seed: number): Promise<readonly string[]> => (await simulate(subject, { seed })).trace,

  /** @returns the first violation of these seeds, and a short story that leads to it */
  async checkSeeds (from: number, to: number): Promise<string | undefined> {
    for (let seed = from; seed <= to; seed++) {
      const { violation } = await simulate(subject, { seed })
      if (violation === undefined) continue
      const { story } = await shrink((scenario) => simulate(subject, scenario), { seed })
      return `${story}\n\nseed ${seed}: ${violation.message}\nreplay: npm run simulate -- --seed ${seed}`
    }
    return undefined
  },

  /** @returns how many faults the first failing seed injects, and what is left of it after shrinking */
  shrinkFirst: (fault: PlantedFault): Promise<{ before: number, after: number, violation: string | undefined, story: string }> =>
    planted(fault, async (broken) => {
      let seed = 1
      while ((await simulate(broken, { seed })).violation === undefined) seed++
      const before = await simulate(broken, { seed })
      const { scenario, story } = await shrink((scenario) => simulate(broken, scenario), { seed })
      const { violation, injected } = await simulate(broken, scenario)
      return { before: before.injected.length, after: injected.length, violation: violation?.message, story }
    }),

  /** A few seeds, then every interleaving of a small case, then more seeds: each sees what the others are slow to. */
  firstViolation: (fault: PlantedFault, seedsMax: number): Promise<string | undefined> => planted(fault, async (broken) => {
    const { from = 1, small } = fault
    const explored = async (one: SmallCase): Promise<string | undefined> => explore(broken, one).then(() => undefined, (error: unknown) => (
      `small case: ${String(error).split('\n')[0]}`
    ))
    const found = small === undefined ? undefined : await explored(small)
    if (found !== undefined) return found
    for (let seed = from; seed < from + seedsMax; seed++) {
      if (seed === from + 60) {
        const inSmallCase = await explored(twoWritersAndAReader)
        if (inSmallCase !== undefined) return inSmallCase
      }
      const { violation } = await simulate(broken, { seed })
      if (violation !== undefined) return `seed ${seed}: ${violation.message}`
    }
    return undefined
  })
}

async function planted<T> (fault: PlantedFault, run: (broken: Subject) => Promise<T>): Promise<T> {
  const { subject: broken, remove } = await plant(fault)
  try {
    return await run(broken)
  } finally {
    await remove()
  }
}
