/** The same messages in other services of AWS, and in the first version of this one. Without traffic out of the region. */
import { assumed, GB, hoursPerMonth, secondsPerMonth } from './assumptions.ts'
import type { Rates } from './prices.ts'

export interface Load {
  /** A month, evenly. */
  readonly messages: number
  readonly size: number
  readonly batch: number
  readonly readers: number
  readonly retentionDays: number
}

/** Dollars a month. Kinesis keeps messages for a day, SQS until they are deleted. */
export const others: Readonly<Record<string, (load: Load, rates: Rates) => number>> = {
  'Kinesis, on demand': ({ messages, size, readers }, rates) => {
    const gb = messages * Math.ceil(size / 1024) * 1024 / GB
    return rates.streamHour * hoursPerMonth + gb * rates.streamInGb + messages * size / GB * readers * rates.streamOutGb
  },
  'Kinesis, provisioned': ({ messages, size, readers }, rates) => {
    const perSecond = messages / secondsPerMonth
    const bytes = perSecond * size / 1024 ** 2
    const shards = Math.max(1, Math.ceil(perSecond / 1_000), Math.ceil(bytes), Math.ceil(bytes * readers / 2))
    return shards * rates.shardHour * hoursPerMonth + messages * Math.ceil(size / (25 * 1024)) * rates.putUnit
  },
  'SQS standard': (load, rates) => queues(load) * rates.sqsRequest,
  'SQS FIFO': (load, rates) => queues(load) * rates.fifoRequest,
  'MSK Serverless': ({ messages, size, readers, retentionDays }, rates) => {
    const gb = messages * size / GB
    return (rates.clusterHour + rates.partitionHour) * hoursPerMonth + gb * (rates.clusterInGb + readers * rates.clusterOutGb) +
      gb * retentionDays / assumed.daysPerMonth * rates.clusterStored
  }
}

/** A queue for each reader: sent, received and deleted in batches of at most ten. */
function queues ({ messages, size, batch, readers }: Load): number {
  const together = Math.min(batch, 10, Math.max(1, Math.floor(256 * 1024 / size)))
  const chunks = Math.max(1, Math.ceil(together * size / (64 * 1024)))
  // A deletion has no payload.
  return Math.max(1, readers) * messages / together * (2 * chunks + 1)
}

/**
 * The first version: a REST API, a function with 256 MB, and an object for each message. An append is an update of a counter and a PUT.
 * A page is a LIST and a GET for each message. It had no batches, and logged two short lines a request, which are left out.
 */
export function firstVersion (pageMessages: number, rates: Rates): { readonly produced: number, readonly consumed: number } {
  const ms = (calls: number) => assumed.ownMs + calls
  const request = (callsMs: number) => rates.restRequest + rates.invocation + 0.25 * ms(callsMs) / 1_000 * rates.gbSecond
  // It makes ten GETs at a time.
  const page = request(assumed.listMs + Math.ceil(pageMessages / 10) * assumed.getMs) + rates.list + pageMessages * rates.get
  return {
    produced: request(assumed.putMs + assumed.tableMs) + rates.put + rates.writeUnit,
    consumed: page / pageMessages
  }
}
