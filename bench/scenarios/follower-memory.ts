import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bareEnvironment, type Server, spawnNode, stopChild } from '../lib/children.ts'
import { Sender } from '../lib/load.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import { oursSqlite } from '../subjects/index.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const appendsPerSecond = 100
const topic = 'bench'

interface Case { readonly name: string, readonly readers: number, readonly stopped: number, readonly bytes: number }

const cases: readonly Case[] = [
  { name: '1,000 readers', readers: 1000, stopped: 0, bytes: 1024 },
  { name: '1,000 readers, 1 of them stuck', readers: 1000, stopped: 1, bytes: 1024 },
  { name: '1,000 readers, 100 of them stuck', readers: 1000, stopped: 100, bytes: 1024 },
  // What the kernel keeps for a stopped reader is megabytes: only much more than that shows what the server keeps. And a
  // server that keeps each message once for all its readers would still keep all of them.
  { name: '101 readers, 100 of them stuck, 128 KiB', readers: 101, stopped: 100, bytes: 131_072 }
]

interface Series {
  /** Resident MiB of the server. */
  readonly start: number
  readonly connected: number
  readonly quarter: number
  readonly half: number
  readonly end: number
  /** 5 s after the last append. */
  readonly quiet: number
  readonly all: readonly number[]
  readonly appendsPerSecond: number
  /** Of the bytes that the reading readers should have got, the share that they had when the appends ended. */
  readonly delivered: number
  /** Connections that the server ended. */
  readonly closed: number
  /** What the stopped readers have not taken, in MiB: so much an unbounded server would keep. */
  readonly owed: number
}

export const followerMemory: Scenario = {
  name: 'follower-memory',
  title: 'Server memory with live readers, some of them stuck',
  async run (options): Promise<ScenarioResult> {
    const seconds = options.quick ? 5 : 30
    const outcomes = await interleaved(options.quick ? 1 : Math.min(3, options.rounds), cases,
      (one) => withServer(oursSqlite, options, (server) => measure(server, one, seconds)))
    const growth = (index: number): number[] => outcomes.get(cases[index]!)!.results.map(({ end, half }) => end - half)
    return {
      notes: [
        `Ours on SQLite; live streams (SSE) of one topic; ${appendsPerSecond} appends a second for ${seconds} s, of 1 KiB if not stated ` +
        'otherwise. The readers are a separate process that discards what it reads. A stuck reader stays connected and never reads.',
        'Resident memory in MiB. "Unread" is the amount of data appended but not read by the stuck readers, for all of them together.'
      ],
      tables: [{
        columns: [
          '', 'appends/s', 'start', 'connected', 'after 1/4', 'after 1/2', 'end', '5 s later', 'unread', 'delivered to the others',
          'closed'
        ],
        ...rowsOf(outcomes, (results) => [
          number(over(results, (series) => series.appendsPerSecond)?.median ?? NaN),
          ...([
            'start', 'connected', 'quarter', 'half', 'end', 'quiet'
          ] as const).map((moment) => show(over(results, (series) => series[moment]))),
          number(results[0]!.owed),
          `${number((over(results, ({ delivered }) => delivered)?.median ?? NaN) * 100)} %`,
          number(results[0]!.closed)
        ])
      }],
      figures: [
        ...cases.map(({ name }, index): Figure => ({
          what: `${name}: growth in the second half of the run`,
          bound: 'at most',
          goal: 64,
          unit: 'MiB',
          values: growth(index)
        }))
      ],
      raw: rawOf(outcomes)
    }
  }
}

async function measure (server: Server, { readers, stopped, bytes }: Case, seconds: number): Promise<Series> {
  const { protocol } = oursSqlite
  await protocol.create(server, topic)
  const start = server.rssMiB()
  const child = spawnNode([fileURLToPath(new URL('../subjects/followers.ts', import.meta.url))], {
    env: bareEnvironment({
      SERVER_PORT: String(server.port),
      STREAM_PATH: protocol.tail(topic).path,
      READERS: String(readers),
      STOPPED: String(stopped)
    }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const ask = async (): Promise<{ bytes: number, closed: number }> => {
    const [answer] = await Promise.race([
      once(child, 'message'), once(child, 'exit').then(() => { throw new Error('the readers ended') })
    ]) as [{ bytes: number, closed: number }]
    return answer
  }
  try {
    await ask()
    await sleep(500)
    const connected = server.rssMiB()
    const all: number[] = []
    const sampler = setInterval(() => { all.push(server.rssMiB()) }, 250)
    const appended = await append(server, protocol.append(topic, payloadOf(bytes)), seconds).finally(() => { clearInterval(sampler) })
    const end = server.rssMiB()
    const counts = ask()
    child.send('count')
    const { bytes: got, closed } = await counts
    await sleep(5_000)
    return {
      appendsPerSecond: appended / seconds,
      start,
      connected,
      quarter: all[Math.floor(all.length / 4)] ?? NaN,
      half: all[Math.floor(all.length / 2)] ?? NaN,
      end,
      quiet: server.rssMiB(),
      all,
      // What surrounds a payload makes this somewhat more than 1 when all has come.
      delivered: got / (appended * bytes * (readers - stopped)),
      closed,
      owed: appended * bytes * stopped / 2 ** 20
    }
  } finally {
    await stopChild(child)
  }
}

/** At a steady pace, whatever happens. @returns how many were answered by the end */
async function append (server: Server, request: Buffer, seconds: number): Promise<number> {
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  const senders = await Promise.all(Array.from({ length: 8 }, () => Sender.open(server, failed.reject)))
  const start = performance.now()
  const total = seconds * appendsPerSecond
  try {
    for (let index = 0; index < total; index++) {
      const wait = start + index * 1000 / appendsPerSecond - performance.now()
      if (wait > 0) await Promise.race([sleep(wait), failed.promise])
      senders[index % senders.length]!.send(request)
    }
    await sleep(200)
    return senders.reduce((sum, { answered }) => sum + answered, 0)
  } finally {
    for (const sender of senders) sender.close()
  }
}
