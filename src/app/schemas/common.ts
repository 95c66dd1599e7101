import { Type } from '@sinclair/typebox'
import { topicExpected, topicPattern } from '../../domain/topic.ts'
import { type ErrorCode, errorTable } from '../../domain/errors.ts'
import { problemType, ProblemSchema } from '../problem.ts'

/** Validation, static types and OpenAPI all come from the schemas in this folder; the keywords `x-…` are explained in validation.ts. */

export const TopicParams = Type.Object({
  topic: Type.String({ pattern: topicPattern, description: `The topic: ${topicExpected}.`, 'x-expected': topicExpected, example: 'orders' })
})

export const Status = Type.Object({ status: Type.Literal('ok') }, { $id: 'Status' })

/** What an operation that touches storage can end with. */
export const storageProblems = ['storage_throttled', 'storage_unavailable', 'storage_misconfigured'] as const

/** The documented error answers of a route, from the codes it can end with. */
export function problems (...codes: ErrorCode[]): Record<number, unknown> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, 'internal'] as const) {
    const { status } = errorTable[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries([...byStatus].map(([status, all]) => [status, {
    description: all.map((code) => `\`${code}\`: ${errorTable[code].title}.`).join(' '),
    content: { [problemType]: { schema: Type.Ref(ProblemSchema) } }
  }]))
}
