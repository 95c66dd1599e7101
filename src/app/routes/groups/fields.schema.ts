import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { ErrorCode } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { topicExpected, topicPattern } from '../../../domain/topics/name.ts'
import { storageProblems, TopicParams } from '../common.schema.ts'

/* Parts of the schemas in this folder. */

export const most = Number.MAX_SAFE_INTEGER

export const GroupParams = Type.Object({
  ...TopicParams.properties,
  group: Type.String({
    pattern: topicPattern,
    description: `The group's name: ${topicExpected}.`,
    'x-expected': topicExpected,
    example: 'billing'
  })
})

/** Errors of all operations on one group. */
export const groupProblems = ['invalid_topic', 'invalid_group', 'group_corrupt', ...storageProblems] as const satisfies ErrorCode[]

/** Errors of those that write the group. */
export const writeProblems = [...groupProblems, 'group_contended', 'storage_full'] as const satisfies ErrorCode[]

export function integer (minimum: number, maximum: number, description: string, more: { default?: number, example?: number } = {}) {
  return Type.Integer({ minimum, maximum, description, 'x-expected': `a whole number from ${minimum} to ${maximum}`, ...more })
}

export function orNull<Schema extends TSchema> (schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema['type'] as string, 'null'] })
}

/** A place in the topic. */
export function place (description: string) {
  const expected = { 'x-expected': `a whole number from 1 to ${most}, "earliest" or "latest"` }
  return Type.Union([
    Type.Integer({ minimum: 1, maximum: most, ...expected }),
    Type.Unsafe<'earliest' | 'latest'>({ type: 'string', enum: ['earliest', 'latest'], ...expected })
  ], { description, ...expected })
}

export function leaseTime ({ leaseMinMs, leaseMaxMs }: Limits, description: string) {
  return integer(leaseMinMs, leaseMaxMs, description, { example: 30_000 })
}

/** What every answer about a lease has. */
export const expiry = {
  expires_at: Type.Integer({
    description: 'When the lease may be given to others, in milliseconds since 1970 by the clock of the storage.', example: 1702000030000
  }),
  expires_in_ms: Type.Integer({
    minimum: 0, description: 'The same from now on, for workers whose clocks may be wrong.', example: 29_990
  })
}

export const committedOffset = Type.Integer({
  minimum: 1, description: 'All messages below are done: acknowledged, given up, removed, or passed by a seek.', example: 21
})

export const lag = Type.Integer({
  minimum: 0, description: 'The topic\'s end less the committed offset: at least the messages that are not done.', example: 4
})
