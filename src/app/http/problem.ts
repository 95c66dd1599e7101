import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { accessErrors } from '../../domain/access/errors.ts'
import { type ErrorCode, type ErrorDetails, type ErrorKind, hasCode, type LogError, sharedErrors } from '../../domain/errors.ts'
import { groupErrors } from '../../domain/groups/errors.ts'
import { logErrors } from '../../domain/log/errors.ts'
import { segmentErrors } from '../../domain/segments/errors.ts'
import { topicErrors } from '../../domain/topics/errors.ts'
import { httpErrors } from './http-errors.ts'
import { statusOf } from './status.ts'

/** The errors of all rooms. */
export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = {
  ...sharedErrors, ...topicErrors, ...segmentErrors, ...logErrors, ...groupErrors, ...accessErrors, ...httpErrors
}

/** In the order of status.ts. */
export const errorCodes = Object.keys(statusOf) as ErrorCode[]

type DetailName = { [Code in keyof ErrorDetails]: keyof ErrorDetails[Code] }[keyof ErrorDetails]

/** The members that only some errors have: the error's details. */
const detailMembers = {
  written: Type.Optional(Type.Union([Type.Literal('no'), Type.Literal('unknown')], {
    description: 'Failed appends, and closes, only. `no`: the messages are not in the topic and never will be. ' +
      '`unknown`: they may be in the topic, now or later.'
  })),
  earliest: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `offset_out_of_range`: the first offset of the topic.' })),
  end: Type.Optional(Type.Integer({
    minimum: 1,
    description: 'The offset of the next message to be written; with `offset_out_of_range`, `offset_mismatch` and `topic_closed`.'
  })),
  epoch: Type.Optional(Type.Integer({ minimum: 0, description: 'Only with `producer_fenced`: the epoch that the producer is in.' })),
  expected_seq: Type.Optional(Type.Integer({ minimum: 0, description: 'Only with `producer_gap`: the seq that comes next.' })),
  order: Type.Optional(Type.String({ description: 'Only with `out_of_order`: the last order in the topic.' })),
  offset: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `idempotency_conflict`: where the first messages stand.' })),
  offsets: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }), {
    description: 'Only with `lease_lost`: of the messages that were asked for, those that are not settled, at most 1,000.'
  })),
  committed_offset: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `offset_conflict`: that of the group.' })),
  applied: Type.Optional(Type.Literal('unknown', {
    description: 'Only for changes of a consumer group that failed: whether the change was made is not known.'
  })),
  retry_after: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `rate_limited`: seconds, as in `Retry-After`.' }))
} satisfies Record<DetailName | 'applied', TSchema>

/** The body of every response with a status of 400 or higher (RFC 9457). */
export const ProblemSchema = Type.Object({
  type: Type.String({ description: 'The page that explains this kind of error.' }),
  title: Type.String({ description: 'The kind of error in words.' }),
  status: Type.Integer(),
  detail: Type.String({ description: 'What was wrong with this request. The wording may change.' }),
  code: Type.Union(errorCodes.map((code) => Type.Literal(code)), { description: 'The kind of error for programs; stable.' }),
  error: Type.String({ description: 'The same text as `detail`.' }),
  retriable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
  ...detailMembers
}, { $id: 'Problem', description: 'What went wrong (RFC 9457).' })

export type Problem = Static<typeof ProblemSchema>

export const problemType = 'application/problem+json'

/** The page that explains the codes; each code has an anchor there. */
export const errorsPath = '/docs/errors'

export function toProblem ({ code, message, details }: Pick<LogError, 'code' | 'message' | 'details'>): Problem {
  const { title, retriable } = errorKinds[code]
  return { type: `${errorsPath}#${code}`, title, status: statusOf[code], detail: message, code, error: message, retriable, ...details }
}

/** Seconds for `Retry-After`; `undefined` if the status needs none. Longer if an operator has to fix the cause. */
export function retryAfter (error: LogError): number | undefined {
  const { code } = error
  if (hasCode(error, 'rate_limited')) return error.details.retry_after
  const status: number = statusOf[code]
  if (status === 507) return 30
  if (status !== 503 && status !== 429) return undefined
  return errorKinds[code].retriable ? 1 : 30
}
