import type { Calls } from './counted-service.ts'

/** Dollars a million, us-east-1, on demand. An UpdateItem writes one item under 1 KB, a GetItem reads one under 4 KB, strongly. */
const dollarsPerMillion: Readonly<Record<string, number>> = {
  PutObject: 5, ListObjectsV2: 5, GetObject: 0.4, UpdateItem: 0.625, GetItem: 0.125
}

export const pricesNote = 'Prices (us-east-1): S3 PUT and LIST $5.00, GET $0.40 a million; DynamoDB on demand, write $0.625 a million of 1 KB items, ' +
  'strong read $0.125 a million of 4 KB items. Not in it: what is stored ($0.023 a GB and month), traffic, and what runs the code; a REST or HTTP API ' +
  'in front adds $1.00 (HTTP API) to a million requests, be they of one message or of a hundred.'

export function dollars (calls: Calls): number {
  return Object.entries(calls).reduce((sum, [operation, count]) => {
    const price = dollarsPerMillion[operation]
    if (price === undefined) throw new Error(`no price for ${operation}`)
    return sum + count * price / 1e6
  }, 0)
}
