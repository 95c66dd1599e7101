import { type AppendOptions, StreamsClient } from '../../clients/typescript/src/index.ts'
import type { Server } from '../lib/children.ts'
import { load, post } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios } from '../lib/rounds.ts'
import { oursSqlite } from '../subjects/index.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
const connections = 64
/** As a producer has them by default. */
const batchMessages = 1_000
const inFlight = 5
const path = '/topics/bench/produce'
const payloadText = payloadOf(payloadBytes)
const payload = JSON.parse(payloadText) as unknown

interface Rate { readonly perSecond: number, readonly senderMicros: number, readonly serverMicros: number }

/** Sends for some seconds. @returns how many messages were stored */
type Send = (server: Server, seconds: number) => Promise<number>

/** A way of sending messages. */
interface Way { readonly name: string, readonly send: Send }

const single: Way = { name: `load generator, single messages, ${connections} connections`, send: generator(connections, [payloadText]) }
const raw: Way = {
  name: `load generator, batches of ${batchMessages}, ${inFlight} connections`,
  send: generator(inFlight, Array.from({ length: batchMessages }, () => payloadText))
}
const append: Way = {
  name: `client, append, ${connections} at a time`,
  async send (server, seconds) {
    const topic = clientOf(server).topic('bench')
    const endsAt = performance.now() + seconds * 1_000
    // As the generator's: without a key.
    const options: AppendOptions = { idempotencyKey: false }
    let count = 0
    await Promise.all(Array.from({ length: connections }, async () => {
      for (; performance.now() < endsAt; count++) await topic.append(payload, options)
    }))
    return count
  }
}
const producer: Way = {
  name: 'client, producer with its defaults',
  async send (server, seconds) {
    const producer = clientOf(server).topic('bench').producer()
    const endsAt = performance.now() + seconds * 1_000
    let count = 0
    while (performance.now() < endsAt) {
      for (let n = 0; n < 100; n++, count++) {
        await producer.ready
        producer.send(payload)
      }
    }
    await producer.close()
    return count
  }
}
const ways = [single, raw, append, producer]

export const clientProducer: Scenario = {
  name: 'client-producer',
  title: 'Append with the TypeScript client',
  async run (options): Promise<ScenarioResult> {
    const outcomes = await interleaved(options.rounds, ways, (way) => measure(way, options))
    const ratio = (what: string, to: Way, goal: number): Figure => ({
      what,
      bound: 'at least',
      goal,
      unit: 'times',
      values: ratios(outcomes.get(producer), outcomes.get(to), ({ perSecond }) => perSecond)
    })
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, all to one topic of a server on SQLite. Each round starts a fresh server, loads it for ` +
        `${options.warmupSeconds} s, then measures ${options.seconds} s. The client makes JSON of an object for each message; the load ` +
        'generator sends the same bytes again and again.',
        'The sender is one process, the server another. CPU is user and system time of all threads, for each message.'
      ],
      tables: [{
        columns: ['', 'messages/s', 'CPU µs, sender', 'CPU µs, server'],
        ...rowsOf(outcomes, (results) => [
          show(over(results, ({ perSecond }) => perSecond)),
          number(over(results, ({ senderMicros }) => senderMicros)?.median ?? NaN),
          number(over(results, ({ serverMicros }) => serverMicros)?.median ?? NaN)
        ])
      }],
      figures: [
        ratio(`producer / single messages, ${connections} connections, SQLite`, single, 5),
        ratio('producer / the same batches from the load generator, SQLite', raw, 0.8)
      ],
      raw: rawOf(outcomes)
    }
  }
}

function clientOf ({ port }: Server): StreamsClient {
  return new StreamsClient({ url: `http://127.0.0.1:${port}` })
}

/** @param payloads of one request */
function generator (connections: number, payloads: readonly string[]): Send {
  const [first] = payloads
  const body = payloads.length === 1 ? `{"payload":${first}}` : `{"messages":[${payloads.map((text) => `{"payload":${text}}`).join(',')}]}`
  const request = post(path, body)
  return async (server, seconds) => (await load({ server, connections, seconds, request })).requests * payloads.length
}

async function measure ({ send }: Way, options: Options): Promise<Rate> {
  return withServer(oursSqlite, options, async (server) => {
    await send(server, options.warmupSeconds)
    const serverCpu = server.cpuSeconds()
    const senderCpu = process.cpuUsage()
    const start = performance.now()
    const count = await send(server, options.seconds)
    const { user, system } = process.cpuUsage(senderCpu)
    return {
      perSecond: count / (performance.now() - start) * 1_000,
      senderMicros: (user + system) / count,
      serverMicros: (server.cpuSeconds() - serverCpu) / count * 1e6
    }
  })
}
