import type { Server } from '../lib/children.ts'
import { sendAll } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { PageReader } from '../lib/page-reader.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios } from '../lib/rounds.ts'
import { oursMemory, oursSqlite, peerFile, peerMemory, peerNote } from '../subjects/index.ts'
import { type Protocol, send } from '../subjects/protocols.ts'
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
        `${messages.toLocaleString('en-US')} messages of ${payloadBytes} bytes, appended in batches of ${batch}. One reader on one ` +
        `connection reads the topic from start to end, again and again, for ${options.warmupSeconds} s that are not counted, then for ` +
        `${options.seconds} s. Before that, a separate read checks that every payload is there.`,
        'The reader takes bytes from a raw socket and looks only for the next offset. It parses no messages, because that costs the ' +
        'same for every server.',
        'Ours returns pages of 1,000 messages; the peer returns the whole topic in one response, built in memory. 1 MB is 10^6 bytes of ' +
        'payload, without keys and framing.',
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
        {
          what: 'SQLite / peer file',
          bound: 'at least',
          goal: 2,
          unit: 'times',
          values: ratios(of(oursSqlite), of(peerFile), (result) => result.megabytesPerSecond)
        },
        {
          what: 'SQLite / S2 (98 MB/s, measured before)',
          bound: 'at least',
          goal: 1,
          unit: 'times',
          values: of(oursSqlite)?.results.map((result) => result.megabytesPerSecond / 98) ?? []
        }
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
    const reader = await PageReader.open(server)
    try {
      const begin = performance.now()
      const first = await readAll(reader, protocol)
      const firstSeconds = (performance.now() - begin) / 1000
      await check(server, protocol, first.paths, messages)
      for (const end = performance.now() + options.warmupSeconds * 1000; performance.now() < end;) await readAll(reader, protocol)
      const cpu = server.cpuSeconds()
      const start = performance.now()
      let reads = 0
      while (performance.now() - start < options.seconds * 1000) {
        await readAll(reader, protocol)
        reads++
      }
      const seconds = (performance.now() - start) / 1000
      return {
        megabytesPerSecond: reads * messages * payloadBytes / 1e6 / seconds,
        messagesPerSecond: reads * messages / seconds,
        wireBytesPerMessage: first.bytes / messages,
        requests: first.paths.length,
        serverCpuMillis: (server.cpuSeconds() - cpu) / reads * 1000,
        firstMegabytesPerSecond: messages * payloadBytes / 1e6 / firstSeconds
      }
    } finally {
      reader.close()
    }
  })
}

async function readAll (reader: PageReader, protocol: Protocol): Promise<{ paths: string[], bytes: number }> {
  const paths: string[] = []
  let bytes = 0
  for (let path: string | undefined = protocol.firstPage(topic); path !== undefined;) {
    paths.push(path)
    const page = await reader.get(path)
    bytes += page.bytes
    path = protocol.nextPage(topic, page)
  }
  return { paths, bytes }
}

/** Reads the same pages with Node's own client, and looks at every payload. */
async function check (server: Server, protocol: Protocol, paths: readonly string[], messages: number): Promise<void> {
  let found = 0
  for (const path of paths) {
    for (const payload of protocol.payloadsOf(await send(server, 'GET', path))) {
      if (JSON.stringify(payload).length !== payloadBytes) throw new Error('a payload is not as it was sent')
      found++
    }
  }
  if (found !== messages) throw new Error(`${found} of ${messages} messages`)
}
