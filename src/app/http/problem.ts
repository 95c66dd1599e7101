import { type Static, Type } from '@sinclair/typebox'
import { type ErrorCode, errorTable, type LogError } from '../../domain/errors.ts'

/** The body of every response with a status of 400 or higher (RFC 9457). */
export const ProblemSchema = Type.Object({
  type: Type.String({ description: 'The page that explains this kind of error.' }),
  title: Type.String({ description: 'The kind of error in words.' }),
  status: Type.Integer(),
  detail: Type.String({ description: 'What was wrong with this request. The wording may change.' }),
  code: Type.Union(codes().map((code) => Type.Literal(code)), { description: 'The kind of error for programs; stable.' }),
  error: Type.String({ description: 'The same text as `detail`.' }),
  retriable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
  written: Type.Optional(Type.Union([Type.Literal('no'), Type.Literal('unknown')], {
    description: 'Failed appends only. `no`: the messages are not in the topic and never will be. `unknown`: they may be in the topic, now or later.'
  })),
  earliest: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `offset_out_of_range`: the first offset of the topic.' })),
  end: Type.Optional(Type.Integer({ minimum: 1, description: 'Only with `offset_out_of_range`: the offset of the next message to be written.' }))
}, { $id: 'Problem', description: 'What went wrong (RFC 9457).' })

export type Problem = Static<typeof ProblemSchema>

export const problemType = 'application/problem+json'

/** The page that explains the codes; each code has an anchor there. */
export const errorsPath = '/docs/errors'

function codes (): ErrorCode[] {
  return Object.keys(errorTable) as ErrorCode[]
}

export function toProblem (error: LogError): Problem {
  const { code, message, written, range } = error
  const { status, title, retriable } = errorTable[code]
  const problem: Problem = { type: `${errorsPath}#${code}`, title, status, detail: message, code, error: message, retriable }
  if (written !== undefined) problem.written = written
  if (range !== undefined) Object.assign(problem, range)
  return problem
}

/** Seconds for `Retry-After`; `undefined` if the status needs none. Longer if an operator has to fix the cause. */
export function retryAfter (error: LogError): number | undefined {
  if (error.status === 507) return 30
  if (error.status !== 503 && error.status !== 429) return undefined
  return error.retriable ? 1 : 30
}

/** The table of docs/errors.md and of the page at `errorsPath`, one row for each code. */
export function errorRows (): Array<{ code: ErrorCode, status: number, retriable: boolean, title: string }> {
  return codes().map((code) => ({ code, ...errorTable[code] }))
}
