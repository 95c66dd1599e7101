import type { ErrorKinds } from '../errors.ts'

export const groupErrors = {
  invalid_group: { retriable: false, title: 'The name of the consumer group is not valid' },
  invalid_group_config: { retriable: false, title: 'The settings of the consumer group contradict each other' },
  group_not_found: { retriable: false, title: 'The consumer group does not exist' },
  lease_lost: { retriable: false, title: 'The lease has ended, and its messages are delivered again' },
  group_busy: { retriable: true, title: 'Messages of the consumer group are pending' },
  offset_conflict: { retriable: false, title: 'The committed offset is not the expected one' },
  group_contended: { retriable: true, title: 'Too many others changed the consumer group at the same time' },
  group_corrupt: { retriable: false, title: 'The stored consumer group cannot be read' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { groups: typeof groupErrors }

  interface ErrorDetails {
    lease_lost: { offsets: readonly number[] }
    offset_conflict: { committed_offset: number }
  }
}
