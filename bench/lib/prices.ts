import type { Cost } from './counted-service.ts'

/** Dollars a million, us-east-1, on demand. */
const perMillionCalls: Readonly<Record<string, number>> = {
  PutObject: 5, ListObjectsV2: 5, GetObject: 0.4, DeleteObjects: 0, UpdateItem: 0, GetItem: 0, Query: 0
}
const perMillionReadUnits = 0.125
const perMillionWriteUnits = 0.625

export const pricesNote = 'Prices per million (us-east-1): S3 PUT and LIST $5.00, GET $0.40, DELETE nothing; DynamoDB on demand, write ' +
  'unit (1 KB of an item) $0.625, read unit (4 KB, strongly consistent) $0.125. Not included: storage ($0.023 per GB and month), ' +
  'traffic and compute. An HTTP API in front adds $1.00 per million requests, whether a request has one message or a hundred.'

export function dollars ({ calls, readUnits, writeUnits }: Cost): number {
  const ofCalls = Object.entries(calls).reduce((sum, [operation, count]) => {
    const price = perMillionCalls[operation]
    if (price === undefined) throw new Error(`no price for ${operation}`)
    return sum + count * price
  }, 0)
  return (ofCalls + readUnits * perMillionReadUnits + writeUnits * perMillionWriteUnits) / 1e6
}
