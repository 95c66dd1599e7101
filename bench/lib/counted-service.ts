import { createDynamoClient } from '../../src/adapters/dynamodb/client.ts'
import { createDynamoRecordStore } from '../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../src/adapters/dynamodb/topic-store.ts'
import { createMemoryGroupStore } from '../../src/adapters/memory/group-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { createCatalog } from '../../src/domain/catalog/catalog.ts'
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

/** By name of the operation, every HTTP request to the storage, the SDK's retries included. */
export type Calls = Readonly<Record<string, number>>

/** The whole service on S3 and DynamoDB, without a socket of its own: one process of many, with its own cache and counters. */
export class CountedService {
  readonly #calls: Record<string, number> = {}
  readonly #app: ReturnType<typeof buildApp>
  readonly #close: () => Promise<void>

  constructor ({ settings, bucket, table }: Storage) {
    const onAttempt = (operation: string): void => { this.#calls[operation] = (this.#calls[operation] ?? 0) + 1 }
    const segments = createS3SegmentStore({ ...settings, bucket, onAttempt })
    const client = createDynamoClient({ ...settings, onAttempt })
    const topics = createDynamoTopicStore({ client, table })
    const records = createDynamoRecordStore({ client, table })
    const stores = { segments, topics, records, clock: systemClock }
    const log = createLog({ ...stores, compression: 'zstd' })
    const catalog = createCatalog({
      ...stores,
      retention: {},
      raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
      resolveClosing: (topic, item) => log.isClosed(topic, item)
    })
    const groups = createGroups({ ...stores, store: createMemoryGroupStore(), log })
    this.#app = buildApp({ log, catalog, groups, limits: defaultLimits, checks: [] })
    this.#close = async () => {
      await this.#app.close()
      await log.close()
      segments.close()
      client.destroy()
    }
  }

  async append (topic: string, payloads: readonly string[]): Promise<void> {
    const body = payloads.length === 1
      ? `{"payload":${payloads[0]}}`
      : `{"messages":[${payloads.map((payload) => `{"payload":${payload}}`).join(',')}]}`
    const answer = await this.#app.inject({
      method: 'POST',
      url: `/topics/${topic}/produce`,
      headers: { 'content-type': 'application/json' },
      payload: body
    })
    if (answer.statusCode !== 200) throw new Error(`append: ${answer.body}`)
  }

  async poll (topic: string, offset: number | 'latest', limit = 1000): Promise<{ messages: unknown[], next_offset: number }> {
    const answer = await this.#app.inject({ url: `/topics/${topic}/consume?offset=${offset}&limit=${limit}` })
    if (answer.statusCode !== 200) throw new Error(`poll: ${answer.body}`)
    return JSON.parse(answer.body) as { messages: unknown[], next_offset: number }
  }

  /** The calls that `work` made. */
  async count (work: () => Promise<void>): Promise<Calls> {
    const before = { ...this.#calls }
    await work()
    const made = Object.entries(this.#calls).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
    return Object.fromEntries(made.filter(([, count]) => count !== 0))
  }

  close (): Promise<void> {
    return this.#close()
  }
}
