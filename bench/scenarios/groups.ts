import { dropFolder, type Server, workFolder } from '../lib/children.ts'
import { groupItemSizes, type GroupItemSize } from '../lib/group-items.ts'
import { withLocalstack } from '../lib/localstack.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, show, type Figure, type ScenarioResult, type Table } from '../lib/report.ts'
import { over } from '../lib/rounds.ts'
import { runWorkers, type WorkersResult } from '../lib/workers.ts'
import { oursLocalstack, oursMemory, oursSqlite } from '../subjects/index.ts'
import { natsJetStream } from '../subjects/sharing/nats.ts'
import { oursSharing } from '../subjects/sharing/ours.ts'
import { redisStreams } from '../subjects/sharing/redis.ts'
import type { Sharing } from '../subjects/sharing/sharing.ts'
import type { Scenario } from './scenario.ts'

const payloadBytes = 100
const payload = payloadOf(payloadBytes)
const keys = 500

interface Cell {
  readonly workers: number
  /** Messages of a lease. */
  readonly limit: number
  readonly keyed: boolean
}

const cells: readonly Cell[] = [
  ...[1, 16, 64].flatMap((workers) => [1, 10, 100].map((limit) => ({ workers, limit, keyed: false }))),
  { workers: 64, limit: 10, keyed: true }
]

const sqlite = oursSharing(oursSqlite)
const subjects: readonly Sharing[] = [oursSharing(oursMemory), sqlite, redisStreams, natsJetStream]

/** Of one subject: the results of each cell, round by round, or why there are none. */
interface Measured { readonly results: Map<Cell, WorkersResult[]>, failure: string | undefined }
type All = Map<Sharing, Measured>

export const groups: Scenario = {
  name: 'groups',
  title: 'Workers that share a topic',
  async run (options): Promise<ScenarioResult> {
    const all: All = new Map(chosenOf(subjects, options).map((subject) => [subject, { results: new Map(), failure: undefined }]))
    for (let round = 0; round < options.rounds; round++) await measureAll(all, round, cells, stored(options), options)
    const onLocalstack = chosenOf([{ name: 'ours, LocalStack' }], options).length === 0 ? undefined : await measureLocalstack(options)
    const items = await groupItemSizes()
    const slow: All = new Map(onLocalstack)
    return {
      notes: [
        `${payloadBytes} bytes of JSON a message, ${number(stored(options))} messages stored before the clock starts. Each worker is a ` +
        'connection in a closed loop that acknowledges all messages of its lease together with its next receive. Nothing is done with ' +
        'the messages. All workers are in the process of the generator; the tables show its share of a core.',
        `In each round all servers run, with one of them at work at a time: each case for ${options.warmupSeconds / 4} s uncounted and ` +
        `then ${options.seconds} s, each time with a group of its own. A case ends earlier if there are no more messages.`,
        '"messages/s" are those whose acknowledgement the server has confirmed. "cycles/s" are receives with the acknowledgement of the ' +
        'lease before.',
        'Ours: groups of mode `shared` with `max_in_flight` 4,000, so of 64 workers with 100 a lease only 40 have one at a time; the ' +
        `last row has mode \`keyed\` and ${keys} keys.`,
        ...[redisStreams, natsJetStream].map(noteOf)
      ],
      tables: [summaryOf(all), ...[...all, ...slow].flatMap(([subject, measured]) => tableOf(subject, measured)), itemTable(items)],
      figures: figuresOf(all, items),
      raw: [...all, ...slow].map(([{ name }, { results, failure }]) => ({
        name, failure, cells: [...results].map(([cell, rounds]) => ({ ...cell, rounds }))
      }))
    }
  }
}

function noteOf (peer: Sharing): string {
  const version = peer.version()
  if (version === undefined) return `${peer.name}: not installed.`
  return peer === redisStreams
    ? `${peer.name}: Redis ${version}, XREADGROUP COUNT n and XACK in one write, \`appendfsync always\`, no snapshots and no rewrites.`
    : `${peer.name}: nats-server ${version}, a pull consumer of a stream in a file; every message is acknowledged explicitly, the last ` +
      'one of a lease with confirmation, and all are sent together with the next pull. NATS does not sync acknowledgements to the disk.'
}

function stored ({ quick }: Options): number {
  return quick ? 100_000 : 500_000
}

function chosenOf<S extends { readonly name: string }> (all: readonly S[], { subjects: parts }: Options): S[] {
  return all.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
}

/** All subjects that are installed and have not failed, in turn, case by case. */
async function measureAll (all: All, round: number, cells: readonly Cell[], count: number, options: Options): Promise<void> {
  const running = new Map<Sharing, { readonly server: Server, readonly folder: string }>()
  const attempt = async (subject: Sharing, work: () => Promise<void>): Promise<void> => {
    const measured = all.get(subject)!
    if (measured.failure !== undefined || subject.version() === undefined) return
    try {
      await work()
    } catch (error) {
      measured.failure = error instanceof Error ? error.message : String(error)
      process.stderr.write(`  ${subject.name} failed: ${measured.failure}\n`)
    }
  }
  try {
    for (const subject of all.keys()) {
      await attempt(subject, async () => {
        process.stderr.write(`  round ${round + 1} of ${options.rounds}: ${subject.name} stores messages\n`)
        const folder = workFolder(options.dataDir, subject.name)
        const server = await subject.start(folder)
        running.set(subject, { server, folder })
        await subject.fill(server, 'bench', count, payload)
        if (cells.some(({ keyed }) => keyed) && mayBeKeyed(subject)) await subject.fill(server, 'keyed', count / 2, payload, keys)
      })
    }
    for (const cell of cells) {
      process.stderr.write(`  round ${round + 1} of ${options.rounds}: ${nameOf(cell)}\n`)
      for (const subject of all.keys()) {
        if (cell.keyed && !mayBeKeyed(subject)) continue
        await attempt(subject, async () => {
          const { results } = all.get(subject)!
          const result = await measure(subject, running.get(subject)!.server, cell, options)
          results.set(cell, [...results.get(cell) ?? [], result])
        })
      }
    }
  } finally {
    for (const { server, folder } of running.values()) {
      await server.stop()
      dropFolder(folder)
    }
  }
}

function mayBeKeyed (subject: Sharing): boolean {
  return subject !== redisStreams && subject !== natsJetStream
}

async function measure (subject: Sharing, server: Server, cell: Cell, { seconds, warmupSeconds }: Options): Promise<WorkersResult> {
  const { workers, limit, keyed } = cell
  const topic = keyed ? 'keyed' : 'bench'
  const run = async (kind: string, duration: number): Promise<WorkersResult> => {
    const group = `${kind}-${workers}-${limit}`
    await subject.makeGroup(server, topic, group, keyed)
    return runWorkers(server, subject.workers(topic, group, limit, workers), duration)
  }
  await run('warmup', warmupSeconds / 4)
  return run('measured', seconds)
}

/** Fewer cases, and fewer messages. LocalStack itself is what limits. */
async function measureLocalstack (options: Options): Promise<All> {
  const few = cells.filter(({ workers, limit, keyed }) => limit === 10 && !keyed && workers !== 16)
  let all: All = new Map()
  await withLocalstack(async (storage) => {
    const { environmentOf } = await import('../../test/support/storage/localstack.ts')
    const subject = oursSharing(oursLocalstack(environmentOf(storage)))
    all = new Map([[subject, { results: new Map(), failure: undefined }]])
    await measureAll(all, 0, few, stored(options) / 10, { ...options, rounds: 1 })
  })
  return all
}

function nameOf ({ workers, limit, keyed }: Cell): string {
  return `${workers} worker${workers === 1 ? '' : 's'}, ${limit} a lease${keyed ? ', keyed' : ''}`
}

function summaryOf (all: All): Table {
  const peers = [...all.keys()]
  return {
    caption: 'Messages settled a second',
    columns: ['', ...peers.map(({ name }) => name), 'SQLite / Redis'],
    rows: cells.map((cell) => [
      nameOf(cell),
      ...peers.map((peer) => {
        if (peer.version() === undefined) return 'not installed'
        return show(over(all.get(peer)!.results.get(cell) ?? [], ({ messagesPerSecond }) => messagesPerSecond))
      }),
      show(over(ratiosOf(all, cell), (ratio) => ratio))
    ])
  }
}

/** SQLite to Redis, round by round. */
function ratiosOf (all: All, cell: Cell): number[] {
  const ours = all.get(sqlite)?.results.get(cell) ?? []
  const theirs = all.get(redisStreams)?.results.get(cell) ?? []
  return theirs.map(({ messagesPerSecond }, round) => (ours[round]?.messagesPerSecond ?? NaN) / messagesPerSecond)
}

function tableOf ({ name }: Sharing, { results, failure }: Measured): Table[] {
  if (results.size === 0 && failure === undefined) return []
  const column = (value: (result: WorkersResult) => number) => (rounds: readonly WorkersResult[]): string => show(over(rounds, value))
  const middle = (value: (result: WorkersResult) => number) => (rounds: readonly WorkersResult[]): string => (
    number(over(rounds, value)?.median ?? NaN))
  const columns: ReadonlyArray<readonly [string, (rounds: readonly WorkersResult[]) => string]> = [
    ['messages/s', column((result) => result.messagesPerSecond)],
    ['cycles/s', column((result) => result.cyclesPerSecond)],
    ['p50 ms', column((result) => result.p50Ms)],
    ['p99 ms', column((result) => result.p99Ms)],
    ['CPU µs/message', column((result) => result.serverCpuMicros)],
    ['cores, server', middle((result) => result.serverCores)],
    ['cores, generator', middle((result) => result.generatorCores)]
  ]
  return [{
    caption: name,
    columns: ['', ...columns.map(([title]) => title)],
    rows: [...results].map(([cell, rounds]) => [nameOf(cell), ...columns.map(([, text]) => text(rounds))]),
    remarks: failure === undefined ? [] : [`failed: ${failure.replaceAll(/\s+/g, ' ').slice(0, 300)}`]
  }]
}

function itemTable (items: readonly GroupItemSize[]): Table {
  return {
    caption: 'Bytes of a group\'s item in DynamoDB; 1,024 are a write unit',
    columns: ['', 'bytes'],
    rows: items.map(({ name, bytes }) => [name, number(bytes)])
  }
}

function figuresOf (all: All, items: readonly GroupItemSize[]): Figure[] {
  const [cell] = cells.filter(({ workers, limit, keyed }) => workers === 64 && limit === 10 && !keyed)
  return [
    {
      what: `${nameOf(cell!)}: SQLite`,
      bound: 'at least',
      goal: 20_000,
      unit: 'messages/s',
      values: all.get(sqlite)?.results.get(cell!)?.map(({ messagesPerSecond }) => messagesPerSecond) ?? []
    },
    { what: `${nameOf(cell!)}: SQLite / Redis Streams`, bound: 'at least', goal: 0.5, unit: 'times', values: ratiosOf(all, cell!) },
    ...items.map(({ name, goal, bytes }): Figure => (
      { what: `item of a group, ${name}`, bound: 'at most', goal, unit: 'bytes', values: [bytes] }))
  ]
}
