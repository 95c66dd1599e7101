import { createMemoryOffsetCounter } from '../../../src/adapters/memory/offset-counter.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createStoreClock } from '../../../src/adapters/sqlite/clock.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { createLog } from '../../../src/domain/log/log.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { Subject } from './workload.ts'

/** The code of this project, as it is. */
export const subject: Subject = {
  createLog,
  createMemorySegmentStore,
  createMemoryOffsetCounter,
  createStoreClock,
  defaultLimits,
  StoreError
}
