import type { FastifyReply, FastifyRequest } from 'fastify'
import onHeaders from 'on-headers'
import type { StorageCalls } from '../../../domain/operation.ts'

/** The preference (RFC 7240), whatever its value and its parameters are. */
const preference = /(?:^|,)\s*server-timing\s*(?:[,;=]|$)/i

/**
 * Adds the headers that tell what a request has cost when the response begins, if the request prefers it. A hook before sending
 * would take time of every request.
 */
export function addCostHeaders (request: FastifyRequest, reply: FastifyReply): void {
  const { prefer } = request.headers
  if (prefer === undefined || !preference.test(String(prefer))) return
  const { raw } = reply
  onHeaders(raw, () => {
    const calls = storageCallsText(request.logFields.storage)
    raw.setHeader('preference-applied', 'server-timing')
    raw.setHeader('server-timing', `total;dur=${Math.round(reply.elapsedTime * 1_000) / 1_000}`)
    if (calls !== '') raw.setHeader('storage-calls', calls)
  })
}

/** A dictionary of structured fields (RFC 9651), without the calls that were not made. */
function storageCallsText (calls: StorageCalls | undefined): string {
  return Object.entries(calls ?? {}).filter(([, count]) => count > 0).map(([name, count]) => `${name}=${count}`).join(', ')
}

export const preferDescription = '`server-timing`: the response has `Server-Timing`, the time in the server in ms, and for appends, ' +
  'reads and consumer groups `Storage-Calls`, the calls to the storage.'

/** For OpenAPI: the headers of a successful response. */
export const costHeaders = {
  'preference-applied': { type: 'string', enum: ['server-timing'], description: 'Set if `Prefer: server-timing` was sent.' },
  'server-timing': {
    type: 'string',
    description: 'With `Prefer: server-timing`: the time in the server in ms.',
    example: 'total;dur=21.4'
  },
  'storage-calls': {
    type: 'string',
    description: 'With `Prefer: server-timing`: the calls to the storage, as a dictionary of structured fields (RFC 9651). Absent if ' +
      'there were none.',
    example: 'reserve=1, put=1'
  }
} as const
