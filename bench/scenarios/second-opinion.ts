import { load, type LoadResult } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { rawOf, rowsOf, show, type Figure, type ScenarioResult, type Table } from '../lib/report.ts'
import { interleaved, over, ratios, type Outcome } from '../lib/rounds.ts'
import { spread } from '../lib/statistics.ts'
import { isWrkInstalled, wrk, type WrkResult } from '../lib/wrk.ts'
import { bare, bareGathering, oursMemory, oursSqlite, peerFile, peerMemory, peerNote } from '../subjects/index.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 200
const notInstalled = 'wrk not installed'

interface Round { readonly own: LoadResult, readonly wrk: WrkResult | undefined }
type Outcomes = Map<Subject, Outcome<Round>>

interface Case {
  readonly caption: string
  /** Messages in one request. */
  readonly batch: number
  readonly connections: number
  readonly subjects: readonly Subject[]
  readonly ratios: ReadonlyArray<{ readonly what: string, readonly of: Subject, readonly to: Subject, readonly goal: number }>
}

const cases: readonly Case[] = [
  {
    caption: '1 message a request, 64 connections',
    batch: 1,
    connections: 64,
    subjects: [bare, bareGathering, oursMemory, oursSqlite, peerMemory, peerFile],
    ratios: [
      { what: 'memory / bare Fastify', of: oursMemory, to: bare, goal: 0.8 },
      { what: 'memory / bare Fastify, gathered responses', of: oursMemory, to: bareGathering, goal: 0.75 },
      { what: 'memory / peer memory', of: oursMemory, to: peerMemory, goal: 1.25 },
      { what: 'SQLite / peer file', of: oursSqlite, to: peerFile, goal: 15 }
    ]
  },
  {
    caption: '100 messages a request, 16 connections',
    batch: 100,
    connections: 16,
    subjects: [oursMemory, oursSqlite, peerMemory, peerFile],
    ratios: [
      { what: 'memory / peer memory', of: oursMemory, to: peerMemory, goal: 1 },
      { what: 'SQLite / peer file', of: oursSqlite, to: peerFile, goal: 3 }
    ]
  }
]

export const secondOpinion: Scenario = {
  name: 'second-opinion',
  title: 'Append, measured by wrk and by our own generator',
  async run (options): Promise<ScenarioResult> {
    const installed = isWrkInstalled()
    const measured = new Map<Case, Outcomes>()
    for (const one of cases) {
      measured.set(one, await interleaved(options.rounds, chosen(one.subjects, options),
        (subject, round) => measure(subject, one, options, installed, round)))
    }
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, all appends to one topic. Each round starts a fresh server with an empty store; each ` +
        `generator then loads it for ${options.warmupSeconds} s, which is not counted, then for ${options.seconds} s, which is. The ` +
        'generator that measures first changes from round to round.',
        installed
          ? 'Both generators send the same bytes in a closed loop. wrk has one thread; its durations are rounded up to whole seconds.'
          : 'wrk is not installed: `apt-get install wrk` or `brew install wrk` fills its columns.',
        'CPU is user and system time of all threads of the server, for each request. "Sleeps" counts how often our own generator had ' +
        'nothing to do and was woken again.',
        peerNote
      ],
      tables: [...measured].flatMap(([one, outcomes]) => [tableOf(one, outcomes, installed), ratioTable(one, outcomes, installed)]),
      figures: [...measured].flatMap(([one, outcomes]) => one.ratios.map(({ what, of, to, goal }): Figure => ({
        what: `${what}, ${one.caption}, by wrk`,
        bound: 'at least',
        goal,
        unit: 'times',
        values: installed ? ratios(outcomes.get(of), outcomes.get(to), ({ wrk }) => wrk!.perSecond) : []
      }))),
      raw: [...measured].map(([{ caption }, outcomes]) => ({ case: caption, subjects: rawOf(outcomes) }))
    }
  }
}

async function measure (
  subject: Subject, { batch, connections }: Case, options: Options, installed: boolean, round: number
): Promise<Round> {
  const { protocol } = subject
  const payloads = Array.from({ length: batch }, (_, index) => payloadOf(payloadBytes, index + 1))
  const request = batch === 1 ? protocol.append('bench', payloads[0]!) : protocol.appendBatch('bench', payloads)
  return withServer(subject, options, async (server) => {
    await protocol.create(server, 'bench')
    const byOwn = (seconds: number): Promise<LoadResult> => load({ server, connections, seconds, request })
    const byWrk = async (seconds: number): Promise<WrkResult | undefined> =>
      installed ? wrk(options.dataDir, { server, connections, seconds, request }) : undefined
    await byOwn(options.warmupSeconds)
    await byWrk(options.warmupSeconds)
    if (round % 2 === 1) return { own: await byOwn(options.seconds), wrk: await byWrk(options.seconds) }
    const second = await byWrk(options.seconds)
    return { own: await byOwn(options.seconds), wrk: second }
  })
}

function tableOf ({ caption, batch }: Case, outcomes: Outcomes, installed: boolean): Table {
  const byBoth = (results: readonly Round[], value: (result: LoadResult | WrkResult) => number): string[] => [
    installed ? show(over(results, ({ wrk }) => value(wrk!))) : notInstalled,
    show(over(results, ({ own }) => value(own)))
  ]
  const rate = batch === 1 ? 'requests/s' : 'messages/s'
  return {
    caption,
    columns: [
      '', ...[rate, 'p50 ms', 'p99 ms', 'CPU µs/request'].flatMap((value) => [`${value}, wrk`, `${value}, own`]), 'sleeps/request, own'
    ],
    ...rowsOf(outcomes, (results) => [
      ...byBoth(results, ({ perSecond }) => perSecond * batch),
      ...byBoth(results, ({ p50Ms }) => p50Ms),
      ...byBoth(results, ({ p99Ms }) => p99Ms),
      ...byBoth(results, ({ serverCpuMicros }) => serverCpuMicros),
      show(over(results, ({ own }) => own.generatorSleeps))
    ])
  }
}

function ratioTable ({ caption, ratios: pairs }: Case, outcomes: Outcomes, installed: boolean): Table {
  const times = ({ of, to }: Case['ratios'][number], value: (round: Round) => number): string => {
    const values = ratios(outcomes.get(of), outcomes.get(to), value)
    return show(values.length === 0 ? undefined : spread(values))
  }
  return {
    caption: `Ratios of throughput, ${caption}`,
    columns: ['', 'wrk', 'own'],
    rows: pairs.map((pair) => [
      pair.what,
      installed ? times(pair, ({ wrk }) => wrk!.perSecond) : notInstalled,
      times(pair, ({ own }) => own.perSecond)
    ])
  }
}
