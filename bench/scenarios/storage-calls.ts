import { CountedService, type Storage } from '../lib/counted-service.ts'
import { withLocalstack } from '../lib/localstack.ts'
import type { Options } from '../lib/options.ts'
import { dollars, pricesNote } from '../lib/prices.ts'
import { number, rawOf, rowsOf, type Figure, type ScenarioResult, type Table } from '../lib/report.ts'
import { interleaved, type Outcome } from '../lib/rounds.ts'
import { type Case, type Counted, messageBytes } from '../lib/storage-cases/case.ts'
import { conditionCases } from '../lib/storage-cases/conditions.ts'
import { groupCases } from '../lib/storage-cases/groups.ts'
import { messageCases, segmentsByTime } from '../lib/storage-cases/messages.ts'
import { topicCases } from '../lib/storage-cases/topics.ts'
import { type Scenario, Skipped } from './scenario.ts'

/** Topics that a sweep looks at at the same time. Each may ask for the store's time. */
const sweepConcurrency = 4

const operations = ['UpdateItem', 'PutObject', 'GetItem', 'GetObject', 'ListObjectsV2', 'Query', 'DeleteObjects'] as const
type Operation = typeof operations[number]

type Outcomes = Map<Case, Outcome<Counted>>

const groups = [
  { caption: 'Calls per request to the service: plain appends, and reads', cases: messageCases },
  { caption: 'Calls per request to the service: 1 message with a condition', cases: conditionCases },
  { caption: 'Calls per request to the service, or per topic of a sweep', cases: topicCases },
  { caption: 'Calls per request to the service: consumer groups', cases: groupCases }
] as const

export const storageCalls: Scenario = {
  name: 'storage-calls',
  title: 'Calls to S3 and DynamoDB, and their price',
  async run (options): Promise<ScenarioResult> {
    const outcomes = await withLocalstack((storage) => countAll(storage, options))
    if (outcomes === undefined) throw new Skipped('no Docker and no TEST_LOCALSTACK_ENDPOINT')
    return {
      notes: [
        `Every HTTP request of the SDK to LocalStack is counted, retries included. Messages have ${messageBytes} bytes. The writer and ` +
        'the reader are two instances of the service that share no cache. The topics exist, if not stated otherwise.',
        'Write and read units are those that the answers of DynamoDB tell. They grow with the item: 64 producers are 64 records in it. ' +
        'A producer of 64 at a time shares its update and its put with the others.',
        'A sweep also lists all topics, with a Query and a LIST for each 1,000 topics, and asks for the store\'s time, with up to ' +
        `${sweepConcurrency} LISTs. Here ${amountOf(options)} topics share these. A topic with \`retention_bytes\` costs a LIST more ` +
        'until 20 minutes after its last message.',
        `The topic that is read by time has ${amountOf(options) * segmentsByTime} segments, all written within seconds. S3 tells times ` +
        'in whole seconds, so a search among segments of the same second needs GETs.',
        'Consumer groups: segments of 100 messages, and one group of mode `shared`. A process that knows nothing ' +
        'needs a LIST to find the segment. The batch of dead letters includes what the server does behind its answer.',
        pricesNote
      ],
      tables: groups.map(({ caption, cases }) => tableOf(caption, new Map(cases.map((one) => [one, outcomes.get(one)!])))),
      figures: figuresOf(outcomes, options),
      raw: rawOf(outcomes)
    }
  }
}

function tableOf (caption: string, outcomes: Outcomes): Table {
  const used = operations.filter((operation) => [...outcomes.values()].some(({ results }) => (results[0]?.calls[operation] ?? 0) > 0))
  return {
    caption,
    columns: ['', ...used, 'write units', 'read units', 'messages', '$ a million requests', '$ a million messages'],
    ...rowsOf(outcomes, (results) => {
      const { requests, messages, ...cost } = results[0]!
      return [
        ...used.map((operation) => number((cost.calls[operation] ?? 0) / requests)),
        number(cost.writeUnits / requests),
        number(cost.readUnits / requests),
        number(messages / requests),
        number(dollars(cost) / requests * 1e6),
        messages === 0 ? '–' : number(dollars(cost) / messages * 1e6)
      ]
    })
  }
}

/** What one request may cost, by the beginning of its case's name. Of what is not named, nothing. */
const allowed: ReadonlyArray<{ readonly what: string, readonly name: string, readonly calls: Partial<Record<Operation, number>> }> = [
  { what: 'append of a batch', name: 'append 100', calls: { UpdateItem: 1, PutObject: 1 } },
  { what: 'append of a producer', name: 'producer: next seq', calls: { UpdateItem: 1, PutObject: 1 } },
  {
    what: 'append of a producer, by a process that knows nothing',
    name: 'producer: next seq, by',
    calls: { GetItem: 1, GetObject: 1, UpdateItem: 1, PutObject: 1 }
  },
  { what: 'repeat of a producer', name: 'producer: repeat', calls: { GetItem: 1, GetObject: 1 } },
  { what: 'repeat of a producer, by a process that knows nothing', name: 'producer: repeat, by', calls: { GetItem: 1, GetObject: 1 } },
  { what: 'append with a key', name: 'Idempotency-Key: new', calls: { GetItem: 1, UpdateItem: 3, PutObject: 1 } },
  { what: 'repeat with a key', name: 'Idempotency-Key: repeat', calls: { GetItem: 2 } },
  { what: 'append with expected_offset', name: 'expected_offset', calls: { UpdateItem: 1, PutObject: 1 } },
  { what: 'closing append', name: 'close with', calls: { UpdateItem: 2, PutObject: 1 } },
  { what: 'close alone', name: 'close alone', calls: { UpdateItem: 1 } },
  { what: 'idle poll', name: 'poll at the end', calls: { GetItem: 1 } },
  { what: 'following poll that finds 1 segment', name: 'poll that finds 1 segment (100', calls: { GetItem: 1, GetObject: 2 } },
  { what: 'describe', name: 'describe', calls: { GetItem: 1 } },
  { what: 'list topics', name: 'list topics', calls: { Query: 1, ListObjectsV2: 1 } },
  // Of two GetItems of a receive, one is for the topic's item.
  {
    what: 'receive, by a process that knows nothing',
    name: 'receive 10, by',
    calls: { GetItem: 2, UpdateItem: 1, GetObject: 1, ListObjectsV2: 1 }
  },
  {
    what: 'receive with ack, by a process that knows nothing',
    name: 'receive 10 and ack the last lease, by',
    calls: { GetItem: 2, UpdateItem: 1, GetObject: 1, ListObjectsV2: 1 }
  },
  { what: 'receive with ack', name: 'receive 10 and ack the last lease', calls: { GetItem: 1, UpdateItem: 1 } },
  { what: 'ack alone', name: 'ack 10 alone', calls: { UpdateItem: 1 } },
  { what: 'ack alone, by a process that knows nothing', name: 'ack 10 alone, by', calls: { GetItem: 1, UpdateItem: 1 } },
  { what: 'nack', name: 'nack 10', calls: { UpdateItem: 1 } },
  { what: 'extend', name: 'extend', calls: { UpdateItem: 1 } },
  { what: 'receive that finds nothing', name: 'receive that finds nothing', calls: { GetItem: 2 } },
  {
    what: 'receive that finds nothing, by a process that knows nothing', name: 'receive that finds nothing, by', calls: { GetItem: 2 }
  }
]

function figuresOf (outcomes: Outcomes, options: Options): Figure[] {
  // The case of this very name, else the first one that begins with it.
  const of = (name: string): readonly Counted[] => {
    const all = [...outcomes]
    return (all.find(([one]) => one.name === name) ?? all.find(([one]) => one.name.startsWith(name)))![1].results
  }
  const figure = (what: string, goal: number, values: readonly number[], unit = 'calls'): Figure => (
    { what, bound: 'at most', goal, unit, values })
  const dollarsOf = (name: string): number[] => of(name).map(({ requests, ...cost }) => dollars(cost) / requests)
  const plain = dollarsOf('append 1, one')
  const notDue = of('sweep, each topic: retention_ms')
  return [
    ...allowed.flatMap(({ what, name, calls }) => [
      ...Object.entries(calls).map(([operation, goal]) => (
        figure(`${what}: ${operation}`, goal, of(name).map((counted) => (counted.calls[operation] ?? 0) / counted.requests)))),
      figure(`${what}: anything else`, 0, of(name).map((counted) => sumExcept(counted, Object.keys(calls)) / counted.requests))
    ]),
    figure('price of an append of a producer / of a plain one', 1, dollarsOf('producer: next seq').map((price, i) => price / plain[i]!),
      'times'),
    figure('sweep of a topic with nothing due: GetItem', 1, notDue.map(({ calls, requests }) => (calls['GetItem'] ?? 0) / requests)),
    figure(`sweep of ${amountOf(options)} topics with nothing due: anything else, all together`, 2 + sweepConcurrency,
      notDue.map((counted) => sumExcept(counted, ['GetItem']))),
    figure('a million batches of dead letters, with the nacks', 7.7,
      dollarsOf('nack that rejects').map((price) => price * 1e6), '$'),
    figure('a million messages received and acknowledged, 10 a lease', 0.09,
      of('receive 10 and ack the last lease').map(({ messages, ...cost }) => dollars(cost) / messages * 1e6), '$'),
    figure('a million messages of 1 KB in batches of 100', 0.06,
      of('append 100').map(({ messages, ...cost }) => dollars(cost) / messages * 1e6), '$')
  ]
}

function sumExcept ({ calls }: Counted, excluded: readonly string[]): number {
  return Object.entries(calls).reduce((sum, [operation, count]) => sum + (excluded.includes(operation) ? 0 : count), 0)
}

async function countAll (storage: Storage, options: Options): Promise<Outcomes> {
  let topics = 0
  const writer = new CountedService(storage)
  const reader = new CountedService(storage)
  const cases: readonly Case[] = groups.flatMap(({ cases }) => [...cases])
  try {
    return await interleaved(Math.min(options.rounds, 3), cases, (one) => {
      // Later topics have names above earlier ones.
      const topic = `bench-${String(++topics).padStart(3, '0')}`
      return one.run({ writer, reader, fresh: () => new CountedService(storage), topic, amount: amountOf(options) })
    })
  } finally {
    await writer.close()
    await reader.close()
  }
}

function amountOf ({ quick }: Options): number {
  return quick ? 20 : 100
}
