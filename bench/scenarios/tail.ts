import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../lib/children.ts'
import { EventStream } from '../lib/event-stream.ts'
import { Sender } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { filler } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios, type Outcome } from '../lib/rounds.ts'
import { Samples } from '../lib/statistics.ts'
import { oursMemory, oursSqlite, peerFile, peerMemory, peerNote } from '../subjects/index.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
/** Of these, so that one slow append does not keep the next from being sent on time. */
const writers = 8

interface Case {
  readonly name: string
  readonly readers: number
  /** Appends a second, whatever happens; or the next append when all readers have the last (as the peer's own benchmark does it). */
  readonly pace: number | 'in turns'
}

/** The last one is more than the peer's file store can do; what it leaves undone must not meet another case. */
const cases: readonly Case[] = [
  { name: '50 appends/s, 1 reader', readers: 1, pace: 50 },
  { name: 'in turns, 1 reader', readers: 1, pace: 'in turns' },
  { name: '5 appends/s, 100 readers', readers: 100, pace: 5 },
  { name: 'in turns, 100 readers', readers: 100, pace: 'in turns' },
  { name: '50 appends/s, 100 readers', readers: 100, pace: 50 }
]

interface Tail {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly received: number
  readonly missing: number
  readonly serverCpuMicros: number
}
type Round = Readonly<Record<string, Tail>>

export const tail: Scenario = {
  name: 'tail',
  title: 'Latency from append to live reader (SSE)',
  async run (options): Promise<ScenarioResult> {
    const seconds = options.seconds * 2
    const outcomes: Map<Subject, Outcome<Round>> = await interleaved(options.rounds, chosen([
      oursMemory, oursSqlite, peerMemory, peerFile
    ], options), async (subject) => {
      const round: Record<string, Tail> = {}
      await withServer(subject, options, async (server) => {
        for (const one of cases) round[one.name] = await measure(server, subject, one, seconds, options)
      })
      return round
    })
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, which contains its send time. Senders and readers are one process with one clock. ` +
        `Each case is measured for ${seconds} s, after ${options.warmupSeconds} s that are not counted.`,
        `"N appends/s": sent on ${writers} connections when they are due, whether or not the previous one was answered. "In turns": ` +
        'each append is sent when all readers have the previous message.',
        'If events are missing 5 s after the last append, or p50 is seconds, the server is overloaded. Its latency then only shows the ' +
        'length of its queue, so no ratio is computed.',
        'Latency includes the append, its sync to disk if the store syncs, and parsing the event in the client.',
        peerNote
      ],
      tables: cases.map(({ name, readers }) => ({
        caption: name,
        columns: ['', 'p50 ms', 'p99 ms', 'max ms', 'events', 'missing', 'CPU µs/event'],
        ...rowsOf(outcomes, (results) => {
          const all = results.map((round) => round[name]!)
          return [
            show(over(all, ({ p50Ms }) => p50Ms)),
            show(over(all, ({ p99Ms }) => p99Ms)),
            show(over(all, ({ maxMs }) => maxMs)),
            number(over(all, ({ received }) => received)?.median ?? NaN),
            number(all.reduce((sum, { missing }) => sum + missing, 0)),
            readers === 1 ? '' : show(over(all, ({ serverCpuMicros }) => serverCpuMicros))
          ]
        })
      })),
      figures: figuresOf(outcomes),
      raw: rawOf(outcomes)
    }
  }
}

function figuresOf (outcomes: Map<Subject, Outcome<Round>>): Figure[] {
  const peer = outcomes.get(peerFile)
  const sqlite = outcomes.get(oursSqlite)
  return [
    ...['5 appends/s, 100 readers', 'in turns, 100 readers'].map((name): Figure => ({
      what: `${name}: p99 of peer file / p99 of SQLite`,
      bound: 'at least',
      goal: 5,
      unit: 'times',
      values: ratios(peer, sqlite, (round) => round[name]!.p99Ms)
    })),
    ...([['p50Ms', 3.8], ['p99Ms', 9.2]] as const).map(([of, goal]): Figure => ({
      what: `50 appends/s, 1 reader: ${of.slice(0, 3)} of SQLite, target from an earlier measurement of S2`,
      bound: 'at most',
      goal,
      unit: 'ms',
      values: sqlite?.results.map((round) => round['50 appends/s, 1 reader']![of]) ?? []
    }))
  ]
}

async function measure (
  server: Server, { protocol }: Subject, { name, readers, pace }: Case, seconds: number, options: Options
): Promise<Tail> {
  const topic = `bench-${name.replaceAll(/\W+/g, '-')}`
  await protocol.create(server, topic)
  const run = new Run(server, readers, (payload) => protocol.append(topic, payload))
  try {
    await run.open(protocol.tail(topic))
    await run.append(pace, options.warmupSeconds)
    const samples = run.startCounting()
    const cpu = server.cpuSeconds()
    await run.append(pace, seconds)
    const missing = await run.missing()
    const [p50Ms = NaN, p99Ms = NaN, maxMs = NaN] = samples.percentiles(0.5, 0.99, 1)
    return { p50Ms, p99Ms, maxMs, received: samples.length, missing, serverCpuMicros: (server.cpuSeconds() - cpu) / samples.length * 1e6 }
  } finally {
    run.close()
  }
}

/** The senders and readers of one case. */
class Run {
  readonly #server: Server
  readonly #readers: number
  readonly #request: (payload: string) => Buffer
  readonly #streams: EventStream[] = []
  readonly #senders: Sender[] = []
  readonly #failed = Promise.withResolvers<never>()
  #samples = new Samples()
  #sent = 0
  #countedFrom = { sent: 0, time: 0 }
  #arrived = () => {}

  constructor (server: Server, readers: number, request: (payload: string) => Buffer) {
    this.#server = server
    this.#readers = readers
    this.#request = request
    this.#failed.promise.catch(() => {})
  }

  async open (tail: { path: string, headers: Record<string, string> }): Promise<void> {
    for (let index = 0; index < writers; index++) this.#senders.push(await Sender.open(this.#server, this.#failed.reject))
    for (let index = 0; index < this.#readers; index++) {
      this.#streams.push(await EventStream.open(this.#server, tail, (text) => { this.#take(text) }))
    }
    // A server may say 200 a little before it listens for appends.
    await sleep(200)
  }

  startCounting (): Samples {
    this.#countedFrom = { sent: this.#sent, time: performance.now() }
    this.#samples = new Samples()
    return this.#samples
  }

  append (pace: Case['pace'], seconds: number): Promise<void> {
    return Promise.race([this.#failed.promise, pace === 'in turns' ? this.#inTurns(seconds) : this.#steadily(pace, seconds)])
  }

  async #steadily (perSecond: number, seconds: number): Promise<void> {
    const start = performance.now()
    for (let index = 0; index < seconds * perSecond; index++) {
      const wait = start + index * 1000 / perSecond - performance.now()
      if (wait > 0) await sleep(wait)
      this.#append()
    }
    await this.missing()
  }

  async #inTurns (seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      const due = this.#samples.length + this.#readers
      const arrived = Promise.withResolvers<void>()
      const timer = setTimeout(() => { arrived.reject(new Error('an append did not reach its readers within 10 s')) }, 10_000)
      this.#arrived = () => { if (this.#samples.length >= due) arrived.resolve() }
      this.#append()
      await arrived.promise.finally(() => { clearTimeout(timer) })
    }
  }

  /** How many events have not come, after a wait for those under way. */
  async missing (): Promise<number> {
    const due = (this.#sent - this.#countedFrom.sent) * this.#readers
    for (let waited = 0; waited < 5_000 && this.#samples.length < due; waited += 20) await sleep(20)
    return due - this.#samples.length
  }

  close (): void {
    for (const stream of this.#streams) stream.close()
    for (const sender of this.#senders) sender.close()
  }

  #append (): void {
    const head = `{"sent":${performance.now().toFixed(3)},"text":"`
    this.#senders[this.#sent % writers]!.send(this.#request(`${head}${filler(payloadBytes - head.length - 2, this.#sent)}"}`))
    this.#sent++
  }

  #take (text: string): void {
    const now = performance.now()
    for (let at = text.indexOf('"sent":'); at !== -1; at = text.indexOf('"sent":', at + 7)) {
      const sent = Number.parseFloat(text.slice(at + 7, at + 24))
      // What was sent before the counting began may come late.
      if (sent >= this.#countedFrom.time) this.#samples.add(now - sent)
    }
    this.#arrived()
  }
}
