import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, paginateListObjectsV2, S3Client
} from '@aws-sdk/client-s3'
import { tableDefinition } from '../../../src/adapters/dynamodb/table.ts'

const endpoint = process.env['TEST_LOCALSTACK_ENDPOINT']

/** For the `skip` option of a test or suite: why it can't run here, or false. */
export const withoutLocalstack: string | false = endpoint === undefined ? 'no LocalStack (TEST_LOCALSTACK_ENDPOINT)' : false

export interface Localstack {
  /** What the adapters' settings need. */
  readonly settings: {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string, readonly secretAccessKey: string }
  }
  /** Bare clients, for what another implementation would do. */
  readonly s3: S3Client
  readonly dynamo: DynamoDBClient
  /** Fresh and empty. */
  readonly bucket: string
  readonly table: string
}

/**
 * A bucket and a table of the test's own on LocalStack, gone after it. A test that calls it has `{ skip: withoutLocalstack }`.
 */
export async function localstack (t: TestContext): Promise<Localstack> {
  if (endpoint === undefined) throw new Error(`${t.name}: a test on LocalStack must have { skip: withoutLocalstack }`)
  const settings = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
  const s3 = new S3Client({ ...settings, forcePathStyle: true })
  const dynamo = new DynamoDBClient(settings)
  const bucket = `test-${randomUUID()}`
  const table = `test-${randomUUID()}`
  t.after(async () => {
    await Promise.all([dropBucket(s3, bucket), dynamo.send(new DeleteTableCommand({ TableName: table }))])
    s3.destroy()
    dynamo.destroy()
  })
  await Promise.all([
    s3.send(new CreateBucketCommand({ Bucket: bucket })),
    dynamo.send(new CreateTableCommand(tableDefinition(table)))
  ])
  return { settings, s3, dynamo, bucket, table }
}

/** The same for a process of its own. */
export function environmentOf (
  { settings: { endpoint, region, credentials }, bucket, table }: Pick<Localstack, 'settings' | 'bucket' | 'table'>
): Record<string, string> {
  return {
    BUCKET_NAME: bucket,
    COUNTERS_TABLE: table,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey
  }
}

async function dropBucket (s3: S3Client, bucket: string): Promise<void> {
  for await (const { Contents } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket })) {
    const Objects = (Contents ?? []).map(({ Key }) => ({ Key }))
    if (Objects.length > 0) await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }))
  }
  await s3.send(new DeleteBucketCommand({ Bucket: bucket }))
}
