import { load, type LoadResult } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult, type Table } from '../lib/report.ts'
import { interleaved, over, ratios, type Outcome } from '../lib/rounds.ts'
import {
  bare, bareGathering, bareLogging, oursMemory, oursMemoryLogging, oursSqlite, peerFile, peerMemory, peerNote
} from '../subjects/index.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100

/** By number of connections. */
type Round = Readonly<Record<number, LoadResult>>
type Outcomes = Map<Subject, Outcome<Round>>

interface Case {
  /** Messages in one request. */
  readonly batch: number
  readonly subjects: readonly Subject[]
  readonly figures: ReadonlyArray<{
    readonly what: string
    readonly of: Subject
    readonly to: Subject
    readonly connections: number
    readonly goal: number
  }>
}

export const append1: Scenario = {
  name: 'append',
  title: 'Append one message',
  run: (options) => run(options, {
    batch: 1,
    subjects: [bare, bareGathering, bareLogging, oursMemory, oursMemoryLogging, oursSqlite, peerMemory, peerFile],
    figures: [
      { what: 'memory / bare Fastify, 64 connections, no log', of: oursMemory, to: bare, connections: 64, goal: 0.75 },
      {
        what: 'memory / bare Fastify with gathered responses, 64 connections, no log (stricter than asked)',
        of: oursMemory,
        to: bareGathering,
        connections: 64,
        goal: 0.75
      },
      { what: 'memory / bare Fastify, 64 connections, log on', of: oursMemoryLogging, to: bareLogging, connections: 64, goal: 0.75 },
      { what: 'memory / peer memory, 64 connections', of: oursMemory, to: peerMemory, connections: 64, goal: 1.5 },
      { what: 'SQLite / peer file, 64 connections', of: oursSqlite, to: peerFile, connections: 64, goal: 15 },
      { what: 'SQLite / peer file, 1 connection', of: oursSqlite, to: peerFile, connections: 1, goal: 0.8 }
    ]
  })
}

export const append100: Scenario = {
  name: 'append-100',
  title: 'Append 100 messages in a batch',
  run: (options) => run(options, {
    batch: 100,
    subjects: [oursMemory, oursSqlite, peerMemory, peerFile],
    figures: [1, 16, 64].flatMap((connections) => [
      { what: `memory / peer memory, ${plural(connections)}`, of: oursMemory, to: peerMemory, connections, goal: 1 },
      { what: `SQLite / peer file, ${plural(connections)}`, of: oursSqlite, to: peerFile, connections, goal: 3 }
    ])
  })
}

async function run (options: Options, { batch, subjects, figures }: Case): Promise<ScenarioResult> {
  const outcomes: Outcomes = await interleaved(options.rounds, chosen(subjects, options), (subject) => measure(subject, batch, options))
  return {
    notes: [
      `${payloadBytes} bytes of JSON a message${batch === 1 ? '' : `, ${batch} messages a request`}, all appends to one topic. Each ` +
      `round starts a fresh server with an empty store, loads it for ${options.warmupSeconds} s, then measures ${options.seconds} s for ` +
      'each number of connections.',
      'Closed loop: each connection sends its next request when it has the response to the last one. The generator is a separate ' +
      'process; the table shows its share of a core, and the scenario `ceiling` its limit.',
      ...batch === 1
        ? ['"Log on" writes to a file on the same disk with the default settings: Fastify two lines a request, each at ' +
        'once; ours one line a request, several at a time.']
        : [],
      'CPU is user and system time of all threads of the server, for each request.',
      peerNote
    ],
    tables: options.connections.map((connections) => tableOf(outcomes, connections, batch)),
    figures: figures.filter(({ connections }) => options.connections.includes(connections))
      .map(({ what, of, to, connections, goal }): Figure => ({
        what,
        bound: 'at least',
        goal,
        unit: 'times',
        values: ratios(outcomes.get(of), outcomes.get(to),
          (round) => round[connections]!.perSecond)
      })),
    raw: rawOf(outcomes)
  }
}

async function measure (subject: Subject, batch: number, options: Options): Promise<Round> {
  const payloads = Array.from({ length: batch }, (_, index) => payloadOf(payloadBytes, index + 1))
  return withServer(subject, options, async (server) => {
    const topic = 'bench'
    const { protocol } = subject
    await protocol.create(server, topic)
    const request = batch === 1 ? protocol.append(topic, payloads[0]!) : protocol.appendBatch(topic, payloads)
    await load({ server, connections: Math.max(...options.connections), seconds: options.warmupSeconds, request })
    const round: Record<number, LoadResult> = {}
    for (const connections of options.connections) {
      round[connections] = await load({ server, connections, seconds: options.seconds, request })
    }
    return round
  })
}

function tableOf (outcomes: Outcomes, connections: number, batch: number): Table {
  return {
    caption: plural(connections),
    columns: ['', batch === 1 ? 'requests/s' : 'messages/s', 'p50 ms', 'p99 ms', 'CPU µs/request', 'cores, server', 'cores, generator'],
    ...rowsOf(outcomes, (results) => {
      const all = results.map((round) => round[connections]!)
      return [
        show(over(all, ({ perSecond }) => perSecond * batch)),
        show(over(all, ({ p50Ms }) => p50Ms)),
        show(over(all, ({ p99Ms }) => p99Ms)),
        show(over(all, ({ serverCpuMicros }) => serverCpuMicros)),
        number(over(all, ({ serverCores }) => serverCores)?.median ?? NaN),
        number(over(all, ({ generatorCores }) => generatorCores)?.median ?? NaN)
      ]
    })
  }
}

function plural (connections: number): string {
  return `${connections} connection${connections === 1 ? '' : 's'}`
}
