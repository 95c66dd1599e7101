/** The tables of docs/cost.md. */
import { estimate, metricsOf, sumOf } from './estimate.ts'
import {
  billOf, billOfReader, busyMs, follows, fronts, idleOf, storedDollars, total, type Bill, type Follow, type Front, type Place
} from './model.ts'
import { assumed } from './assumptions.ts'
import type { Counted } from './count.ts'
import { readOptions } from './options.ts'
import { firstVersion, others } from './others.ts'
import { prices, type Price, ratesOf, regions, type Region } from './prices.ts'
import {
  countAppend, countFollowingPoll, countIdlePoll, countReceive, countReceiveBehind, countRemovingSweep, countSweep
} from './scenarios.ts'
import { dollars, textOf } from './text.ts'

const batches = [1, 10, 100, 1_000] as const
const size = 1_000
const million = 1_000_000
const pollSeconds = 5

const frontNames: Readonly<Record<Front, string>> = { http: 'HTTP API', rest: 'REST API', url: 'function URL' }
const followNames: Readonly<Record<Follow, string>> = { poll: `poll every ${pollSeconds} s`, 'long-poll': 'long poll', sse: 'SSE' }

interface Counts {
  readonly appends: readonly Counted[]
  readonly found: readonly Counted[]
  readonly receives: readonly Counted[]
  readonly behind: Counted
  readonly idle: Counted
  readonly sweep: Counted
  /** A sweep that removes something. */
  readonly removing: Counted
}

async function countAll (): Promise<Counts> {
  const each = async (count: (batch: number) => Promise<Counted>): Promise<Counted[]> => {
    const all: Counted[] = []
    for (const batch of batches) all.push(await count(batch))
    return all
  }
  return {
    appends: await each((batch) => countAppend({ size, batch })),
    found: await each((batch) => countFollowingPoll({ size, batch })),
    receives: await each((batch) => countReceive({ size, batch }, batch)),
    behind: await countReceiveBehind({ size, batch: 100 }),
    idle: await countIdlePoll(),
    sweep: await countSweep(),
    removing: await countRemovingSweep()
  }
}

/** By name: the markers in the page have them. */
export type Tables = Readonly<Record<string, string>>

export async function createTables (region: Region = 'us-east-1'): Promise<Tables> {
  const counts = await countAll()
  const rates = ratesOf(region)
  const placeOf = (front: Front): Place => ({ rates, front, memoryMiB: assumed.memoryMiB, logs: true })
  return {
    example: await exampleBlock(),
    produce: messagesTable(counts.appends, placeOf),
    parts: partsTable(counts, placeOf),
    follow: followTable(counts, placeOf),
    groups: messagesTable(counts.receives, placeOf),
    storage: storageTable(counts.appends),
    idle: idleTable(counts, placeOf('http')),
    calls: callsTable(counts),
    elsewhere: elsewhereTable(counts, placeOf('http')),
    first: firstTable(region),
    assumed: assumedTable(),
    prices: pricesTable()
  }
}

async function exampleBlock (): Promise<string> {
  const args = '--messages 5e6 --size 1000 --batch 10 --readers 3'
  const asked = readOptions(args.split(' '))
  if (typeof asked === 'string') throw new Error(`expected options, got ${asked}`)
  return `\`\`\`text\n$ npm run -s cost -- ${args}\n${textOf(asked.options, await estimate(asked.options))}\`\`\``
}

/** @throws Error if the page lacks the place of a table */
export function replaceTables (page: string, tables: Tables): string {
  return Object.entries(tables).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from === -1 || to < from) throw new Error(`docs/cost.md: expected "${begin.trim()}" and "${end}"`)
    return `${text.slice(0, from + begin.length)}\n${table}\n\n${text.slice(to)}`
  }, page)
}

function table (head: readonly string[], rows: ReadonlyArray<readonly string[]>, words = 1): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_cell, column) => column < words ? '---' : '---:')), ...rows.map(line)].join('\n')
}

function money (value: number): string {
  const text = dollars(value)
  return text.startsWith('<') ? text.replace('< ', '< $') : `$${text}`
}

const batchHeads = batches.map((batch) => batch.toLocaleString('en'))

/** Dollars a million messages, by the messages of a request. */
function messagesTable (counted: readonly Counted[], placeOf: (front: Front) => Place): string {
  return table(['', ...batchHeads], fronts.map((front) => [
    frontNames[front], ...counted.map((one, index) => money(total(billOf(one, placeOf(front))) * million / batches[index]!))
  ]))
}

function partsTable ({ appends, found, idle, receives }: Counts, placeOf: (front: Front) => Place): string {
  const rows: Array<[string, Counted]> = [
    ['append of 100', appends[2]!], ['poll that finds an append of 100', found[2]!], ['poll that finds nothing', idle],
    ['receive of 100 with the acks of the last', receives[2]!]
  ]
  const parts: Array<keyof Bill> = ['front', 'lambda', 's3', 'dynamodb', 'logs']
  return table(['', 'API Gateway', 'Lambda', 'S3', 'DynamoDB', 'logs', 'all'], rows.map(([name, counted]) => {
    const bill = billOf(counted, placeOf('http'))
    return [name, ...parts.map((part) => money(bill[part] * million)), money(total(bill) * million)]
  }))
}

function followTable ({ found, idle }: Counts, placeOf: (front: Front) => Place): string {
  return table(['', '', ...batchHeads], follows.flatMap((follow) => fronts.map((front) => [
    followNames[follow],
    frontNames[front],
    ...batches.map((batch, index) => money(total(billOfReader(
      { messages: million, batch, follow, pollSeconds, found: found[index]!, idle }, placeOf(front)))))
  ])), 2)
}

function storageTable (appends: readonly Counted[]): string {
  return table(['', ...batchHeads], regions.map((region) => [
    region,
    ...appends.map(({ putBytes }, index) => (
      money(storedDollars(million, putBytes / batches[index]!, assumed.daysPerMonth, ratesOf(region)))))
  ]))
}

function idleTable ({ appends, found, idle, receives, sweep, removing }: Counts, place: Place): string {
  const used = metricsOf([...appends, ...found, idle, ...receives]).length
  const fixed = idleOf(sweep, used + removing.metrics.length, place)
  return table(['', '$ a month'], [
    [
      `a sweep each hour: ${number(sweep.list)} LISTs and ${number(sweep.readUnits)} read units with one topic, and 1 for each further one`,
      money(fixed.sweeps)
    ],
    [`metrics in the alarms, ${assumed.alarmMetrics - assumed.freeAlarmMetrics} more than the account's free ${assumed.freeAlarmMetrics}`,
      money(fixed.alarms)],
    ['bucket, table, point-in-time recovery of a table of some KB, API, dashboard', '$0'],
    ['**nothing happens**', `**${money(fixed.sweeps + fixed.alarms)}**`],
    [
      `${used} metrics in the hours in which messages are written, read and worked on, and ${removing.metrics.length} in those in ` +
      'which they are removed', money(fixed.usedMetrics)
    ]
  ])
}

function number (value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2 })
}

function callsTable ({ appends, found, idle, receives, behind, sweep }: Counts): string {
  const rows: Array<[string, Counted]> = [
    ...batches.map((batch, index): [string, Counted] => [`append of ${number(batch)}`, appends[index]!]),
    ...batches.map((batch, index): [string, Counted] => [`poll that finds an append of ${number(batch)}`, found[index]!]),
    ['poll that finds nothing', idle],
    ...batches.map((batch, index): [string, Counted] => [`receive of ${number(batch)}, with the acks of the last`, receives[index]!]),
    ['receive of 100 by a new environment, while the worker is behind', behind],
    ['sweep of one topic, nothing due', sweep]
  ]
  const head = ['', 'PUT', 'GET', 'LIST', 'write units', 'read units', 'bytes in and out', 'bytes of log', 'ms assumed']
  return table(head, rows.map(([name, one]) => {
    const { put, get, list, writeUnits, readUnits, bodyBytes, logBytes, metricBytes } = one
    return [name, ...[put, get, list, writeUnits, readUnits, bodyBytes, logBytes + metricBytes, Math.round(busyMs(one))].map(number)]
  }))
}

function elsewhereTable ({ appends, found, idle, sweep, removing }: Counts, place: Place): string {
  const batch = 100
  const loads = [million, 100 * million, 1_000 * million]
  const load = { size, batch, readers: 1, retentionDays: 1 }
  const fixed = idleOf(sweep, metricsOf([...appends, ...found, idle]).length + removing.metrics.length, place)
  const ours = (messages: number): number => total(billOf(appends[2]!, place)) * messages / batch +
    total(billOfReader({ messages, batch, follow: 'poll', pollSeconds, found: found[2]!, idle }, place)) +
    storedDollars(messages, appends[2]!.putBytes / batch, 1, place.rates) + sumOf(fixed)
  const first = firstVersion(100, place.rates)
  return table(['', 'a million', '100 million', '1,000 million'], [
    ['Serverless Streams', ...loads.map((messages) => money(ours(messages)))],
    ['the first version', ...loads.map((messages) => money(messages * (first.produced + first.consumed)))],
    ...Object.entries(others).map(([name, cost]) => [name, ...loads.map((messages) => money(cost({ ...load, messages }, place.rates)))])
  ])
}

function firstTable (region: Region): string {
  const rates = ratesOf(region)
  return table(['', 'produced', 'consumed', 'both'], [1, 10, 100].map((page) => {
    const { produced, consumed } = firstVersion(page, rates)
    const each = [produced, consumed, produced + consumed].map((one) => money(one * million))
    return [page === 1 ? 'read one by one' : `read in pages of ${page}`, ...each]
  }))
}

function assumedTable (): string {
  return table(['', ''], [
    ['the function\'s own time, without waiting', `${assumed.ownMs} ms, and ${assumed.msPerMiB} ms for each MiB of a body`],
    [
      'a call, one after the other',
      `PUT ${assumed.putMs} ms, GET ${assumed.getMs} ms, LIST ${assumed.listMs} ms, DynamoDB ${assumed.tableMs} ms`
    ],
    ['memory', `${number(assumed.memoryMiB)} MB, sweeps ${assumed.sweepMemoryMiB} MB; arm64`],
    ['Lambda\'s own lines in the log', `${assumed.platformLogBytes} bytes an invocation`],
    ['a line of the access log, which only the HTTP API has by default', `${assumed.accessLogBytes} bytes`],
    ['a stream ends, and its reader resumes', `after ${assumed.streamSeconds} s or ${assumed.streamBytes / 1024 ** 2} MiB`],
    ['from an answer to the next long poll', `${assumed.roundTripMs} ms at least`],
    ['a month', `${assumed.daysPerMonth} days`]
  ], 2)
}

function pricesTable (): string {
  const marks = { list: '', others: ' \\*', memory: ' \\*\\*' } as const
  const rows = Object.values<Price>(prices).map(({ what, unit, page, dollars: value, seen, day }) => (
    [what, unit, `[${page}](https://${page}/)`, ...regions.map((region) => `$${value[region]}${marks[seen[region]]}`), day]))
  return table(['', 'unit', 'page', ...regions, 'looked up'], rows, 3)
}
