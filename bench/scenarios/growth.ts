import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { dropFolder, peakRssMiBOf, type Server, startServer, workFolder } from '../lib/children.ts'
import { load, loadChanging, post, sendEach } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { PageReader } from '../lib/page-reader.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { Samples, spread } from '../lib/statistics.ts'
import { send } from '../subjects/protocols.ts'
import { oursSqlite } from '../subjects/index.ts'
import type { Scenario } from './scenario.ts'

const topic = 'bench'
const payloadBytes = 50
const payload = payloadOf(payloadBytes)
/** Messages of a request that fills the topic. Many small segments are harder for a store than a few large ones. */
const batch = 100
const fillConnections = 2
/** Messages of the page at the end that is read. */
const pageMessages = 10
/** In each round, the servers are measured in turn so many times. */
const slices = 6
/** Of the empty store, for the appends to many topics. */
const fewTopics = 100

/** A store, and how many other topics of one message it has. */
interface Store { readonly name: 'large' | 'empty', readonly folder: string, readonly topics: number }

interface Filled {
  readonly messages: number
  readonly topics: number
  readonly seconds: number
  readonly databaseMiB: number
  /** Resident MiB of the server that stored it all: at the end, and the most. */
  readonly rss: number
  readonly rssPeak: number
}

interface Measured {
  /** From just before the process was started to the first 200 of /health. The process before it was killed. */
  readonly startMs: number
  /** Resident MiB: after the start, at the end of the round, and the most. */
  readonly rssStart: number
  readonly rssEnd: number
  readonly rssPeak: number
  /** Medians, in ms. */
  readonly append: number
  readonly appendToMany: number
  readonly tailRead: number
}
type Round = Readonly<Record<Store['name'], Measured>>

export const growth: Scenario = {
  name: 'growth',
  title: 'A large store beside an empty one',
  async run (options): Promise<ScenarioResult> {
    const [messages, topics] = options.quick ? [200_000, 500] : [10_000_000, 10_000]
    const parent = workFolder(options.dataDir, 'growth')
    const large: Store = { name: 'large', folder: join(parent, 'large'), topics }
    try {
      const filled = await fill(large, messages)
      const rounds: Round[] = []
      for (let round = 0; round < options.rounds; round++) {
        process.stderr.write(`  round ${round + 1} of ${options.rounds}\n`)
        rounds.push(await measureBoth(large, { name: 'empty', folder: join(parent, `empty-${round}`), topics: fewTopics }, options))
      }
      return resultOf(filled, rounds, options)
    } finally {
      dropFolder(parent)
    }
  }
}

async function fill ({ folder, topics }: Store, messages: number): Promise<Filled> {
  process.stderr.write(`  storing ${number(messages)} messages\n`)
  const server = await start(folder)
  try {
    const startedAt = performance.now()
    const messageText = `{"payload":${payload}}`
    const request = post(`/topics/${topic}/produce`, `{"messages":[${Array(batch).fill(messageText).join(',')}]}`)
    await sendEach(server, () => request, messages / batch, fillConnections)
    let index = 0
    await sendEach(server, () => appendTo(otherTopic(index++)), topics, 16)
    return {
      messages,
      topics,
      seconds: (performance.now() - startedAt) / 1000,
      databaseMiB: statSync(join(folder, 'data', 'streams.db')).size / 2 ** 20,
      rss: server.rssMiB(),
      rssPeak: peakRssMiBOf(server.pid)
    }
  } finally {
    await server.stop()
  }
}

function start (folder: string): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  // The address of the server before this one.
  rmSync(join(folder, 'output.log'), { force: true })
  return startServer({ args: oursSqlite.args, env: oursSqlite.env(folder), folder })
}

function appendTo (name: string): Buffer {
  return post(`/topics/${name}/produce`, `{"payload":${payload}}`)
}

function otherTopic (index: number): string {
  return `topic-${index}`
}

/** Both servers run at the same time, but only one at a time has work. */
async function measureBoth (large: Store, empty: Store, options: Options): Promise<Round> {
  const running: Running[] = []
  try {
    for (const store of [large, empty]) running.push(await Running.start(store))
    for (const { server } of running) await load({ server, connections: 16, seconds: options.warmupSeconds, request: appendTo(topic) })
    for (const one of running) await one.slice(options.warmupSeconds / 2)
    for (const one of running) one.forget()
    for (let slice = 0; slice < slices; slice++) {
      for (const one of slice % 2 === 0 ? running : running.toReversed()) await one.slice(options.seconds / slices)
    }
    const [ofLarge, ofEmpty] = running
    return { large: ofLarge!.measured(), empty: ofEmpty!.measured() }
  } finally {
    for (const one of running) await one.stop()
    dropFolder(empty.folder)
  }
}

/** A server on one of the stores, and what was measured of it. */
class Running {
  readonly server: Server
  readonly #reader: PageReader
  readonly #startMs: number
  readonly #rssStart: number
  readonly #topics: number
  #nextTopic = 0
  /** Medians of each slice, in ms. */
  #appends: number[] = []
  #appendsToMany: number[] = []
  #tailReads: number[] = []

  private constructor (store: Store, server: Server, reader: PageReader, startMs: number) {
    this.server = server
    this.#reader = reader
    this.#startMs = startMs
    this.#rssStart = server.rssMiB()
    this.#topics = store.topics
  }

  static async start (store: Store): Promise<Running> {
    const startedAt = performance.now()
    const server = await start(store.folder)
    await send(server, 'GET', '/health')
    const startMs = performance.now() - startedAt
    const running = new Running(store, server, await PageReader.open(server), startMs)
    if (store.name === 'empty') {
      let index = 0
      await sendEach(server, () => appendTo(otherTopic(index++)), store.topics, 1)
    }
    return running
  }

  async slice (seconds: number): Promise<void> {
    const { server } = this
    this.#appends.push((await load({ server, connections: 1, seconds, request: appendTo(topic) })).p50Ms)
    const toMany = await loadChanging({
      server, connections: 1, seconds, requests: () => () => appendTo(otherTopic(this.#nextTopic++ % this.#topics))
    })
    this.#appendsToMany.push(toMany.p50Ms)
    this.#tailReads.push(await this.#readTail(seconds))
  }

  async #readTail (seconds: number): Promise<number> {
    const { end } = JSON.parse(await send(this.server, 'GET', `/topics/${topic}`)) as { end: number }
    const path = `/topics/${topic}/consume?offset=${end - pageMessages}&limit=${pageMessages}`
    const samples = new Samples()
    for (const until = performance.now() + seconds * 1000; performance.now() < until;) {
      const sentAt = performance.now()
      const page = await this.#reader.get(path)
      samples.add(performance.now() - sentAt)
      if (!page.end.includes(`"next_offset":${end}`)) throw new Error(`expected the page up to ${end}, got …${page.end}`)
    }
    return samples.percentiles(0.5)[0]!
  }

  /** What was measured so far does not count. */
  forget (): void {
    this.#appends = []
    this.#appendsToMany = []
    this.#tailReads = []
  }

  measured (): Measured {
    return {
      startMs: this.#startMs,
      rssStart: this.#rssStart,
      rssEnd: this.server.rssMiB(),
      rssPeak: peakRssMiBOf(this.server.pid),
      append: spread(this.#appends).median,
      appendToMany: spread(this.#appendsToMany).median,
      tailRead: spread(this.#tailReads).median
    }
  }

  async stop (): Promise<void> {
    this.#reader.close()
    await this.server.stop()
  }
}

const columns = {
  startMs: 'start ms',
  append: 'append p50 ms',
  tailRead: 'tail read p50 ms',
  appendToMany: 'append to many topics p50 ms',
  rssStart: 'MiB after start',
  rssEnd: 'MiB at the end',
  rssPeak: 'MiB at most'
} as const satisfies { [Name in keyof Measured]: string }

function resultOf (filled: Filled, rounds: readonly Round[], options: Options): ScenarioResult {
  const { messages, topics, seconds, databaseMiB } = filled
  const names = Object.keys(columns) as Array<keyof Measured>
  const rowOf = (store: Store['name']): string[] => [store, ...names.map((name) => show(spread(rounds.map((round) => round[store][name]))))]
  const timesOf = (name: keyof Measured): number[] => rounds.map(({ large, empty }) => large[name] / empty[name])
  const figure = (what: string, goal: number, unit: string, values: readonly number[]): Figure => (
    { what, bound: 'at most', goal, unit, values })
  return {
    notes: [
      `Ours on SQLite. "Large": one topic of ${number(messages)} messages of ${payloadBytes} bytes of JSON, appended in batches of ` +
      `${batch} on ${fillConnections} connections, and ${number(topics)} topics of one message. To store them took ` +
      `${number(seconds)} s; the database has ${number(databaseMiB)} MiB. The server that stored them had ${number(filled.rss)} MiB ` +
      `of resident memory at the end, and ${number(filled.rssPeak)} MiB at most.`,
      'In each round a server is started on the large store, whose server was killed before, and one on an empty store. They are then ' +
      `measured in turn, ${slices} times each, for ${number(options.seconds / slices)} s a case, on one connection: appends of one ` +
      `message to the large topic; appends to all other topics in turn (the empty store has ${fewTopics}); and reads of the last ` +
      `${pageMessages} messages.`,
      '"Start" is the time from just before the process is started to the first 200 of `/health`.'
    ],
    tables: [{
      columns: ['', ...names.map((name) => columns[name])],
      rows: [rowOf('large'), rowOf('empty'), ['large / empty', ...names.map((name) => show(spread(timesOf(name))))]]
    }],
    figures: [
      figure('append p50: large / empty', 1.3, 'times', timesOf('append')),
      figure('tail read p50: large / empty', 1.3, 'times', timesOf('tailRead')),
      figure('start on the large store', 2000, 'ms', rounds.map(({ large }) => large.startMs)),
      figure('resident memory at the end, large store', 300, 'MiB', rounds.map(({ large }) => large.rssEnd)),
      figure('resident memory of the server that stored all of it', 300, 'MiB', [filled.rss])
    ],
    raw: { filled, rounds }
  }
}
