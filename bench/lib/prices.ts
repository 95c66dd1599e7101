import { dollarsOfUnits, prices } from '../../src/adapters/metrics/prices.ts'
import type { Cost } from './counted-service.ts'

/** Dollars a million. */
const perMillionCalls: Readonly<Record<string, number>> = {
  PutObject: prices.perMillionPuts,
  ListObjectsV2: prices.perMillionLists,
  GetObject: prices.perMillionGets,
  DeleteObjects: 0,
  UpdateItem: 0,
  DeleteItem: 0,
  GetItem: 0,
  Query: 0
}

export const pricesNote = `Prices per million (${prices.region}, ${prices.asOf}): S3 PUT and LIST $${prices.perMillionPuts.toFixed(2)}, ` +
  `GET $${prices.perMillionGets.toFixed(2)}, DELETE nothing; DynamoDB on demand, write unit (1 KB of an item) ` +
  `$${prices.perMillionWriteUnits}, read unit (4 KB, strongly consistent) $${prices.perMillionReadUnits}. Not included: storage ` +
  '($0.023 per GB and month), traffic and compute. An HTTP API in front adds $1.00 per million requests, whether a request has one ' +
  'message or a hundred.'

export function dollars ({ calls, readUnits, writeUnits }: Cost): number {
  const ofCalls = Object.entries(calls).reduce((sum, [operation, count]) => {
    const price = perMillionCalls[operation]
    if (price === undefined) throw new Error(`no price for ${operation}`)
    return sum + count * price
  }, 0)
  return ofCalls / 1e6 + dollarsOfUnits('read', readUnits) + dollarsOfUnits('write', writeUnits)
}
