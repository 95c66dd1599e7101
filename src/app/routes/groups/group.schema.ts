import { type Static, Type } from '@sinclair/typebox'
import {
  groupModes, type GroupChange, type GroupDescription, type GroupMode, type GroupName
} from '../../../domain/groups/groups.ts'
import type { Limits } from '../../../domain/limits.ts'
import { topicExpected, topicPattern } from '../../../domain/topics/name.ts'
import { committedOffset, integer, lag, leaseTime, most, orNull, place } from './fields.schema.ts'

const OBJECT = { additionalProperties: false, 'x-expected': 'a JSON object' }

/** What can be set for a group. */
export function groupBody (limits: Limits) {
  const { deliveriesMax, groupInFlightMax } = limits
  return Type.Object({
    mode: Type.Optional(Type.Unsafe<GroupMode>({
      type: 'string',
      enum: groupModes,
      description: '`shared`: any message to any worker. `keyed`: messages with the same key one after the other. `exclusive`: ' +
        'one worker at a time. By default `shared`. It can be changed only while nothing is pending.',
      'x-expected': groupModes.map((mode) => `"${mode}"`).join(', ').replace(/, ([^,]*)$/, ' or $1'),
      example: 'shared'
    })),
    lease_ms: Type.Optional(leaseTime(limits, `How long messages are leased. By default ${limits.leaseDefaultMs}.`)),
    max_attempts: Type.Optional(Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      minimum: 1,
      maximum: deliveriesMax,
      description: 'After so many deliveries a message becomes a dead letter; `null`: never. ' +
        `By default ${limits.deliveriesDefault}, or \`null\` if there is no \`dead_letter_topic\`.`,
      'x-expected': `a whole number from 1 to ${deliveriesMax}, or null`,
      example: 5
    })),
    dead_letter_topic: Type.Optional(Type.Unsafe<string | null>({
      type: ['string', 'null'],
      pattern: topicPattern,
      description: 'Where dead letters go. By default the topic\'s name with `.dlq`; `null`, and so no `max_attempts`, for a topic whose ' +
        'name ends like that.',
      'x-expected': `${topicExpected}, or null`,
      example: 'orders.dlq'
    })),
    max_in_flight: Type.Optional(integer(1, groupInFlightMax,
      'Messages that may be out at one time: leased, waiting to be delivered again, or on their way to the dead letters. ' +
      `By default ${limits.groupInFlightDefault}.`, { example: 2_000 })),
    start: Type.Optional(place(
      'Where a new group begins; `earliest` by default. Below the first message it is taken for `earliest`. A group that exists ' +
      'stays where it is.'
    ))
  }, { ...OBJECT, title: 'A group' })
}

/** Without members that are absent: they keep their values. */
export function changeOf (body: Static<ReturnType<typeof groupBody>>): GroupChange {
  const {
    mode, lease_ms: leaseMs, max_attempts: maxAttempts, dead_letter_topic: deadLetterTopic, max_in_flight: maxInFlight
  } = body
  return {
    ...mode !== undefined && { mode },
    ...leaseMs !== undefined && { leaseMs },
    ...maxAttempts !== undefined && { maxAttempts },
    ...deadLetterTopic !== undefined && { deadLetterTopic },
    ...maxInFlight !== undefined && { maxInFlight }
  }
}

export const Group = Type.Object({
  topic: Type.String({ example: 'orders' }),
  group: Type.String({ example: 'billing' }),
  mode: Type.Unsafe<GroupMode>({ type: 'string', enum: groupModes }),
  lease_ms: Type.Integer({ example: 30_000 }),
  max_attempts: orNull(Type.Integer({ example: 5 })),
  dead_letter_topic: orNull(Type.String({ example: 'orders.dlq' })),
  max_in_flight: Type.Integer({ example: 2_000 }),
  committed_offset: committedOffset,
  next_offset: Type.Integer({ minimum: 1, description: 'The first offset that was never handed out.' }),
  end: Type.Integer({ minimum: 1, description: 'The end of the topic.' }),
  lag,
  in_flight: Type.Integer({ description: 'Messages that are leased.' }),
  retrying: Type.Integer({ description: 'Messages that are to be delivered again.' }),
  delayed: Type.Integer({ description: 'Those of them that are not due yet.' }),
  locked_keys: Type.Integer({ description: 'Mode `keyed` only: keys with a message that is leased.' }),
  dead_letters_waiting: Type.Integer({ description: 'Messages on their way to the dead-letter topic.' }),
  state_bytes: Type.Integer({ description: 'The size of what is stored of the group.' }),
  leases: Type.Array(Type.Object({
    consumer: orNull(Type.String({ description: 'As its receive named it.', example: 'worker-3' })),
    expires_at: Type.Integer({ description: 'In milliseconds since 1970 by the clock of the storage.' }),
    first: Type.Integer({ minimum: 1 }),
    last: Type.Integer({ minimum: 1 }),
    messages: Type.Integer({ minimum: 1, description: 'Those of the lease that are not done.' })
  }))
}, { $id: 'Group' })

/** The body of a group's description. The ids of leases are their holders' secrets, and the producer is the group's. */
export function bodyOf ({ topic, group }: GroupName, described: GroupDescription): Static<typeof Group> {
  const { config, leases } = described
  return {
    topic,
    group,
    mode: config.mode,
    lease_ms: config.leaseMs,
    max_attempts: config.maxAttempts,
    dead_letter_topic: config.deadLetterTopic,
    max_in_flight: config.maxInFlight,
    committed_offset: described.committedOffset,
    next_offset: described.nextOffset,
    end: described.end,
    lag: described.lag,
    in_flight: described.inFlight,
    retrying: described.retrying,
    delayed: described.delayed,
    locked_keys: described.lockedKeys,
    dead_letters_waiting: described.deadLettersWaiting,
    state_bytes: described.stateBytes,
    leases: leases.map(({ consumer, expiresAt, first, last, messages }) =>
      ({ consumer: consumer ?? null, expires_at: expiresAt, first, last, messages }))
  }
}

export const GroupList = Type.Object({
  groups: Type.Array(Type.Object({ group: Type.String({ example: 'billing' }) })),
  next: Type.Optional(Type.String({ description: 'The `after` of the next request; absent when there are no more groups.' }))
}, { $id: 'GroupList', description: 'Groups in ascending order of their names, as bytes.' })

export const DeleteQuery = Type.Object({
  force: Type.Optional(Type.String({
    pattern: '^(true|false)$',
    'x-expected': 'true or false',
    'x-openapi': { type: 'boolean', default: false },
    description: 'Also while messages are leased or dead letters are on their way, and also if what is stored can\'t be read.'
  }))
}, { additionalProperties: false })

export const SeekBody = Type.Object({
  offset: place('Where the group goes on. Below the first message it is taken for `earliest`.'),
  expected: Type.Optional(integer(1, most, 'Only if this is the committed offset: so two copies of a consumer notice each other.'))
}, { ...OBJECT, title: 'A seek' })

export const Sought = Type.Object({
  committed_offset: committedOffset,
  ended_leases: Type.Integer({ minimum: 0, description: 'Leases that were live, and are lost.', example: 0 })
}, { $id: 'Sought' })

export function redriveBody ({ pageMessagesMax, redriveDefault }: Limits) {
  return Type.Object({
    limit: Type.Optional(
      integer(1, pageMessagesMax, 'How many messages of the dead-letter topic to look at.', { default: redriveDefault })
    ),
    from: Type.Optional(integer(1, most, 'The offset of the dead-letter topic to begin at. By default, where the last redrive ended.'))
  }, { ...OBJECT, title: 'A redrive' })
}

export const Redriven = Type.Object({
  redriven: Type.Integer({ minimum: 0, description: 'Messages that are delivered again.', example: 57 }),
  skipped: Type.Integer({ minimum: 0, description: 'Letters whose messages are pending anyway.', example: 3 }),
  trimmed: Type.Array(Type.Integer({ minimum: 1 }), {
    description: 'Offsets of messages that were removed meanwhile: their letters are all that is left.', example: [12]
  }),
  more: Type.Boolean({ description: 'The dead-letter topic goes on: ask again.' })
}, { $id: 'Redriven' })
