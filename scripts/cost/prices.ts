/**
 * List prices in dollars: those that change, with the day and the page they are from. To update one, change its number, its `seen` and
 * its `day`, then run `npm run cost -- --write`. Prices of calls to S3 and DynamoDB in us-east-1 are those of the service's own metrics.
 */
import { prices as counted } from '../../src/adapters/metrics/prices.ts'

export const regions = ['us-east-1', 'eu-central-1'] as const
export type Region = typeof regions[number]

/**
 * How sure a price is. `list`: somebody quotes it from AWS's price list or from an example on its pricing page, in 2025 or 2026;
 * `others`: other publications have it; `memory`: it was not found, so look it up before you rely on it.
 */
export type Seen = 'list' | 'others' | 'memory'

export interface Price {
  readonly what: string
  /** What is paid for. */
  readonly unit: string
  /** The page of AWS that has it. */
  readonly page: string
  readonly dollars: Readonly<Record<Region, number>>
  readonly seen: Readonly<Record<Region, Seen>>
  /** When it was looked up, as YYYY-MM-DD. */
  readonly day: string
}

const million = 'a million'
const day = '2026-11-29'
const s3 = 'aws.amazon.com/s3/pricing'
const dynamo = 'aws.amazon.com/dynamodb/pricing/on-demand'
const lambda = 'aws.amazon.com/lambda/pricing'
const gateway = 'aws.amazon.com/api-gateway/pricing'
const watch = 'aws.amazon.com/cloudwatch/pricing'
const kinesis = 'aws.amazon.com/kinesis/data-streams/pricing'
const sqs = 'aws.amazon.com/sqs/pricing'
const msk = 'aws.amazon.com/msk/pricing'

function price (what: string, unit: string, page: string, us: [number, Seen], eu: [number, Seen]): Price {
  const [[usDollars, usSeen], [euDollars, euSeen]] = [us, eu]
  return {
    what,
    unit,
    page,
    day,
    dollars: { 'us-east-1': usDollars, 'eu-central-1': euDollars },
    seen: { 'us-east-1': usSeen, 'eu-central-1': euSeen }
  }
}

export const prices = {
  put: price('S3 PUT', million, s3, [counted.perMillionPuts, 'others'], [5.4, 'list']),
  list: price('S3 LIST', million, s3, [counted.perMillionLists, 'others'], [5.4, 'list']),
  get: price('S3 GET', million, s3, [counted.perMillionGets, 'others'], [0.43, 'list']),
  stored: price('S3 Standard, the first 50 TB', 'a GB and month', s3, [0.023, 'list'], [0.0245, 'list']),
  writeUnit: price('DynamoDB write unit, 1 KB of an item', million, dynamo, [counted.perMillionWriteUnits, 'others'], [0.7625, 'list']),
  readUnit: price('DynamoDB read unit, 4 KB of an item', million, dynamo, [counted.perMillionReadUnits, 'others'], [0.1525, 'list']),
  pitr: price('DynamoDB point-in-time recovery', 'a GB and month', dynamo, [0.2, 'others'], [0.2448, 'list']),
  invocation: price('Lambda request', million, lambda, [0.2, 'others'], [0.2, 'list']),
  gbSecond: price('Lambda, arm64', 'a million GB and seconds', lambda, [13.3334, 'others'], [13.3334, 'list']),
  streamedGb: price('Lambda, streamed beyond 6 MB of a response', 'a GB', lambda, [0.008, 'memory'], [0.008, 'memory']),
  httpRequest: price('HTTP API, each 512 KB of a request', million, gateway, [1, 'list'], [1.2, 'others']),
  restRequest: price('REST API, each 10 MB of a streamed response', million, gateway, [3.5, 'others'], [3.7, 'others']),
  logGb: price('CloudWatch Logs, ingested', 'a GB', watch, [0.5, 'others'], [0.63, 'list']),
  metric: price('CloudWatch custom metric', 'a month', watch, [0.3, 'others'], [0.3, 'memory']),
  alarm: price('CloudWatch alarm, each metric, beyond the free ten', 'a month', watch, [0.1, 'others'], [0.1, 'list']),
  streamHour: price('Kinesis on demand, stream', 'an hour', kinesis, [0.04, 'list'], [0.048, 'memory']),
  streamInGb: price('Kinesis on demand, in, each record rounded up to 1 KB', 'a GB', kinesis, [0.08, 'list'], [0.096, 'memory']),
  streamOutGb: price('Kinesis on demand, out', 'a GB', kinesis, [0.04, 'others'], [0.048, 'memory']),
  shardHour: price('Kinesis provisioned, shard', 'an hour', kinesis, [0.015, 'list'], [0.018, 'memory']),
  putUnit: price('Kinesis provisioned, each 25 KB of a record', million, kinesis, [0.014, 'list'], [0.0175, 'memory']),
  sqsRequest: price('SQS standard, each 64 KB of a request', million, sqs, [0.4, 'others'], [0.4, 'list']),
  fifoRequest: price('SQS FIFO, each 64 KB of a request', million, sqs, [0.5, 'others'], [0.5, 'memory']),
  clusterHour: price('MSK Serverless, cluster', 'an hour', msk, [0.75, 'others'], [0.9, 'memory']),
  partitionHour: price('MSK Serverless, partition', 'an hour', msk, [0.0015, 'others'], [0.0018, 'memory']),
  clusterInGb: price('MSK Serverless, in', 'a GB', msk, [0.1, 'others'], [0.12, 'memory']),
  clusterOutGb: price('MSK Serverless, out', 'a GB', msk, [0.05, 'others'], [0.06, 'memory']),
  clusterStored: price('MSK Serverless, stored', 'a GB and month', msk, [0.1, 'others'], [0.119, 'memory'])
} as const satisfies Record<string, Price>

/** Dollars for each unit; where the unit is a million, for one. */
export type Rates = Readonly<Record<keyof typeof prices, number>>

export function ratesOf (region: Region): Rates {
  const entries = Object.entries<Price>(prices).map(([name, { unit, dollars }]) => (
    [name, dollars[region] / (unit.startsWith(million) ? 1e6 : 1)]))
  return Object.fromEntries(entries) as Rates
}
