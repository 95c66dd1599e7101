import { Violation } from '../engine/scheduler.ts'
import { plant } from '../log/plant.ts'
import { shrink } from '../log/shrink.ts'
import { contend, type Contention, type ContentionCase } from './contention.ts'
import { exploreGroup } from './exploration.ts'
import { groupsParts, type GroupsSubject } from './machine.ts'
import type { PlantedGroupFault } from './planted-machine-faults.ts'
import { smallCases } from './small-cases.ts'
import { groupsSubject } from './subject.ts'
import { simulateGroups } from './workload.ts'

/** The long parts of the tests of this folder, for a thread of their own. */
export const tasks = {
  /** @returns how many different states there are. @throws Violation */
  exploreGroup: async (name: string): Promise<number> => exploreGroup(groupsSubject, smallCases[name]!),

  contend: (one: ContentionCase, seconds: number): Promise<Contention> => contend(groupsSubject, one, seconds),

  trace: async (seed: number): Promise<readonly string[]> => (await simulateGroups(groupsSubject, { seed })).trace,

  /** @returns the first violation of these seeds, and a short story that leads to it */
  async checkSeeds (from: number, to: number): Promise<string | undefined> {
    for (let seed = from; seed <= to; seed++) {
      const { violation } = await simulateGroups(groupsSubject, { seed })
      if (violation === undefined) continue
      const { story } = await shrink((scenario) => simulateGroups(groupsSubject, scenario), { seed })
      return `${story}\n\nseed ${seed}: ${violation.message}\nreplay: npm run simulate -- --groups --seed ${seed}`
    }
    return undefined
  },

  /** @returns what shows that a fault is there: a small case, or one of so many seeds */
  async firstViolation (fault: PlantedGroupFault, seedsMax: number): Promise<string | undefined> {
    const { subject, remove } = await plant<GroupsSubject>(fault, groupsParts)
    const { from = 1, small } = fault
    try {
      if (small !== undefined) {
        exploreGroup(subject, smallCases[small]!)
        return undefined
      }
      for (let seed = from; seed < from + seedsMax; seed++) {
        const { violation } = await simulateGroups(subject, { seed })
        if (violation instanceof Violation) return `seed ${seed}: ${violation.message}`
        if (violation !== undefined) throw violation
      }
      return undefined
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return error.message.split('\n')[0]
    } finally {
      await remove()
    }
  }
}
