import type { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import type { decodeState, encodeState } from '../../../src/domain/groups/codec.ts'
import type { confirmMoved, firstBatch, redrive } from '../../../src/domain/groups/dead-letters.ts'
import type { createGroups } from '../../../src/domain/groups/groups.ts'
import type { decodeLeaseId, encodeLeaseId, lifeOf } from '../../../src/domain/groups/lease-id.ts'
import type { seekCommand } from '../../../src/domain/groups/manage.ts'
import type { receive } from '../../../src/domain/groups/receive.ts'
import type { ack, extend, nack } from '../../../src/domain/groups/settle.ts'
import type { newGroup, roomBeside } from '../../../src/domain/groups/state.ts'
import type { Subject } from '../log/workload.ts'

/** The pure functions of a group: this project's, or those of a copy with a planted fault. */
export interface Machine {
  readonly ack: typeof ack
  readonly nack: typeof nack
  readonly extend: typeof extend
  readonly receive: typeof receive
  readonly seekCommand: typeof seekCommand
  readonly roomBeside: typeof roomBeside
  readonly confirmMoved: typeof confirmMoved
  readonly firstBatch: typeof firstBatch
  readonly redrive: typeof redrive
  readonly newGroup: typeof newGroup
  readonly encodeState: typeof encodeState
  readonly decodeState: typeof decodeState
  readonly encodeLeaseId: typeof encodeLeaseId
  readonly decodeLeaseId: typeof decodeLeaseId
  readonly lifeOf: typeof lifeOf
}

/** The code under test. */
export interface GroupsSubject extends Subject, Machine {
  readonly createGroups: typeof createGroups
  readonly createMemoryGroupStore: typeof createMemoryGroupStore
}

/** Where a planted copy of the code has its parts, below its folder. */
export const groupsParts = [
  'domain/groups/settle.ts', 'domain/groups/receive.ts', 'domain/groups/manage.ts', 'domain/groups/dead-letters.ts',
  'domain/groups/state.ts', 'domain/groups/codec.ts', 'domain/groups/lease-id.ts', 'domain/groups/groups.ts',
  'adapters/memory/group-store.ts'
] as const
