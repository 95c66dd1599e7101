import { createMemoryCopyStore, memoryItems } from '../../../src/adapters/memory/copy-store.ts'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { copyAll, noCounts } from '../../../src/domain/copy/copy.ts'
import { createGroups } from '../../../src/domain/groups/groups.ts'
import { subject } from '../log/subject.ts'
import type { CopySubject } from './place.ts'

/** The code of this project, as it is. */
export const copySubject: CopySubject = {
  ...subject, copyAll, noCounts, createGroups, createMemoryGroupStore, createMemoryCopyStore, memoryItems
}
