import { createDynamoClient } from '../../src/adapters/dynamodb/client.ts'
import { createDynamoGroupStore } from '../../src/adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from '../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { noAuthenticator } from '../../src/app/access/authenticator.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { preparedAtStart } from '../../src/app/prepared.ts'
import { createCatalog, type Catalog, type Swept } from '../../src/domain/catalog/catalog.ts'
import { createGroups } from '../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../src/domain/limits.ts'
import { createLog } from '../../src/domain/log/log.ts'

export interface Storage {
  readonly settings: {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string, readonly secretAccessKey: string }
  }
  readonly bucket: string
  readonly table: string
}

export interface Appended { readonly offset: number, readonly duplicate?: true }
export interface Polled { readonly messages: ReadonlyArray<{ readonly timestamp: number }>, readonly next_offset: number }

/** By name of the operation, every HTTP request to the storage, the SDK's retries included. */
export type Calls = Readonly<Record<string, number>>

/** What requests to the service have cost. */
export interface Cost {
  readonly calls: Calls
  /**
   * DynamoDB's units, as its answers tell them: they depend on the size of the items. A write that is refused by its condition is
   * counted as one unit, since its answer does not tell.
   */
  readonly readUnits: number
  readonly writeUnits: number
}

/** The whole service on S3 and DynamoDB, without a socket of its own: one process of many, with its own cache and counters. */
export class CountedService {
  readonly #calls: Record<string, number> = {}
  readonly #units = { read: 0, write: 0 }
  readonly #catalog: Catalog
  readonly #app: ReturnType<typeof buildApp>
  readonly #close: () => Promise<void>

  constructor ({ settings, bucket, table }: Storage) {
    const onAttempt = (operation: string): void => { this.#calls[operation] = (this.#calls[operation] ?? 0) + 1 }
    const segments = createS3SegmentStore({ ...settings, bucket, onAttempt })
    const client = createDynamoClient({ ...settings, onAttempt, onUnits: (kind, units) => { this.#units[kind] += units } })
    const topics = createDynamoTopicStore({ client, table })
    const records = createDynamoRecordStore({ client, table })
    const stores = { segments, topics, records, clock: systemClock }
    const log = createLog({ ...stores, compression: 'zstd' })
    const catalog = this.#catalog = createCatalog({
      ...stores,
      retention: {},
      raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
      resolveClosing: (topic, item) => log.isClosed(topic, item)
    })
    const groups = createGroups({ ...stores, store: createDynamoGroupStore({ client, table }), log })
    this.#app = buildApp({ log, catalog, groups, limits: defaultLimits, checks: [], authenticator: noAuthenticator, ...preparedAtStart() })
    this.#close = async () => {
      await this.#app.close()
      await log.close()
      segments.close()
      client.destroy()
    }
  }

  /** @param conditions members beside the payload, such as `producer` @param headers such as `idempotency-key` */
  append (
    topic: string, payloads: readonly string[], conditions: object = {}, headers: Readonly<Record<string, string>> = {}
  ): Promise<Appended> {
    const messages = payloads.length === 1
      ? `"payload":${payloads[0]}`
      : `"messages":[${payloads.map((payload) => `{"payload":${payload}}`).join(',')}]`
    const members = JSON.stringify(conditions).slice(1, -1)
    return this.request('POST', `/topics/${topic}/produce`, `{${messages}${members === '' ? '' : `,${members}`}}`, headers)
  }

  poll (topic: string, from: number | 'latest' | { readonly timestamp: number }, limit = 1000): Promise<Polled> {
    const position = typeof from === 'object' ? `timestamp=${from.timestamp}` : `offset=${from}`
    return this.request('GET', `/topics/${topic}/consume?${position}&limit=${limit}`)
  }

  /** @returns the answer's body, from JSON */
  async request<Answer> (
    method: 'GET' | 'PUT' | 'POST', url: string, payload?: string, headers: Readonly<Record<string, string>> = {}
  ): Promise<Answer> {
    const answer = await this.#app.inject({
      method, url, ...payload !== undefined && { payload, headers: { 'content-type': 'application/json', ...headers } }
    })
    if (answer.statusCode >= 300) throw new Error(`${method} ${url} was answered with ${answer.statusCode}: ${answer.body.slice(0, 500)}`)
    return JSON.parse(answer.body) as Answer
  }

  /** @param after only topics above this name are looked at */
  sweep (after: string): Promise<Swept> {
    return this.#catalog.sweep({ after })
  }

  /** The cost of what `work` does. */
  async count (work: () => Promise<void>): Promise<Cost> {
    const before = { ...this.#calls }
    const units = { ...this.#units }
    await work()
    const made = Object.entries(this.#calls).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
    return {
      calls: Object.fromEntries(made.filter(([, count]) => count !== 0)),
      readUnits: this.#units.read - units.read,
      writeUnits: this.#units.write - units.write
    }
  }

  close (): Promise<void> {
    return this.#close()
  }
}

/** The sum of several services' costs. */
export function sumOf (costs: readonly Cost[]): Cost {
  const calls: Record<string, number> = {}
  for (const cost of costs) for (const [name, count] of Object.entries(cost.calls)) calls[name] = (calls[name] ?? 0) + count
  const sum = (value: (cost: Cost) => number): number => costs.reduce((total, cost) => total + value(cost), 0)
  return { calls, readUnits: sum(({ readUnits }) => readUnits), writeUnits: sum(({ writeUnits }) => writeUnits) }
}
