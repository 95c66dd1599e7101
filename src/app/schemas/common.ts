import { Type } from '@sinclair/typebox'
import { topicExpected, topicPattern } from '../../domain/topic.ts'
import { type ErrorCode, errorTable, LogError } from '../../domain/errors.ts'
import { errorHelp } from '../error-help.ts'
import { type Problem, problemType, ProblemSchema, toProblem } from '../problem.ts'

/** Validation, static types and OpenAPI all come from the schemas in this folder; the keywords `x-…` are explained in validation.ts. */

export const TopicParams = Type.Object({
  topic: Type.String({ pattern: topicPattern, description: `The topic's name: ${topicExpected}.`, 'x-expected': topicExpected, example: 'orders' })
})

export const Status = Type.Object({ status: Type.Literal('ok') }, { $id: 'Status' })

/** What an operation that touches storage can end with. */
export const storageProblems = ['storage_throttled', 'storage_unavailable', 'storage_misconfigured'] as const

/** What any operation can end with. */
const anyProblems = ['malformed_request', 'request_timeout', 'misdirected_request', 'request_headers_too_large', 'not_implemented', 'internal'] as const

/** The documented error answers of a route, each with an example, from the codes that it can end with. */
export function problems (...codes: ErrorCode[]): Record<number, unknown> {
  const ofAppend = codes.includes('append_timeout')
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...codes, ...anyProblems])) {
    const { status } = errorTable[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries([...byStatus].map(([status, all]) => [status, {
    description: all.map((code) => `\`${code}\`: ${errorTable[code].title}.`).join(' '),
    ...status === 503 ? { headers: { 'retry-after': { type: 'integer', minimum: 1, description: 'Seconds to wait before a retry.' } } } : {},
    content: {
      [problemType]: {
        schema: Type.Ref(ProblemSchema),
        examples: Object.fromEntries(all.map((code) => [code, { value: exampleOf(code, ofAppend) }]))
      }
    }
  }]))
}

/** These end a request before it has a route, and so before it is known to be an append. */
const withoutRoute: readonly ErrorCode[] = ['request_timeout', 'request_headers_too_large']

function exampleOf (code: ErrorCode, ofAppend: boolean): Problem {
  const { detail, appendDetail = detail } = errorHelp[code]
  return toProblem(new LogError(code, ofAppend ? appendDetail : detail, {
    ...ofAppend && !withoutRoute.includes(code) ? { written: 'no' } : {},
    ...code === 'offset_out_of_range' ? { range: { earliest: 1, end: 4 } } : {}
  }))
}
