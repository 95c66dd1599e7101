/** What a month with given options costs. */
import type { Counted } from './count.ts'
import { billOf, billOfReader, idleOf, type Bill, type Idle, storedDollars, times, total } from './model.ts'
import type { Options } from './options.ts'
import { firstVersion, others } from './others.ts'
import { ratesOf } from './prices.ts'
import { countAppend, countFollowingPoll, countIdlePoll, countReceive, countRemovingSweep, countSweep } from './scenarios.ts'

export interface Estimate {
  /** Dollars a month. */
  readonly produce: Bill
  readonly follow: Bill
  readonly groups: Bill
  readonly storage: number
  readonly idle: Idle
  readonly total: number
  /** What the same messages cost elsewhere, by name. */
  readonly elsewhere: Readonly<Record<string, number>>
}

/** Messages of a page of the first version. */
const firstPage = 100

export async function estimate (options: Options): Promise<Estimate> {
  const { messages, size, batch, readers, groups, lease, region, front, memory, logs } = options
  const rates = ratesOf(region)
  const place = { rates, front, memoryMiB: memory, logs }
  const append = await countAppend({ size, batch })
  const found = await countFollowingPoll({ size, batch })
  const idle = await countIdlePoll()
  const receive = groups === 0 ? undefined : await countReceive({ size, batch }, lease)
  const produce = times(billOf(append, place), messages / batch)
  const follow = times(billOfReader({ ...options, found, idle }, place), readers)
  const worked = receive === undefined ? times(produce, 0) : times(billOf(receive, place), groups * messages / lease)
  const storage = storedDollars(messages, append.putBytes / batch / options.compression, options.retentionDays, rates)
  const used = [append, ...readers === 0 ? [] : [found, idle], ...receive === undefined ? [] : [receive]]
  const fixed = idleOf(await countSweep(), metricsOf(used).length + (await countRemovingSweep()).metrics.length, place)
  const sum = total(produce) + total(follow) + total(worked) + storage + sumOf(fixed)
  const first = firstVersion(firstPage, rates)
  return {
    produce,
    follow,
    groups: worked,
    storage,
    idle: fixed,
    total: sum,
    elsewhere: {
      ...Object.fromEntries(Object.entries(others).map(([name, cost]) => [name, cost({ ...options, readers: readers + groups }, rates)])),
      'The first version': messages * (first.produced + (readers + groups) * first.consumed)
    }
  }
}

export function metricsOf (counted: readonly Counted[]): string[] {
  return [...new Set(counted.flatMap(({ metrics }) => metrics))]
}

export function sumOf (idle: Idle): number {
  return idle.sweeps + idle.usedMetrics + idle.alarms
}
