import { Agent, get } from 'node:http'
import type { Server } from '../lib/children.ts'
import { sendAll } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios } from '../lib/rounds.ts'
import { oursMemory, oursSqlite, peerFile, peerMemory, peerNote } from '../subjects/index.ts'
import type { PageAnswer, Protocol } from '../subjects/protocols.ts'
import { chosen, type Subject, withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 150
const batch = 100
const topic = 'bench'

interface CatchUp {
  /** Payload only: what surrounds it differs between the subjects, and nobody asked for it. */
  readonly megabytesPerSecond: number
  readonly messagesPerSecond: number
  readonly wireBytesPerMessage: number
  readonly requests: number
  readonly serverCpuMillis: number
  /** The very first read of a server that has just been filled. */
  readonly firstMegabytesPerSecond: number
}

export const catchUp: Scenario = {
  name: 'catch-up',
  title: 'Read a topic of 100,000 messages',
  async run (options): Promise<ScenarioResult> {
    const messages = options.quick ? 10_000 : 100_000
    const subjects = chosen([oursMemory, oursSqlite, peerMemory, peerFile], options)
    const outcomes = await interleaved(options.rounds, subjects, (subject) => measure(subject, messages, options))
    const of = (subject: Subject) => outcomes.get(subject)
    return {
      notes: [
        `${messages.toLocaleString('en-US')} messages of ${payloadBytes} bytes, appended in batches of ${batch}; one reader on one connection, from the start to the end, until ` +
          `${options.seconds} s have passed, after reads for ${options.warmupSeconds} s that are not counted. The first read of all is checked: every payload must be there.`,
        'Ours gives pages of 1,000 messages; the peer gives all it has in one answer, built in memory. MB are 10^6 bytes of payload, without what surrounds it.',
        peerNote
      ],
      tables: [{
        columns: ['', 'MB/s', 'messages/s', 'first read, MB/s', 'requests', 'wire bytes a message', 'CPU ms a read'],
        ...rowsOf(outcomes, (results) => [
          show(over(results, (result) => result.megabytesPerSecond)),
          show(over(results, (result) => result.messagesPerSecond)),
          show(over(results, (result) => result.firstMegabytesPerSecond)),
          number(results[0]!.requests),
          number(results[0]!.wireBytesPerMessage),
          show(over(results, (result) => result.serverCpuMillis))
        ])
      }],
      figures: [
        { what: 'SQLite / peer file', bound: 'at least', goal: 2, unit: 'times', values: ratios(of(oursSqlite), of(peerFile), (result) => result.megabytesPerSecond) },
        { what: 'SQLite / S2 (98 MB/s, measured before)', bound: 'at least', goal: 1, unit: 'times', values: of(oursSqlite)?.results.map((result) => result.megabytesPerSecond / 98) ?? [] }
      ],
      raw: rawOf(outcomes)
    }
  }
}

async function measure (subject: Subject, messages: number, options: Options): Promise<CatchUp> {
  const payloads = Array.from({ length: batch }, (_, index) => payloadOf(payloadBytes, index + 1))
  return withServer(subject, options, async (server) => {
    const { protocol } = subject
    await protocol.create(server, topic)
    await sendAll(server, protocol.appendBatch(topic, payloads), messages / batch, 4)
    const reader = new Reader(server, protocol)
    try {
      const first = await reader.readAll(true)
      const found = first.bodies.flatMap((body) => protocol.payloadsOf(body.toString()))
      if (found.length !== messages) throw new Error(`${found.length} of ${messages} messages`)
      if (found.some((payload) => JSON.stringify(payload).length !== payloadBytes)) throw new Error('payloads are not as they were sent')
      for (const end = performance.now() + options.warmupSeconds * 1000; performance.now() < end;) await reader.readAll()
      const cpu = server.cpuSeconds()
      const start = performance.now()
      let reads = 0
      while (performance.now() - start < options.seconds * 1000) {
        await reader.readAll()
        reads++
      }
      const seconds = (performance.now() - start) / 1000
      return {
        megabytesPerSecond: reads * messages * payloadBytes / 1e6 / seconds,
        messagesPerSecond: reads * messages / seconds,
        wireBytesPerMessage: first.bytes / messages,
        requests: first.bodies.length,
        serverCpuMillis: (server.cpuSeconds() - cpu) / reads * 1000,
        firstMegabytesPerSecond: messages * payloadBytes / 1e6 / first.seconds
      }
    } finally {
      reader.close()
    }
  })
}

/** Reads page after page as a client would that hands the bytes on; it does not parse the messages. */
class Reader {
  readonly #server: Server
  readonly #protocol: Protocol
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor (server: Server, protocol: Protocol) {
    this.#server = server
    this.#protocol = protocol
  }

  async readAll (keep = false): Promise<{ bodies: Buffer[], bytes: number, seconds: number }> {
    const start = performance.now()
    const bodies: Buffer[] = []
    let bytes = 0
    for (let path: string | undefined = this.#protocol.firstPage(topic); path !== undefined;) {
      const answer: PageAnswer = await this.#page(path)
      bytes += answer.body.length
      path = this.#protocol.nextPage(topic, answer)
      if (keep) bodies.push(answer.body)
    }
    return { bodies, bytes, seconds: (performance.now() - start) / 1000 }
  }

  #page (path: string): Promise<PageAnswer> {
    return new Promise((resolve, reject) => {
      get({ port: this.#server.port, host: '127.0.0.1', path, agent: this.#agent }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
          if (answer.statusCode === 200) resolve({ headers: answer.headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) })
          else reject(new Error(`GET ${path} was answered with ${answer.statusCode}: ${Buffer.concat(chunks).toString('utf8', 0, 500)}`))
        })
      }).on('error', reject)
    })
  }

  close (): void {
    this.#agent.destroy()
  }
}
