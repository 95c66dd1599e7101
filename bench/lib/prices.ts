import type { Calls } from './counted-service.ts'

/** Dollars a million, us-east-1, on demand. An UpdateItem writes one item under 1 KB, a GetItem reads one under 4 KB, strongly. */
const dollarsPerMillion: Readonly<Record<string, number>> = {
  PutObject: 5, ListObjectsV2: 5, GetObject: 0.4, UpdateItem: 0.625, GetItem: 0.125
}

export const pricesNote = 'Prices per million (us-east-1): S3 PUT and LIST $5.00, GET $0.40; DynamoDB on demand, write of a 1 KB item ' +
  '$0.625, strongly consistent read of a 4 KB item $0.125. Not included: storage ($0.023 per GB and month), traffic and compute. An ' +
  'HTTP API in front adds $1.00 per million requests, whether a request has one message or a hundred.'

export function dollars (calls: Calls): number {
  return Object.entries(calls).reduce((sum, [operation, count]) => {
    const price = dollarsPerMillion[operation]
    if (price === undefined) throw new Error(`no price for ${operation}`)
    return sum + count * price / 1e6
  }, 0)
}
