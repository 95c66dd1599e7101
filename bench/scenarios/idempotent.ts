import { load, loadChanging, type LoadResult, post } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { producerRequests } from '../lib/producers.ts'
import { number, rawOf, show, type Figure, type ScenarioResult, type Table } from '../lib/report.ts'
import { interleaved, over, type Outcome } from '../lib/rounds.ts'
import { middleOf, spread } from '../lib/statistics.ts'
import { isWrkInstalled, wrk, wrkProducers, type WrkResult } from '../lib/wrk.ts'
import type { Server } from '../lib/children.ts'
import { oursMemory, oursSqlite } from '../subjects/index.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
/** As many as connections: each connection is a producer. */
const connections = 64
const goal = 0.8
/** In each round our own generator makes both loads in turn so many times, because the machine does not stay the same for seconds. */
const slices = 6
const notInstalled = 'wrk not installed'

const kinds = ['plain', 'idempotent'] as const
type Kind = typeof kinds[number]

interface Measured { readonly own: LoadResult, readonly wrk: WrkResult | undefined }
type Round = Readonly<Record<Kind, Measured>>
type Outcomes = Map<Subject, Outcome<Round>>

export const idempotent: Scenario = {
  name: 'idempotent',
  title: 'Idempotent appends beside plain ones',
  async run (options): Promise<ScenarioResult> {
    const installed = isWrkInstalled()
    const outcomes: Outcomes = await interleaved(options.rounds, chosen([oursMemory, oursSqlite], options),
      (subject, round) => withServer(subject, options, (server) => measure(server, round, installed, options)))
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, 1 message a request, ${connections} connections in a closed loop. "Idempotent": each ` +
        'connection is a producer with an id, an epoch and a seq that counts up; all of them append to one topic. "Plain": the same ' +
        'without the producer, to another topic.',
        `Each round starts a fresh server with an empty store, which gets both for ${options.warmupSeconds} s each, not counted. Our own ` +
        `generator then makes both in turn, ${slices} times for ${number(options.seconds / slices)} s each, and the medians count; wrk ` +
        `makes both for ${options.seconds} s. The one that is first changes from round to round. The tables show the share of a core ` +
        'that our own generator used.',
        installed
          ? `wrk has ${connections} threads of one connection each for both, and builds the idempotent requests in Lua ` +
            '(lib/wrk-producers.lua). That costs it CPU, which the server lacks.'
          : 'wrk is not installed: `apt-get install wrk` or `brew install wrk` fills its columns.',
        'CPU is user and system time of all threads of the server, for each append.'
      ],
      tables: [...outcomes].flatMap(([subject, outcome]) => tablesOf(subject, outcome, installed)),
      figures: [...outcomes].flatMap(([{ name }, outcome]): Figure[] => [
        { what: `${name}: idempotent / plain, requests/s`, bound: 'at least', goal, unit: 'times', values: timesOf(outcome, ownRate) },
        {
          what: `${name}: idempotent / plain, requests/s, by wrk`,
          bound: 'at least',
          goal,
          unit: 'times',
          values: installed ? timesOf(outcome, ({ wrk }) => wrk!.perSecond) : []
        }
      ]),
      raw: rawOf(outcomes)
    }
  }
}

const ownRate = ({ own }: Measured): number => own.perSecond

async function measure (server: Server, round: number, installed: boolean, options: Options): Promise<Round> {
  const payload = payloadOf(payloadBytes)
  const plainRequest = post('/topics/plain/produce', `{"payload":${payload}}`)
  // A new epoch begins at seq 0.
  let epoch = 0
  const byOwn = (kind: Kind, seconds: number): Promise<LoadResult> => {
    if (kind === 'plain') return load({ server, connections, seconds, request: plainRequest })
    epoch++
    return loadChanging({
      server, connections, seconds, requests: (connection) => producerRequests('idempotent', payload, `p${connection}`, epoch)
    })
  }
  const byWrk = async (kind: Kind, seconds: number): Promise<WrkResult | undefined> => {
    if (!installed) return undefined
    if (kind === 'plain') return wrk(options.dataDir, { server, connections, seconds, request: plainRequest, threads: connections })
    epoch++
    return wrkProducers(options.dataDir, { server, connections, seconds, topic: 'idempotent', payload, epoch })
  }
  for (const kind of kinds) await byOwn(kind, options.warmupSeconds)
  const order = round % 2 === 0 ? kinds : kinds.toReversed()
  const own: Record<Kind, LoadResult[]> = { plain: [], idempotent: [] }
  const second: Partial<Record<Kind, WrkResult | undefined>> = {}
  for (let slice = 0; slice < slices; slice++) {
    for (const kind of slice % 2 === 0 ? order : order.toReversed()) own[kind].push(await byOwn(kind, options.seconds / slices))
  }
  for (const kind of order) second[kind] = await byWrk(kind, options.seconds)
  const of = (kind: Kind): Measured => ({ own: middleOf(own[kind]), wrk: second[kind] })
  return { plain: of('plain'), idempotent: of('idempotent') }
}

function timesOf ({ results }: Outcome<Round>, value: (measured: Measured) => number): number[] {
  return results.map(({ plain, idempotent }) => value(idempotent) / value(plain))
}

function tablesOf ({ name }: Subject, outcome: Outcome<Round>, installed: boolean): Table[] {
  const { results, failure } = outcome
  const byWrk = (text: () => string): string => installed ? text() : notInstalled
  const times = (value: (measured: Measured) => number): string => show(results.length === 0 ? undefined : spread(timesOf(outcome, value)))
  const rows = kinds.map((kind) => {
    const all = results.map((round) => round[kind])
    return [
      kind,
      show(over(all, ownRate)),
      show(over(all, ({ own }) => own.p50Ms)),
      show(over(all, ({ own }) => own.p99Ms)),
      show(over(all, ({ own }) => own.serverCpuMicros)),
      number(over(all, ({ own }) => own.serverCores)?.median ?? NaN),
      number(over(all, ({ own }) => own.generatorCores)?.median ?? NaN),
      byWrk(() => show(over(all, ({ wrk }) => wrk!.perSecond))),
      byWrk(() => show(over(all, ({ wrk }) => wrk!.serverCpuMicros)))
    ]
  })
  return [{
    caption: name,
    columns: [
      '', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs/append', 'cores, server', 'cores, generator', 'requests/s, wrk', 'CPU µs/append, wrk'
    ],
    rows: [...rows, [
      'idempotent / plain',
      times(ownRate),
      times(({ own }) => own.p50Ms),
      times(({ own }) => own.p99Ms),
      times(({ own }) => own.serverCpuMicros),
      '',
      '',
      byWrk(() => times(({ wrk }) => wrk!.perSecond)),
      byWrk(() => times(({ wrk }) => wrk!.serverCpuMicros))
    ]],
    remarks: failure === undefined ? [] : [`failed: ${failure}`]
  }]
}
