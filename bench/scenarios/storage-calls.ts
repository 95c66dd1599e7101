import { type Calls, CountedService, type Storage } from '../lib/counted-service.ts'
import { withLocalstack } from '../lib/localstack.ts'
import { payloadOf } from '../lib/payloads.ts'
import { dollars, pricesNote } from '../lib/prices.ts'
import { number, rawOf, rowsOf, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, type Outcome } from '../lib/rounds.ts'
import type { Options } from '../lib/options.ts'
import { type Scenario, Skipped } from './scenario.ts'

const messageBytes = 1024
const operations = ['UpdateItem', 'PutObject', 'GetItem', 'GetObject', 'ListObjectsV2'] as const

interface Counted {
  readonly calls: Calls
  /** Requests to the service, for the calls of each. */
  readonly requests: number
  /** Messages written or read; 0 for polls that find nothing. */
  readonly messages: number
}

interface Service { readonly writer: CountedService, readonly reader: CountedService, readonly topic: string, readonly amount: number }
interface Case { readonly name: string, run (service: Service): Promise<Counted> }

const payload = (seed: number): string => payloadOf(messageBytes, seed)
const payloads = (count: number): string[] => Array.from({ length: count }, (_, index) => payload(index + 1))

const cases: readonly Case[] = [
  { name: 'append 1, one after the other', run: (service) => appends(service, service.amount, 1, 1) },
  { name: 'append 1, 64 at a time', run: (service) => appends(service, service.amount * 16, 1, 64) },
  { name: 'append 100 in a batch', run: (service) => appends(service, service.amount, 100, 1) },
  { name: 'append 1,000 in a batch', run: (service) => appends(service, Math.ceil(service.amount / 4), 1000, 1) },
  { name: 'poll at the end, nothing new', run: idlePolls },
  { name: 'poll that finds 1 segment (100 messages)', run: (service) => followingPolls(service, 100) },
  { name: 'poll that finds 1 segment (1 message)', run: (service) => followingPolls(service, 1) },
  { name: 'page of 1,000 from the start, segments of 100', run: catchUpPages }
]

export const storageCalls: Scenario = {
  name: 'storage-calls',
  title: 'Calls to S3 and DynamoDB, and their price',
  async run (options): Promise<ScenarioResult> {
    const outcomes = await withLocalstack((storage) => countAll(storage, options))
    if (outcomes === undefined) throw new Skipped('no Docker and no TEST_LOCALSTACK_ENDPOINT')
    const named = (name: string) => [...outcomes].find(([one]) => one.name.startsWith(name))?.[1]
    return {
      notes: [
        `Every HTTP request of the SDK to LocalStack is counted, retries included. Messages have ${messageBytes} bytes. The writer and ` +
        'the reader are two instances of the service that share no cache.',
        pricesNote
      ],
      tables: [{
        caption: 'Calls per request to the service',
        columns: ['', ...operations, 'messages', '$ a million requests', '$ a million messages'],
        ...rowsOf(outcomes, (results) => {
          const { calls, requests, messages } = results[0]!
          return [
            ...operations.map((operation) => number((calls[operation] ?? 0) / requests)),
            number(messages / requests),
            number(dollars(calls) / requests * 1e6),
            messages === 0 ? '–' : number(dollars(calls) / messages * 1e6)
          ]
        })
      }],
      figures: figuresOf(named),
      raw: rawOf(outcomes)
    }
  }
}

function figuresOf (named: (name: string) => Outcome<Counted> | undefined): Figure[] {
  const perRequest = (name: string, ...of: string[]): number[] =>
    named(name)?.results.map(({ calls, requests }) => of.reduce((sum, operation) => sum + (calls[operation] ?? 0), 0) / requests) ?? []
  const figure = (what: string, goal: number, values: number[], unit = 'calls'): Figure => ({ what, bound: 'at most', goal, unit, values })
  const batch = 'append 100'
  const follow = 'poll that finds 1 segment (100'
  return [
    figure('append of a batch: UpdateItem', 1, perRequest(batch, 'UpdateItem')),
    figure('append of a batch: PutObject', 1, perRequest(batch, 'PutObject')),
    figure('append of a batch: anything else', 0, perRequest(batch, 'GetItem', 'GetObject', 'ListObjectsV2')),
    figure('idle poll: GetItem', 1, perRequest('poll at the end', 'GetItem')),
    figure('idle poll: anything else', 0, perRequest('poll at the end', 'UpdateItem', 'PutObject', 'GetObject', 'ListObjectsV2')),
    figure('following poll that finds 1 segment: GetItem', 1, perRequest(follow, 'GetItem')),
    figure('following poll that finds 1 segment: GetObject', 2, perRequest(follow, 'GetObject')),
    figure('following poll that finds 1 segment: anything else', 0, perRequest(follow, 'UpdateItem', 'PutObject', 'ListObjectsV2')),
    figure('a million messages of 1 KB in batches of 100', 0.06,
      named(batch)?.results.map(({ calls, messages }) => dollars(calls) / messages * 1e6) ?? [], '$')
  ]
}

async function countAll (storage: Storage, options: Options): Promise<Map<Case, Outcome<Counted>>> {
  let topics = 0
  const writer = new CountedService(storage)
  const reader = new CountedService(storage)
  try {
    return await interleaved(Math.min(options.rounds, 3), cases, (one) => {
      topics++
      return one.run({ writer, reader, topic: `bench-${topics}`, amount: options.quick ? 20 : 100 })
    })
  } finally {
    await writer.close()
    await reader.close()
  }
}

async function appends ({ writer, topic }: Service, requests: number, batch: number, atOnce: number): Promise<Counted> {
  const messages = payloads(batch)
  let left = requests
  const calls = await writer.count(async () => {
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await writer.append(topic, messages)
    }))
  })
  return { calls, requests, messages: requests * batch }
}

async function idlePolls ({ writer, reader, topic, amount }: Service): Promise<Counted> {
  await writer.append(topic, [payload(1)])
  const { next_offset: next } = await reader.poll(topic, 1)
  const calls = await reader.count(async () => {
    for (let poll = 0; poll < amount; poll++) await reader.poll(topic, next)
  })
  return { calls, requests: amount, messages: 0 }
}

/** The reader goes on where it stopped, each time after one more segment was written by another process. */
async function followingPolls ({ writer, reader, topic, amount }: Service, batch: number): Promise<Counted> {
  const messages = payloads(batch)
  await writer.append(topic, messages)
  let { next_offset: next } = await reader.poll(topic, 1)
  let found = 0
  const calls = await reader.count(async () => {
    for (let poll = 0; poll < amount; poll++) {
      await writer.append(topic, messages)
      const page = await reader.poll(topic, next)
      found += page.messages.length
      next = page.next_offset
    }
  })
  if (found !== amount * batch) throw new Error(`${found} messages in ${amount} polls of ${batch}`)
  return { calls, requests: amount, messages: found }
}

async function catchUpPages ({ writer, reader, topic, amount }: Service): Promise<Counted> {
  const messages = payloads(100)
  const segments = Math.ceil(amount / 10) * 10
  for (let segment = 0; segment < segments; segment++) await writer.append(topic, messages)
  let requests = 0
  const calls = await reader.count(async () => {
    for (let next = 1; next <= segments * 100; requests++) next = (await reader.poll(topic, next)).next_offset
  })
  return { calls, requests, messages: segments * 100 }
}
