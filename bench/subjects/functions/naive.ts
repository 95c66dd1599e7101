import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import awsLambdaFastify from '@fastify/aws-lambda'
import Fastify from 'fastify'

/* How such a function is mostly written: everything is imported and made at the top. It makes the same calls as ours. */
const { BUCKET_NAME: Bucket = '', COUNTERS_TABLE: TableName = '', BENCH_S3_KEY: Key = '' } = process.env
const s3 = new S3Client({})
const dynamo = new DynamoDBClient({})
const app = Fastify()

app.get('/health', { schema: { response: { 200: { type: 'object', properties: { status: { type: 'string' } } } } } }, async () => ({
  status: 'ok'
}))

app.post<{ Params: { topic: string }, Body: { payload: unknown } }>('/topics/:topic/produce', {
  schema: { body: { type: 'object', required: ['payload'], properties: { payload: {} } } }
}, async ({ params: { topic }, body }) => {
  const { Attributes } = await dynamo.send(new UpdateItemCommand({
    TableName,
    Key: { pk: { S: topic } },
    UpdateExpression: 'ADD current_offset :n',
    ExpressionAttributeValues: { ':n': { N: '1' } },
    ReturnValues: 'ALL_NEW'
  }))
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(body), IfNoneMatch: '*' }))
  return { topic, offset: Number(Attributes!['current_offset']!.N) }
})

app.get<{ Params: { topic: string } }>('/topics/:topic/consume', async ({ params: { topic } }) => {
  await dynamo.send(new GetItemCommand({ TableName, Key: { pk: { S: topic } }, ConsistentRead: true }))
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }))
  await Body!.transformToByteArray()
  return { messages: [] }
})

export const handler = awsLambdaFastify(app)
await app.ready()
