import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../lib/children.ts'
import { EventStream } from '../lib/event-stream.ts'
import { post, Sender } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { filler } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, type Outcome } from '../lib/rounds.ts'
import { Samples } from '../lib/statistics.ts'
import { runWorkers } from '../lib/workers.ts'
import { oursMemory, oursSqlite } from '../subjects/index.ts'
import { ours, send } from '../subjects/protocols.ts'
import { HttpWorker } from '../subjects/sharing/ours.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
const perSecond = 100
/** Of these, so that one slow append does not keep the next from being sent on time. */
const senders = 8
const limit = 10
/** How many workers wait. */
const cases = [1, 8] as const
/** For the messages that are under way when the last one was sent. */
const lastSeconds = 1

interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of a live reader, which gets the same messages in the same run. */
  readonly liveP50Ms: number
  readonly liveP99Ms: number
  readonly received: number
  readonly missing: number
}
type Round = Readonly<Record<number, Latency>>

export const groupLatency: Scenario = {
  name: 'group-latency',
  title: 'Latency from append to a worker that waits',
  async run (options): Promise<ScenarioResult> {
    const seconds = options.seconds * 2
    const outcomes: Map<Subject, Outcome<Round>> = await interleaved(options.rounds, chosen([oursMemory, oursSqlite], options),
      async (subject, round) => {
        const latencies: Record<number, Latency> = {}
        await withServer(subject, options, async (server) => {
          for (const workers of round % 2 === 0 ? cases : cases.toReversed()) {
            latencies[workers] = await measure(server, workers, seconds, options)
          }
        })
        return latencies
      })
    return {
      notes: [
        `${perSecond} appends/s of one message, ${payloadBytes} bytes of JSON that contain the send time, on ${senders} connections when ` +
        `they are due. The workers wait in \`receive\` with \`limit\` ${limit}, and acknowledge with the next one. Senders and workers ` +
        `are one process with one clock. Each case is measured for ${seconds} s, after ${options.warmupSeconds} s that are not counted.`,
        'Latency includes the append, its sync to disk if the store syncs, and the write of the lease. A live reader (SSE) of the same ' +
        'topic gets the same messages without a lease: what else the machine does hits both.'
      ],
      tables: cases.map((workers) => ({
        caption: `${workers} worker${workers === 1 ? '' : 's'}`,
        columns: ['', 'p50 ms', 'p99 ms', 'max ms', 'p50 ms, live reader', 'p99 ms, live reader', 'messages', 'missing'],
        ...rowsOf(outcomes, (results) => {
          const all = results.map((round) => round[workers]!)
          return [
            show(over(all, ({ p50Ms }) => p50Ms)),
            show(over(all, ({ p99Ms }) => p99Ms)),
            show(over(all, ({ maxMs }) => maxMs)),
            show(over(all, ({ liveP50Ms }) => liveP50Ms)),
            show(over(all, ({ liveP99Ms }) => liveP99Ms)),
            number(over(all, ({ received }) => received)?.median ?? NaN),
            number(all.reduce((sum, { missing }) => sum + missing, 0))
          ]
        })
      })),
      figures: cases.map((workers): Figure => ({
        what: `${perSecond} messages/s, workers that wait: ${workers}: p99 of SQLite`,
        bound: 'at most',
        goal: 10,
        unit: 'ms',
        values: outcomes.get(oursSqlite)?.results.map((round) => round[workers]!.p99Ms) ?? []
      })),
      raw: rawOf(outcomes)
    }
  }
}

async function measure (server: Server, workers: number, seconds: number, { warmupSeconds }: Options): Promise<Latency> {
  const topic = `bench-${workers}`
  await send(server, 'POST', `/topics/${topic}/produce`, '{"payload":null}')
  await send(server, 'PUT', `/topics/${topic}/groups/g`, '{"start":"latest"}')
  const samples = new Samples()
  const live = new Samples()
  let countedFrom = Infinity
  const count = (text: string, to: Samples): void => {
    const now = performance.now()
    for (const [, sent] of text.matchAll(/"sent":([\d.]+)/g)) if (Number(sent) >= countedFrom) to.add(now - Number(sent))
  }
  const onMessages = (data: Buffer, end: number): void => { count(data.toString('latin1', 0, end), samples) }
  const path = `/topics/${topic}/groups/g/receive`
  const waiting = Array.from({ length: workers }, () => new HttpWorker(path, { limit, wait: 20, onMessages }))
  const failed = Promise.withResolvers<never>()
  const connections: Sender[] = []
  const reader = await EventStream.open(server, ours.tail(topic), (text) => { count(text, live) })
  try {
    for (let index = 0; index < senders; index++) connections.push(await Sender.open(server, failed.reject))
    const run = runWorkers(server, waiting, warmupSeconds + seconds + lastSeconds)
    const append = async (): Promise<number> => {
      await steadily(connections, topic, warmupSeconds)
      countedFrom = performance.now()
      return steadily(connections, topic, seconds)
    }
    const [sent] = await Promise.race([Promise.all([append(), run]), failed.promise])
    const [p50Ms = NaN, p99Ms = NaN, maxMs = NaN] = samples.percentiles(0.5, 0.99, 1)
    const [liveP50Ms = NaN, liveP99Ms = NaN] = live.percentiles(0.5, 0.99)
    return { p50Ms, p99Ms, maxMs, liveP50Ms, liveP99Ms, received: samples.length, missing: sent - samples.length }
  } finally {
    reader.close()
    for (const connection of connections) connection.close()
  }
}

/** @returns how many it has sent */
async function steadily (connections: readonly Sender[], topic: string, seconds: number): Promise<number> {
  const start = performance.now()
  const count = Math.round(seconds * perSecond)
  for (let index = 0; index < count; index++) {
    const wait = start + index * 1000 / perSecond - performance.now()
    if (wait > 0) await sleep(wait)
    const head = `{"sent":${performance.now().toFixed(3)},"text":"`
    const payload = `${head}${filler(payloadBytes - head.length - 2, index)}"}`
    connections[index % connections.length]!.send(post(`/topics/${topic}/produce`, `{"payload":${payload}}`))
  }
  return count
}
