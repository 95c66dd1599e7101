import type { TestContext } from 'node:test'
import { createDynamoClient, type TableSettings } from '../../src/adapters/dynamodb/client.ts'
import { createDynamoGroupStore } from '../../src/adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from '../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTokenStore } from '../../src/adapters/dynamodb/token-store.ts'
import { createDynamoTopicStore } from '../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { callsContract } from './calls.contract.ts'
import { groupStoreContract } from './group-store.contract.ts'
import { recordStoreContract } from './record-store.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'
import { tokenStoreContract } from './token-store.contract.ts'
import { topicStoreContract } from './topic-store.contract.ts'

segmentStoreContract('S3 (LocalStack)', async (t) => {
  const { settings, bucket } = await localstack(t)
  const store = createS3SegmentStore({ ...settings, bucket })
  t.after(() => { store.close() })
  return store
}, { io: true, skip: withoutLocalstack })

/** Two clients of one table. */
async function clients (t: TestContext) {
  const { settings, table } = await localstack(t)
  const both = [createDynamoClient(settings), createDynamoClient(settings)] as const
  t.after(() => { for (const client of both) client.destroy() })
  return both.map((client) => ({ client, table })) as [TableSettings, TableSettings]
}

topicStoreContract('DynamoDB (LocalStack)', async (t) => {
  const [one, other] = await clients(t)
  return [createDynamoTopicStore(one), createDynamoTopicStore(other)]
}, { io: true, skip: withoutLocalstack })

recordStoreContract('DynamoDB (LocalStack)', async (t) => {
  const [one, other] = await clients(t)
  return [createDynamoRecordStore(one), createDynamoRecordStore(other)]
}, { io: true, ownExpiry: true, skip: withoutLocalstack })

groupStoreContract('DynamoDB (LocalStack)', async (t) => {
  const [one, other] = await clients(t)
  return [createDynamoGroupStore(one), createDynamoGroupStore(other)]
}, { io: true, skip: withoutLocalstack })

tokenStoreContract('DynamoDB (LocalStack)', async (t) => {
  const [one, other] = await clients(t)
  return [createDynamoTokenStore(one), createDynamoTokenStore(other)]
}, { io: true, skip: withoutLocalstack })

// As they are on the wire.
callsContract('S3 and DynamoDB (LocalStack)', async (t, onAttempt) => {
  const { settings, bucket, table } = await localstack(t)
  const segments = createS3SegmentStore({ ...settings, bucket, onAttempt })
  const client = createDynamoClient({ ...settings, onAttempt })
  t.after(() => {
    segments.close()
    client.destroy()
  })
  const settingsOfTable = { client, table }
  return { segments, topics: createDynamoTopicStore(settingsOfTable), records: createDynamoRecordStore(settingsOfTable) }
}, { skip: withoutLocalstack })
