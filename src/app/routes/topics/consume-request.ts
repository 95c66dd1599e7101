import type { Limits } from '../../../domain/limits.ts'
import { LogError } from '../../../domain/errors.ts'
import type { PageSize, Position } from '../../../domain/log/log.ts'
import { prefers } from '../../http/answers/negotiation.ts'
import { show } from '../../http/validation.ts'
import { timestampExpected } from './consume.schema.ts'

export const eventStreamType = 'text/event-stream'

/** The first message that a request asks for. */
export type Start = number | Position

/** What a request asks for. `page`: messages that are there; `poll`: the same, but wait if there are none; `stream`: endless events. */
export type ConsumeRequest =
  | { readonly mode: 'page', readonly start: Start, readonly size: PageSize }
  | { readonly mode: 'poll', readonly start: Start, readonly size: PageSize, readonly waitMs: number }
  | { readonly mode: 'stream', readonly start: Start, /** After the last event of an earlier stream. */ readonly resumes: boolean }

/** A request whose parameters and headers are valid (consume.schema.ts). */
export interface ValidRequest {
  readonly method: string
  readonly query: {
    readonly offset?: string, readonly timestamp?: string, readonly limit?: string, readonly max_bytes?: string, readonly wait?: string
  }
  readonly headers: { readonly accept?: string | undefined, readonly 'last-event-id'?: string }
}

/**
 * Values above a limit count as the limit. HEAD neither waits nor streams.
 * @throws LogError `invalid_request` for two starts, or a date that does not exist
 */
export function readRequest ({ method, query, headers }: ValidRequest, limits: Limits): ConsumeRequest {
  const start = startOf(query)
  if (method === 'GET' && prefers(eventStreamType, headers.accept)) {
    const lastId = headers['last-event-id']
    return lastId === undefined ? { mode: 'stream', start, resumes: false } : { mode: 'stream', start: Number(lastId) + 1, resumes: true }
  }
  const size = {
    limit: clamp(query.limit, limits.pageMessagesDefault, limits.pageMessagesMax),
    maxBytes: clamp(query.max_bytes, limits.pageBytesMax, limits.pageBytesMax)
  }
  const waitMs = method === 'GET' ? clamp(query.wait, 0, limits.waitMaxMs / 1_000) * 1_000 : 0
  return waitMs > 0 ? { mode: 'poll', start, size, waitMs } : { mode: 'page', start, size }
}

function startOf ({ offset, timestamp }: ValidRequest['query']): Start {
  if (timestamp === undefined) return offset === 'earliest' || offset === 'latest' ? offset : Number(offset ?? 1)
  if (offset !== undefined) throw new LogError('invalid_request', 'timestamp: expected this parameter or offset, got both')
  return { sinceMs: timeOf(timestamp) }
}

/** @param timestamp ms since epoch, or a date of RFC 3339 */
function timeOf (timestamp: string): number {
  if (!timestamp.includes('-')) return Number(timestamp)
  // In upper case, since `Date` does not take the lower case that the RFC allows. It takes 30 February for 2 March.
  const ms = Date.parse(timestamp.toUpperCase())
  const [year, month, day] = timestamp.slice(0, 10).split('-').map(Number) as [number, number, number]
  const exists = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
  if (Number.isNaN(ms) || ms < 0 || !exists) {
    throw new LogError('invalid_request', `timestamp: expected ${timestampExpected}, got ${show.text(timestamp)}`)
  }
  return ms
}

function clamp (given: string | undefined, byDefault: number, max: number): number {
  return given === undefined ? byDefault : Math.min(Number(given), max)
}
