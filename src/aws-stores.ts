import type { AwsStorage } from './app/config.ts'

export interface AwsStoresOptions {
  /** Gets what an operator should change about the table, in words. */
  readonly warn?: (text: string) => void
  /** Gets the units that calls to the table have consumed. */
  readonly onUnits?: ((kind: 'read' | 'write', units: number) => void) | undefined
}

/** All stores on S3 and DynamoDB. Loads the AWS SDK, which takes longer than everything else. */
export async function openAwsStores ({ bucket, table, region, s3Endpoint, dynamoEndpoint }: AwsStorage, options: AwsStoresOptions = {}) {
  const { warn, onUnits } = options
  const [
    { createS3SegmentStore }, { createDynamoClient }, { createDynamoTopicStore }, { createDynamoRecordStore },
    { createDynamoGroupStore }, { createDynamoTokenStore }
  ] = await Promise.all([
    import('./adapters/s3/segment-store.ts'), import('./adapters/dynamodb/client.ts'), import('./adapters/dynamodb/topic-store.ts'),
    import('./adapters/dynamodb/record-store.ts'), import('./adapters/dynamodb/group-store.ts'),
    import('./adapters/dynamodb/token-store.ts')
  ])
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
    close (): void {
      segments.close()
      client.destroy()
    }
  }
}
