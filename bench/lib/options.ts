import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'

export interface Options {
  /** Names of scenarios; empty for all. */
  readonly only: readonly string[]
  readonly rounds: number
  /** How long each case is measured in each round. */
  readonly seconds: number
  /** How long each server is loaded before it is measured: the JIT compiler needs that. */
  readonly warmupSeconds: number
  /** Smaller and shorter in every way, to see whether all of it runs; its figures mean little. */
  readonly quick: boolean
  /** Subjects whose names contain one of these; empty for all. */
  readonly subjects: readonly string[]
  readonly connections: readonly number[]
  /** Where the stores that sync have their files: must be a real disk. */
  readonly dataDir: string
  readonly out: string
}

export const usage = `npm run bench -- [options]
  --only a,b        scenarios (all)
  --subjects a,b    subjects whose names contain one of these (all)
  --connections a,b for the append scenarios (1,16,64)
  --rounds N        rounds of each case (5; cold start and memory have their own number)
  --seconds N       of measuring, each case and round (3)
  --warmup N        seconds of load before it (2)
  --data-dir DIR    a folder on the disk to measure (data/bench in the project)
  --out FILE        the results as JSON (bench/results/<time>.json)
  --quick           2 rounds of 1 s and small amounts: only to see that it runs
  --list            the scenarios`

export function readOptions (scenarios: readonly { name: string, title: string }[]): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      subjects: { type: 'string', default: '' },
      connections: { type: 'string', default: '1,16,64' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      'data-dir': { type: 'string', default: inProject('data/bench') },
      out: { type: 'string', default: inProject(`bench/results/${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`) },
      quick: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) end(usage)
  if (values.list) end(scenarios.map(({ name, title }) => `${name.padEnd(16)}${title}`).join('\n'))
  const names = scenarios.map(({ name }) => name)
  const only = listOf(values.only)
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`--only: expected some of ${names.join(', ')}, got ${unknown.join(', ')}`)
  const { quick } = values
  return {
    only,
    quick,
    subjects: listOf(values.subjects),
    connections: listOf(values.connections).map((text) => positive('--connections', text)),
    rounds: positive('--rounds', values.rounds ?? (quick ? '2' : '5')),
    seconds: positive('--seconds', values.seconds ?? (quick ? '1' : '3')),
    warmupSeconds: positive('--warmup', values.warmup ?? (quick ? '0.7' : '2')),
    dataDir: values['data-dir'],
    out: values.out
  }
}

function inProject (path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

function listOf (text: string): string[] {
  return text.split(',').filter((part) => part !== '')
}

function positive (name: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`${name}: expected a number above 0, got ${text}`)
  return number
}

function end (text: string): never {
  console.log(text)
  process.exit(0)
}
