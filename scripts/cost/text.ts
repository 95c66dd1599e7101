/** The answer of the command. */
import { type Estimate, sumOf } from './estimate.ts'
import { type Bill, total } from './model.ts'
import type { Options } from './options.ts'

const fronts = { http: 'an HTTP API', rest: 'a REST API', url: 'a function URL' } as const
const follows = { poll: 'poll', 'long-poll': 'wait in long polls', sse: 'stream' } as const

function alone (name: string, value: number): string[] {
  return [name, '', '', '', '', '', dollars(value)]
}

/** Two or three digits; without the sign. */
export function dollars (value: number): string {
  if (value === 0) return '0'
  if (value < 0.000_5) return '< 0.001'
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2)
}

export function textOf (options: Options, result: Estimate): string {
  const { messages, size, batch, readers, follow, pollSeconds, groups, lease, front, region, retentionDays, compression } = options
  const count = (value: number): string => value.toLocaleString('en')
  const many = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`
  const every = follow === 'poll' ? `, every ${pollSeconds} s` : ''
  const bills: Array<[string, Bill]> = [
    [`Produce: ${many(Math.ceil(messages / batch), 'append')}`, result.produce],
    [`Follow: ${many(readers, 'reader')} that ${follows[follow]}${every}`, result.follow],
    [`Groups: ${many(groups, 'group')}, ${count(lease)} messages a receive`, result.groups]
  ]
  const rows: string[][] = [
    ['', 'front', 'Lambda', 'S3', 'DynamoDB', 'logs', '$ a month'],
    ...bills.map(([name, bill]) => [
      name, ...[bill.front, bill.lambda, bill.s3, bill.dynamodb, bill.logs, total(bill)].map(dollars)
    ]),
    alone(`Storage: ${retentionDays} days${compression === 1 ? '' : `, ${compression} times smaller`}`, result.storage),
    alone('Metrics, alarms and hourly sweeps', sumOf(result.idle)),
    alone('Total', result.total),
    alone('A million messages', result.total / messages * 1e6)
  ]
  const beside = Object.entries(result.elsewhere).map(([name, value]) => [name, dollars(value)])
  return `${many(messages, 'message')} a month of ${many(size, 'byte')}, in batches of ${count(batch)}, ` +
    `in ${region} behind ${fronts[front]}\n\n` +
    `${aligned(rows)}\n\nThe same elsewhere\n\n${aligned(beside)}\n\n` +
    'List prices without free tiers, traffic out and taxes. docs/cost.md has what is counted and what is assumed.\n'
}

function aligned (rows: readonly string[][]): string {
  const widths = rows[0]!.map((_cell, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join('  ')
    .trimEnd()).join('\n')
}
