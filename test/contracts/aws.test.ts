import { createDynamoClient, createDynamoOffsetCounter } from '../../src/adapters/dynamodb/offset-counter.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { callsContract } from './calls.contract.ts'
import { offsetCounterContract } from './offset-counter.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'

segmentStoreContract('S3 (LocalStack)', async (t) => {
  const { settings, bucket } = await localstack(t)
  const store = createS3SegmentStore({ ...settings, bucket })
  t.after(() => { store.close() })
  return store
}, { io: true, skip: withoutLocalstack })

offsetCounterContract('DynamoDB (LocalStack)', async (t) => {
  const { settings, table } = await localstack(t)
  const client = createDynamoClient(settings)
  t.after(() => { client.destroy() })
  return createDynamoOffsetCounter({ client, table })
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
  return { segments, counter: createDynamoOffsetCounter({ client, table }) }
}, { skip: withoutLocalstack })
