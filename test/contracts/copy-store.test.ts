import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createDynamoClient } from '../../src/adapters/dynamodb/client.ts'
import { createDynamoCopyStore } from '../../src/adapters/dynamodb/copy-store.ts'
import { createDynamoGroupStore } from '../../src/adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from '../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTokenStore } from '../../src/adapters/dynamodb/token-store.ts'
import { createDynamoTopicStore } from '../../src/adapters/dynamodb/topic-store.ts'
import { createMemoryCopyStore, memoryItems } from '../../src/adapters/memory/copy-store.ts'
import { createMemoryGroupStore } from '../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTokenStore } from '../../src/adapters/memory/token-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import type { SegmentRestore } from '../../src/ports/copy-store.ts'
import type { SegmentStore } from '../../src/ports/segment-store.ts'
import { localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { openStore } from '../support/storage/sqlite.ts'
import { copyStoreContract } from './copy-store.contract.ts'

copyStoreContract('memory', () => {
  const items = memoryItems()
  return {
    copies: createMemoryCopyStore(items),
    topics: createMemoryTopicStore(Date.now, items.topics),
    groups: createMemoryGroupStore(Date.now, items.groups),
    records: createMemoryRecordStore(items.records),
    tokens: createMemoryTokenStore(items.tokens)
  }
})
copyStoreContract('sqlite', (t) => openStore(t, undefined, { forCopy: true }))
copyStoreContract('DynamoDB (LocalStack)', async (t) => {
  const { settings, table } = await localstack(t)
  const client = createDynamoClient(settings)
  t.after(() => { client.destroy() })
  const tableSettings = { client, table }
  return {
    copies: createDynamoCopyStore(tableSettings),
    topics: createDynamoTopicStore(tableSettings),
    groups: createDynamoGroupStore(tableSettings),
    records: createDynamoRecordStore(tableSettings),
    tokens: createDynamoTokenStore(tableSettings)
  }
}, { skip: withoutLocalstack })

type Restorable = SegmentStore & SegmentRestore
type OpenRestorable = (t: TestContext) => Promise<Restorable> | Restorable
const stores: Array<[name: string, keepsTime: boolean, open: OpenRestorable, skip: string | false]> = [
  ['memory', true, () => createMemorySegmentStore(), false],
  ['sqlite', true, (t) => openStore(t).segments, false],
  ['S3 (LocalStack)', false, async (t) => {
    const { settings, bucket } = await localstack(t)
    const store = createS3SegmentStore({ ...settings, bucket })
    t.after(() => { store.close() })
    return store
  }, withoutLocalstack]
]

for (const [name, keepsTime, open, skip] of stores) {
  test(`${name} restores segments as they were`, { skip }, async (t) => {
    const store = await open(t)
    const object = {
      body: Buffer.from([0, 1, 255]), contentType: 'application/x-ndjson', contentEncoding: 'zstd', metadata: { first: '1', writer: 'w' }
    }
    const [long, future] = [Date.now() - 1e9, Date.now() + 1e9]
    assert.equal(await store.restore('t', 7, object, long), 'created')
    assert.equal(await store.restore('t', 7, { ...object, body: Buffer.from('other') }, long), 'exists')
    assert.equal(await store.restore('t', 8, object, future), 'created')
    const found = await store.get('t', 7)
    assert.deepEqual({ ...found, body: Buffer.from(found!.body) }, object)
    const { entries: [first, second], now } = await store.list('t', 1, 10)
    assert.deepEqual([first?.lastOffset, first?.size, second?.lastOffset], [7, 3, 8])
    assert.equal(first?.lastModified === long, keepsTime)
    assert.ok(second!.lastModified <= now, 'no stored time is in the future')
  })
}
