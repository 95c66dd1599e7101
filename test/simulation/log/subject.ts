import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { createStoreClock } from '../../../src/adapters/sqlite/clock.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { createLog } from '../../../src/domain/log/log.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { Subject } from './workload.ts'

/** The code of this project, as it is. */
export const subject: Subject = {
  createLog,
  createMemorySegmentStore,
  createMemoryTopicStore,
  createMemoryRecordStore,
  createStoreClock,
  defaultLimits,
  StoreError
}
