import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { decodeState, encodeState } from '../../../src/domain/groups/codec.ts'
import { confirmMoved, firstBatch, redrive } from '../../../src/domain/groups/dead-letters.ts'
import { createGroups } from '../../../src/domain/groups/groups.ts'
import { decodeLeaseId, encodeLeaseId, lifeOf } from '../../../src/domain/groups/lease-id.ts'
import { seekCommand } from '../../../src/domain/groups/manage.ts'
import { receive } from '../../../src/domain/groups/receive.ts'
import { ack, extend, nack } from '../../../src/domain/groups/settle.ts'
import { newGroup, roomBeside } from '../../../src/domain/groups/state.ts'
import { subject } from '../log/subject.ts'
import type { GroupsSubject } from './machine.ts'

/** The code of this project, as it is. */
export const groupsSubject: GroupsSubject = {
  ...subject,
  createGroups,
  createMemoryGroupStore,
  ack,
  nack,
  extend,
  receive,
  seekCommand,
  roomBeside,
  confirmMoved,
  firstBatch,
  redrive,
  newGroup,
  encodeState,
  decodeState,
  encodeLeaseId,
  decodeLeaseId,
  lifeOf
}
