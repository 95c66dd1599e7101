/** From counts to dollars. */
import { defaultLimits } from '../../src/domain/limits.ts'
import { assumed, GB, hoursPerMonth, secondsPerMonth } from './assumptions.ts'
import type { Counted } from './count.ts'
import type { Rates } from './prices.ts'

export const fronts = ['http', 'rest', 'url'] as const
export type Front = typeof fronts[number]

export const follows = ['poll', 'long-poll', 'sse'] as const
export type Follow = typeof follows[number]

/** Whom the dollars go to. */
export interface Bill {
  readonly front: number
  readonly lambda: number
  readonly s3: number
  readonly dynamodb: number
  readonly logs: number
}

export function total (bill: Bill): number {
  return bill.front + bill.lambda + bill.s3 + bill.dynamodb + bill.logs
}

export function times (bill: Bill, factor: number): Bill {
  return {
    front: bill.front * factor,
    lambda: bill.lambda * factor,
    s3: bill.s3 * factor,
    dynamodb: bill.dynamodb * factor,
    logs: bill.logs * factor
  }
}

export interface Place {
  readonly rates: Rates
  readonly front: Front
  readonly memoryMiB: number
  /** False: `METRICS=off`, `LOG_LEVEL=warn` and `accessLog=false`; Lambda's own lines remain. */
  readonly logs: boolean
}

/** Time of the function. */
export function busyMs (counted: Counted): number {
  const { put, get, list, readUnits, writeUnits, bodyBytes } = counted
  return assumed.ownMs + put * assumed.putMs + get * assumed.getMs + list * assumed.listMs +
    (readUnits + writeUnits) * assumed.tableMs + bodyBytes / 1024 ** 2 * assumed.msPerMiB
}

/** Of one request. @param ms of the function's time; by default, what the calls and the body take */
export function billOf (counted: Counted, place: Place, ms = busyMs(counted)): Bill {
  return { ...callsOf(counted, place.rates), ...requestOf(counted, place, ms) }
}

/** An invocation with its log, without the calls to the stores. */
function requestOf (counted: Counted, { rates, front, memoryMiB, logs }: Place, ms: number): Pick<Bill, 'front' | 'lambda' | 'logs'> {
  const steps = Math.max(1, Math.ceil(counted.bodyBytes / (512 * 1024)))
  const frontOf = { http: steps * rates.httpRequest, rest: rates.restRequest, url: 0 }
  const ownLogBytes = counted.logBytes + counted.metricBytes + (front === 'http' ? assumed.accessLogBytes : 0)
  return {
    front: frontOf[front],
    lambda: rates.invocation + memoryMiB / 1024 * ms / 1_000 * rates.gbSecond,
    logs: (assumed.platformLogBytes + (logs ? ownLogBytes : 0)) / GB * rates.logGb
  }
}

function callsOf ({ put, get, list, readUnits, writeUnits }: Counted, rates: Rates): Pick<Bill, 's3' | 'dynamodb'> {
  return {
    s3: put * rates.put + get * rates.get + list * rates.list,
    dynamodb: readUnits * rates.readUnit + writeUnits * rates.writeUnit
  }
}

export interface Following {
  readonly messages: number
  readonly batch: number
  readonly follow: Follow
  /** From one poll to the next, with `poll`. */
  readonly pollSeconds: number
  /** Of a poll that finds one append, and of one that finds nothing. */
  readonly found: Counted
  readonly idle: Counted
}

/** What one reader costs a month, if the messages come evenly. */
export function billOfReader (following: Following, place: Place): Bill {
  const { messages, batch, follow, found } = following
  const appends = messages / batch
  const everyS = secondsPerMonth / appends
  if (follow === 'poll') return billOfPolling(following, place)
  if (follow === 'long-poll') return billOfWaiting(following, place, defaultLimits.waitMaxMs / 1_000)
  // The whole response at once: the stream ends as soon as it has messages.
  if (place.front === 'http') return billOfWaiting(following, place, defaultLimits.bufferedStreamMs / 1_000)
  const bytes = appends * found.bodyBytes
  const streams = Math.max(secondsPerMonth / assumed.streamSeconds, bytes / assumed.streamBytes)
  const calls = callsOf({ ...found, readUnits: pollsWithin(everyS) }, place.rates)
  const request = requestOf(found, place, secondsPerMonth * 1_000 / streams)
  const beyond = bytes / GB * place.rates.streamedGb
  const bill = { s3: calls.s3 * appends, dynamodb: calls.dynamodb * appends, ...scaled(request, streams) }
  return { ...bill, lambda: bill.lambda + beyond }
}

function billOfPolling ({ messages, batch, pollSeconds, found, idle }: Following, place: Place): Bill {
  const appends = messages / batch
  const polls = Math.max(secondsPerMonth / pollSeconds, messages / defaultLimits.pageMessagesMax)
  // A poll that finds several appends makes a GET for each, and is otherwise like one that finds one.
  const perPoll = appends / polls
  return times(billOf({
    ...perPoll < 1 ? idle : found,
    readUnits: idle.readUnits,
    get: found.get * perPoll,
    list: found.list * perPoll,
    bodyBytes: idle.bodyBytes + found.bodyBytes * perPoll
  }, place), polls)
}

/** A reader that has always a request open, which is answered at the next append, or after `waitS`. */
function billOfWaiting ({ messages, batch, found, idle }: Following, place: Place, waitS: number): Bill {
  const appends = messages / batch
  const everyS = secondsPerMonth / appends
  const requests = Math.min(appends * Math.ceil(everyS / waitS), secondsPerMonth / (assumed.roundTripMs / 1_000))
  const perRequest = appends / requests
  const reads = idle.readUnits + pollsWithin(Math.min(everyS, waitS))
  return times(billOf({
    ...perRequest < 1 ? idle : found,
    get: found.get * perRequest,
    list: found.list * perRequest,
    readUnits: reads,
    bodyBytes: idle.bodyBytes + found.bodyBytes * perRequest
  }, place, secondsPerMonth * 1_000 / requests), requests)
}

function scaled<Name extends string> (dollars: Readonly<Record<Name, number>>, factor: number): Record<Name, number> {
  return Object.fromEntries(Object.entries<number>(dollars).map(([name, value]) => [name, value * factor])) as Record<Name, number>
}

/** Reads of a topic's item by an environment that waits for so long (protocol §4.5), and at least the one that finds the append. */
export function pollsWithin (seconds: number): number {
  const { followPollMinMs, followPollMaxMs } = defaultLimits
  let [pause, passed, polls] = [followPollMinMs, 0, 0]
  while (pause < followPollMaxMs && passed + pause <= seconds * 1_000) {
    passed += pause
    pause = Math.min(pause * 1.5, followPollMaxMs)
    polls++
  }
  polls += Math.ceil((seconds * 1_000 - passed) / pause)
  // At a high rate, one poll finds several appends.
  return Math.min(polls, seconds * 1_000 / followPollMinMs)
}

/** Dollars a month for what is stored. @param bytes of each message, as stored */
export function storedDollars (messages: number, bytes: number, days: number, rates: Rates): number {
  return messages * bytes * days / assumed.daysPerMonth / GB * rates.stored
}

/** What a deployment costs a month whatever it does: a sweep each hour, and what watches it. */
export interface Idle {
  readonly sweeps: number
  /** The metrics of the API's function in the hours in which it is used, and of sweeps that remove something. */
  readonly usedMetrics: number
  readonly alarms: number
}

export function idleOf (sweep: Counted, usedMetrics: number, { rates, logs }: Pick<Place, 'rates' | 'logs'>): Idle {
  const place = { rates, logs, front: 'url', memoryMiB: assumed.sweepMemoryMiB } as const
  return {
    sweeps: total(billOf(sweep, place)) * hoursPerMonth * assumed.sweepsPerHour,
    usedMetrics: logs ? usedMetrics * rates.metric : 0,
    alarms: Math.max(0, assumed.alarmMetrics - assumed.freeAlarmMetrics) * rates.alarm
  }
}
