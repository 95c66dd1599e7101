import { createDynamoClient } from './adapters/dynamodb/client.ts'
import { createDynamoGroupStore } from './adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from './adapters/dynamodb/record-store.ts'
import { createDynamoTokenStore } from './adapters/dynamodb/token-store.ts'
import { createDynamoTopicStore } from './adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from './adapters/s3/segment-store.ts'
import type { AwsStorage } from './app/config.ts'

/* To be imported with `import()`: this loads the AWS SDK, which takes longer than everything else. */

export interface AwsStoresOptions {
  /** Gets what an operator should change about the table, in words. */
  readonly warn?: (text: string) => void
  /** Gets the units that calls to the table have consumed. */
  readonly onUnits?: ((kind: 'read' | 'write', units: number) => void) | undefined
}

export type AwsStores = ReturnType<typeof openAwsStores>

/** All stores on S3 and DynamoDB. */
export function openAwsStores ({ bucket, table, region, s3Endpoint, dynamoEndpoint }: AwsStorage, options: AwsStoresOptions = {}) {
  const { warn, onUnits } = options
  const segments = createS3SegmentStore({ region, endpoint: s3Endpoint, bucket })
  const client = createDynamoClient({ region, endpoint: dynamoEndpoint, onUnits })
  const settings = { client, table, ...warn === undefined ? {} : { warn } }
  return {
    /** Of the table. */
    client,
    segments,
    topics: createDynamoTopicStore(settings),
    records: createDynamoRecordStore(settings),
    groups: createDynamoGroupStore(settings),
    tokens: createDynamoTokenStore(settings),
    close: (): void => {
      segments.close()
      client.destroy()
    }
  }
}
