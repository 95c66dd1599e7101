/** The black-box suite on the bucket and the table of a deployed data stack: DATA_OUTPUTS is the file of `cdk deploy --outputs-file`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DescribeTableCommand, DescribeTimeToLiveCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { GetBucketPolicyCommand, GetPublicAccessBlockCommand, S3Client } from '@aws-sdk/client-s3'
import { httpSuite } from '../../test/http/http.suite.ts'
import { startServer } from '../../test/support/processes/server.ts'

const { ServerlessStreamsData: { BucketName: bucket, TableName: table } } = JSON.parse(
  readFileSync(process.env['DATA_OUTPUTS']!, 'utf8')
) as { ServerlessStreamsData: { BucketName: string, TableName: string } }

/** Of the environment what a server needs to reach the same place as the deployment. */
const reach = Object.fromEntries(['AWS_REGION', 'AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
  .map((name) => [name, process.env[name]!]))

httpSuite('a server on a deployed bucket and table', (t) => startServer(t, { ...reach, BUCKET_NAME: bucket, COUNTERS_TABLE: table }), {
  offers: { metrics: true }
})

test('bucket and table have what the emulator applies of their template', async (t) => {
  const s3 = new S3Client({ forcePathStyle: true })
  const dynamo = new DynamoDBClient()
  t.after(() => { s3.destroy(); dynamo.destroy() })
  const { Policy = '' } = await s3.send(new GetBucketPolicyCommand({ Bucket: bucket }))
  assert.match(Policy, /"WriteOnce"/)
  const { PublicAccessBlockConfiguration } = await s3.send(new GetPublicAccessBlockCommand({ Bucket: bucket }))
  assert.equal(PublicAccessBlockConfiguration?.RestrictPublicBuckets, true)
  const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: table }))
  assert.deepEqual(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName), ['topics'])
  const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName: table }))
  assert.deepEqual(TimeToLiveDescription, { AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' })
})
