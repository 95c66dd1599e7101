import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bareEnvironment, dropFolder, type Server, startServer, workFolder } from '../lib/children.ts'
import { load, type LoadResult, post } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import { middleOf } from '../lib/statistics.ts'
import { isWrkInstalled, wrk, type WrkResult } from '../lib/wrk.ts'
import { oursSqlite } from '../subjects/index.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
const connections = 64
const goal = 0.9
/** The servers of a round are loaded in turn so many times, because the machine does not stay the same for seconds. */
const slices = 6
const notInstalled = 'wrk not installed'
const tokenCommand = fileURLToPath(new URL('../../src/token.ts', import.meta.url))

const cases = {
  neither: { AUTH: 'none', METRICS: 'off' },
  metrics: { AUTH: 'none', METRICS: 'on' },
  'token and metrics': { AUTH: 'tokens', METRICS: 'on' }
} as const
type Case = keyof typeof cases
const names = Object.keys(cases) as Case[]

interface Measured { readonly own: LoadResult, readonly wrk: WrkResult | undefined }
type Round = Readonly<Record<Case, Measured>>

interface Running { readonly server: Server, readonly folder: string, readonly request: Buffer }

export const access: Scenario = {
  name: 'access',
  title: 'Appends with an access token and metrics',
  async run (options): Promise<ScenarioResult> {
    const installed = isWrkInstalled()
    const outcomes = await interleaved(options.rounds, [oursSqlite], (_subject, round) => measure(round, installed, options))
    const { results, failure } = outcomes.get(oursSqlite)!
    const timesOf = (value: (measured: Measured) => number, name: Case): number[] =>
      results.map((round) => value(round[name]) / value(round.neither))
    const byWrk = (text: () => string): string => installed ? text() : notInstalled
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, 1 message a request, ${connections} connections in a closed loop, SQLite, without a ` +
        'log. The token has one grant, for the prefix of the topic.',
        `Each round starts three servers with empty stores, and loads each for ${options.warmupSeconds} s, not counted. Then our own ` +
        `generator loads them in turn, ${slices} times for ${number(options.seconds / slices)} s each, and the medians count; then wrk ` +
        `does the same, ${slices} times for a second. The one that is first changes from round to round.`
      ],
      tables: [{
        columns: ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs/append', 'requests/s, wrk', 'CPU µs/append, wrk'],
        rows: names.map((name) => {
          const all = results.map((round) => round[name])
          return [
            name,
            show(over(all, ({ own }) => own.perSecond)),
            show(over(all, ({ own }) => own.p50Ms)),
            show(over(all, ({ own }) => own.p99Ms)),
            show(over(all, ({ own }) => own.serverCpuMicros)),
            byWrk(() => show(over(all, ({ wrk }) => wrk!.perSecond))),
            byWrk(() => show(over(all, ({ wrk }) => wrk!.serverCpuMicros)))
          ]
        }),
        remarks: failure === undefined ? [] : [`failed: ${failure}`]
      }],
      figures: names.slice(1).flatMap((name): Figure[] => [
        {
          what: `${name} / neither, requests/s`,
          bound: 'at least',
          goal,
          unit: 'times',
          values: timesOf(({ own }) => own.perSecond, name)
        },
        {
          what: `${name} / neither, requests/s, by wrk`,
          bound: 'at least',
          goal,
          unit: 'times',
          values: installed ? timesOf(({ wrk }) => wrk!.perSecond, name) : []
        }
      ]),
      raw: rawOf(outcomes)
    }
  }
}

async function measure (round: number, installed: boolean, options: Options): Promise<Round> {
  const order = names.map((_, i) => names[(i + round) % names.length]!)
  const running = new Map<Case, Running>()
  try {
    for (const name of order) running.set(name, await start(name, options))
    for (const { server, request } of running.values()) await load({ server, connections, seconds: options.warmupSeconds, request })
    const own = new Map<Case, LoadResult[]>(names.map((name) => [name, []]))
    for (let slice = 0; slice < slices; slice++) {
      for (const name of slice % 2 === 0 ? order : order.toReversed()) {
        const { server, request } = running.get(name)!
        own.get(name)!.push(await load({ server, connections, seconds: options.seconds / slices, request }))
      }
    }
    const second = new Map<Case, WrkResult[]>(names.map((name) => [name, []]))
    for (let slice = 0; slice < (installed ? slices : 0); slice++) {
      for (const name of slice % 2 === 0 ? order : order.toReversed()) {
        const { server, request } = running.get(name)!
        second.get(name)!.push(await wrk(options.dataDir, { server, connections, seconds: 1, request }))
      }
    }
    const of = (name: Case): Measured => ({ own: middleOf(own.get(name)!), wrk: installed ? middleOf(second.get(name)!) : undefined })
    return { neither: of('neither'), metrics: of('metrics'), 'token and metrics': of('token and metrics') }
  } finally {
    for (const { server, folder } of running.values()) {
      await server.stop()
      dropFolder(folder)
    }
  }
}

async function start (name: Case, { dataDir }: Options): Promise<Running> {
  const folder = workFolder(dataDir, name)
  const env = { ...oursSqlite.env(folder), ...cases[name] }
  const headers: Record<string, string> = cases[name].AUTH === 'tokens' ? { authorization: `Bearer ${createToken(env)}` } : {}
  const server = await startServer({ args: oursSqlite.args, env, folder })
  return { server, folder, request: post('/topics/bench.orders/produce', `{"payload":${payloadOf(payloadBytes)}}`, headers) }
}

function createToken (env: Record<string, string>): string {
  const args = [tokenCommand, 'create', '--name', 'bench', '--allow', 'produce:bench.*']
  return execFileSync(process.execPath, args, { env: bareEnvironment(env), stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }).trim()
}
