import { Type } from '@sinclair/typebox'
import type { ErrorCode } from '../../domain/errors.ts'
import { topicExpected, topicPattern } from '../../domain/topics/name.ts'
import { errorHelp } from '../http/error-help.ts'
import { errorKinds, type Problem, problemType, ProblemSchema, toProblem } from '../http/problem.ts'
import { statusOf } from '../http/status.ts'

/** Validation, static types and OpenAPI come from the schemas in this folder. For the keywords `x-…` see validation.ts. */

export const TopicParams = Type.Object({
  topic: Type.String({
    pattern: topicPattern,
    description: `The topic's name: ${topicExpected}.`,
    'x-expected': topicExpected,
    example: 'orders'
  })
})

export const Status = Type.Object({ status: Type.Literal('ok') }, { $id: 'Status' })

/** Errors of all operations that use the storage. */
export const storageProblems = ['storage_throttled', 'storage_unavailable', 'storage_misconfigured'] as const

/** Errors of all operations. */
const anyProblems: readonly ErrorCode[] = [
  'malformed_request', 'request_timeout', 'misdirected_request', 'request_headers_too_large', 'not_implemented', 'internal'
]

/** Errors of all operations but those that are open to everybody at any rate. */
const limitedProblems: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'rate_limited', 'auth_unavailable']

const retryAfter = { 'retry-after': { type: 'integer', minimum: 1, description: 'Seconds to wait before a retry.' } }

/** The documented error responses of a route for the given codes, each with an example. */
export function problems (...codes: ErrorCode[]): Record<number, unknown> {
  return openProblems(...codes, ...limitedProblems)
}

/** The same for a route that is open to everybody at any rate. */
export function openProblems (...codes: ErrorCode[]): Record<number, unknown> {
  const ofAppend = codes.includes('append_timeout')
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...codes, ...anyProblems])) {
    const status = statusOf[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries([...byStatus].map(([status, all]) => [status, described(status, all, ofAppend)]))
}

const descriptions = new Map<string, unknown>()

/** Most routes have the same errors of most statuses. */
function described (status: number, codes: readonly ErrorCode[], ofAppend: boolean): unknown {
  const key = `${ofAppend} ${codes.join()}`
  let description = descriptions.get(key)
  if (description === undefined) {
    descriptions.set(key, description = {
      description: codes.map((code) => `\`${code}\`: ${errorKinds[code].title}.`).join(' '),
      ...[429, 503, 507].includes(status) ? { headers: retryAfter } : {},
      content: {
        [problemType]: {
          schema: Type.Ref(ProblemSchema),
          examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code, ofAppend) }]))
        }
      }
    })
  }
  return description
}

/** Errors that occur before a request has a route, so before it is known to be an append. */
const withoutRoute: readonly ErrorCode[] = ['request_timeout', 'request_headers_too_large']

function exampleOf (code: ErrorCode, ofAppend: boolean): Problem {
  const { detail, appendDetail = detail, details } = errorHelp[code]
  const written = ofAppend && !withoutRoute.includes(code) ? { written: 'no' } as const : {}
  return toProblem({ code, message: ofAppend ? appendDetail : detail, details: { ...written, ...details } })
}
