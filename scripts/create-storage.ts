/**
 * Creates the bucket and the table that the server needs, where they do not exist yet, and adds what an older table lacks:
 *
 *   BUCKET_NAME=… COUNTERS_TABLE=… node scripts/create-storage.ts
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  BucketAlreadyOwnedByYou, CreateBucketCommand, HeadBucketCommand, S3Client, type BucketLocationConstraint
} from '@aws-sdk/client-s3'
import { loadSettings } from '../src/app/config.ts'
import { createTable } from './create-table.ts'

const { storage } = loadSettings(process.env)
if (storage.kind !== 'aws') {
  console.error('BUCKET_NAME and COUNTERS_TABLE must be set')
  process.exit(1)
}
const { bucket, table, region, s3Endpoint, dynamoEndpoint } = storage

const dynamo = new DynamoDBClient(reached(dynamoEndpoint))
await Promise.all([createBucket(bucket), createTable(dynamo, table, (line) => { console.log(line) })])
dynamo.destroy()

function reached (endpoint: string | undefined): { region?: string, endpoint?: string } {
  return { ...region !== undefined && { region }, ...endpoint !== undefined && { endpoint } }
}

async function createBucket (Bucket: string): Promise<void> {
  const s3 = new S3Client({ ...reached(s3Endpoint), forcePathStyle: s3Endpoint !== undefined })
  try {
    // us-east-1 answers a second CreateBucket with success and other regions with an error; this says it for both.
    if (await exists(s3, Bucket)) {
      console.log(`bucket ${Bucket}: exists`)
      return
    }
    // The region that is S3's own default must not be named.
    const there = await s3.config.region()
    const CreateBucketConfiguration = there === 'us-east-1' ? undefined : { LocationConstraint: there as BucketLocationConstraint }
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }))
    console.log(`bucket ${Bucket}: created`)
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error
    console.log(`bucket ${Bucket}: exists`)
  } finally {
    s3.destroy()
  }
}

async function exists (s3: S3Client, Bucket: string): Promise<boolean> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket }))
    return true
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false
    throw error
  }
}
