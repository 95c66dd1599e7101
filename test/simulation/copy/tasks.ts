import { plant } from '../log/plant.ts'
import type { PlantedFault } from '../log/planted-faults.ts'
import type { CopySubject } from './place.ts'
import { copySubject } from './subject.ts'
import { simulateCopy } from './workload.ts'

const PARTS = ['domain/copy/copy.ts', 'domain/groups/groups.ts', 'adapters/memory/group-store.ts', 'adapters/memory/copy-store.ts']

/** The long parts of the tests of this folder, for a thread of their own. */
export const tasks = {
  /** @returns the story of the first violation of these seeds */
  async checkSeeds (from: number, to: number): Promise<string | undefined> {
    for (let seed = from; seed <= to; seed++) {
      const { violation, story } = await simulateCopy(copySubject, seed)
      if (violation !== undefined) return `${story.join('\n')}\n\nseed ${seed}: ${violation.message}`
    }
    return undefined
  },

  async firstViolation (fault: PlantedFault, seedsMax: number): Promise<string | undefined> {
    const { subject, remove } = await plant<CopySubject>(fault, PARTS)
    try {
      for (let seed = 1; seed <= seedsMax; seed++) {
        // An error of the copy itself is seen, too.
        const found = await simulateCopy(subject, seed).then(({ violation }) => violation?.message, (error: unknown) => String(error))
        if (found !== undefined) return `seed ${seed}: ${found}`
      }
      return undefined
    } finally {
      await remove()
    }
  }
}
