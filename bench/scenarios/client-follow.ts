import { type Message, StreamsClient } from '../../clients/typescript/src/index.ts'
import type { Server } from '../lib/children.ts'
import { sendAll } from '../lib/load.ts'
import { PageReader } from '../lib/page-reader.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios } from '../lib/rounds.ts'
import { oursSqlite } from '../subjects/index.ts'
import { ours } from '../subjects/protocols.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 150
const batch = 100
const topic = 'bench'
const pageSize = 1_000

interface Rate { readonly perSecond: number, readonly readerMicros: number, readonly serverMicros: number }

/** A way of reading all messages. */
interface Way { readonly name: string, readonly read: (server: Server, messages: number) => Promise<void> }

const bytes: Way = {
  name: 'pages as bytes, from a raw socket',
  async read (server, messages) {
    const reader = await PageReader.open(server)
    for (let offset = 1; offset <= messages; offset += pageSize) await reader.get(pathOf(offset))
    reader.close()
  }
}
const pages: Way = {
  name: 'pages with fetch, each parsed',
  async read ({ port }, messages) {
    let count = 0
    for (let offset = 1; offset <= messages;) {
      const headers = { 'accept-encoding': 'identity' }
      const response = await fetch(`http://127.0.0.1:${port}${pathOf(offset)}`, { headers })
      const page = await response.json() as { messages: unknown[], next_offset: number }
      count += page.messages.length
      offset = page.next_offset
    }
    mustBe(count, messages)
  }
}
const read: Way = {
  name: 'client, read',
  read: (server, messages) => readAll(clientOf(server).topic(topic).read(), messages)
}
const follow: Way = {
  name: 'client, follow',
  read: (server, messages) => readAll(clientOf(server).topic(topic).follow({ transport: 'sse' }), messages)
}
const poll: Way = {
  name: 'client, follow by long polls',
  read: (server, messages) => readAll(clientOf(server).topic(topic).follow({ transport: 'poll' }), messages)
}
const ways = [bytes, pages, read, follow, poll]

export const clientFollow: Scenario = {
  name: 'client-follow',
  title: 'Follow 100,000 messages with the TypeScript client',
  async run (options): Promise<ScenarioResult> {
    const messages = options.quick ? 10_000 : 100_000
    const payloads = Array.from({ length: batch }, (_, index) => payloadOf(payloadBytes, index + 1))
    const outcomes = await interleaved(options.rounds, ways, (way) => withServer(oursSqlite, options, async (server) => {
      await sendAll(server, ours.appendBatch(topic, payloads), messages / batch, 4)
      await measure(server, way, messages, options.warmupSeconds)
      return measure(server, way, messages, options.seconds)
    }))
    return {
      notes: [
        `${messages.toLocaleString('en-US')} messages of ${payloadBytes} bytes on SQLite, read from start to end by one reader, again ` +
        `and again for ${options.warmupSeconds} s that are not counted, then for ${options.seconds} s.`,
        'What a program needs is parsed messages, so the figure compares with a loop that a program would write: fetch, and JSON.parse ' +
        'of each page. The bytes of the same pages, which nobody parses, show what the server can do.'
      ],
      tables: [{
        columns: ['', 'messages/s', 'CPU µs, reader', 'CPU µs, server'],
        ...rowsOf(outcomes, (results) => [
          show(over(results, ({ perSecond }) => perSecond)),
          number(over(results, ({ readerMicros }) => readerMicros)?.median ?? NaN),
          number(over(results, ({ serverMicros }) => serverMicros)?.median ?? NaN)
        ])
      }],
      figures: [{
        what: 'follow / pages that are fetched and parsed, SQLite',
        bound: 'at least',
        goal: 0.7,
        unit: 'times',
        values: ratios(outcomes.get(follow), outcomes.get(pages), ({ perSecond }) => perSecond)
      }],
      raw: rawOf(outcomes)
    }
  }
}

function clientOf ({ port }: Server): StreamsClient {
  return new StreamsClient({ url: `http://127.0.0.1:${port}` })
}

function pathOf (offset: number): string {
  return `/topics/${topic}/consume?offset=${offset}&limit=${pageSize}`
}

async function readAll (all: AsyncIterable<Message>, messages: number): Promise<void> {
  let count = 0
  for await (const { offset } of all) {
    mustBe(offset, ++count)
    if (count === messages) return
  }
}

function mustBe (got: number, expected: number): void {
  if (got !== expected) throw new Error(`expected ${expected}, got ${got}`)
}

async function measure (server: Server, { read }: Way, messages: number, seconds: number): Promise<Rate> {
  const serverCpu = server.cpuSeconds()
  const readerCpu = process.cpuUsage()
  const start = performance.now()
  let count = 0
  for (; performance.now() - start < seconds * 1_000; count += messages) await read(server, messages)
  const { user, system } = process.cpuUsage(readerCpu)
  return {
    perSecond: count / (performance.now() - start) * 1_000,
    readerMicros: (user + system) / count,
    serverMicros: (server.cpuSeconds() - serverCpu) / count * 1e6
  }
}
