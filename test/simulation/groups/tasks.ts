import { Violation } from '../engine/scheduler.ts'
import { plant } from '../log/plant.ts'
import { exploreGroup } from './exploration.ts'
import { groupsParts, type GroupsSubject } from './machine.ts'
import type { PlantedGroupFault } from './planted-machine-faults.ts'
import { smallCases } from './small-cases.ts'
import { groupsSubject } from './subject.ts'

/** The long parts of the tests of this folder, for a thread of their own. */
export const tasks = {
  /** @returns how many different states there are. @throws Violation */
  exploreGroup: async (name: string): Promise<number> => exploreGroup(groupsSubject, smallCases[name]!),

  /** @returns what shows that a fault is there */
  async firstViolation (fault: PlantedGroupFault): Promise<string | undefined> {
    const { subject, remove } = await plant<GroupsSubject>(fault, groupsParts)
    try {
      exploreGroup(subject, smallCases[fault.small!]!)
      return undefined
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return error.message.split('\n')[0]
    } finally {
      await remove()
    }
  }
}
