import type { Limits } from '../../../domain/limits.ts'
import type { PageSize } from '../../../domain/log/log.ts'
import { prefers } from '../../http/answers/negotiation.ts'

export const eventStreamType = 'text/event-stream'

/** The first offset that a request asks for. */
export type Start = number | 'earliest' | 'latest'

/** What a request asks for. `page`: messages that are there; `poll`: the same, but wait if there are none; `stream`: endless events. */
export type ConsumeRequest =
  | { readonly mode: 'page', readonly start: Start, readonly size: PageSize }
  | { readonly mode: 'poll', readonly start: Start, readonly size: PageSize, readonly waitMs: number }
  | { readonly mode: 'stream', readonly start: Start }

/** A request whose parameters and headers are valid (consume.schema.ts). */
export interface ValidRequest {
  readonly method: string
  readonly query: { readonly offset?: string, readonly limit?: string, readonly max_bytes?: string, readonly wait?: string }
  readonly headers: { readonly accept?: string | undefined, readonly 'last-event-id'?: string }
}

/** Values above a limit count as the limit. HEAD neither waits nor streams. */
export function readRequest ({ method, query, headers }: ValidRequest, limits: Limits): ConsumeRequest {
  const start = startOf(query.offset)
  if (method === 'GET' && prefers(eventStreamType, headers.accept)) {
    const lastId = headers['last-event-id']
    return { mode: 'stream', start: lastId === undefined ? start : Number(lastId) + 1 }
  }
  const size = {
    limit: clamp(query.limit, limits.pageMessagesDefault, limits.pageMessagesMax),
    maxBytes: clamp(query.max_bytes, limits.pageBytesMax, limits.pageBytesMax)
  }
  const waitMs = method === 'GET' ? clamp(query.wait, 0, limits.waitMaxMs / 1_000) * 1_000 : 0
  return waitMs > 0 ? { mode: 'poll', start, size, waitMs } : { mode: 'page', start, size }
}

function startOf (offset = '1'): Start {
  return offset === 'earliest' || offset === 'latest' ? offset : Number(offset)
}

function clamp (given: string | undefined, byDefault: number, max: number): number {
  return given === undefined ? byDefault : Math.min(Number(given), max)
}
