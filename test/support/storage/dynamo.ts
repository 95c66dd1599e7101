import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import {
  CreateTableCommand, DeleteTableCommand, GetItemCommand, PutItemCommand, type AttributeValue, type BillingMode
} from '@aws-sdk/client-dynamodb'
import { createDynamoClient } from '../../../src/adapters/dynamodb/client.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { localstack } from './localstack.ts'
import { scriptedServer, type ScriptedAnswer } from './scripted-server.ts'

/** A table of the test's own on LocalStack, a client of the adapters that counts its requests, and the items as they are. */
export async function dynamoTable (t: TestContext) {
  const storage = await localstack(t)
  const { settings, dynamo, table } = storage
  const attempts: string[] = []
  const client = createDynamoClient({ ...settings, onAttempt: (operation) => { attempts.push(operation) } })
  t.after(() => { client.destroy() })
  return {
    storage,
    settings: { client, table },
    attempts,
    dynamo,
    table,
    put: async (item: Record<string, AttributeValue>) => dynamo.send(new PutItemCommand({ TableName: table, Item: item })),
    item: async (pk: string) => (await dynamo.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk } } }))).Item
  }
}

/** The same, as older versions made it: without the index. */
export async function olderTable (t: TestContext, billing: BillingMode = 'PAY_PER_REQUEST') {
  const opened = await dynamoTable(t)
  const { dynamo, settings: { client } } = opened
  const table = `${opened.table}-older`
  await dynamo.send(new CreateTableCommand({
    TableName: table,
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    BillingMode: billing,
    ...billing === 'PROVISIONED' && { ProvisionedThroughput: { ReadCapacityUnits: 7, WriteCapacityUnits: 5 } }
  }))
  t.after(() => dynamo.send(new DeleteTableCommand({ TableName: table })))
  return { ...opened, table, settings: { client, table } }
}

/** A table that answers as the script says. */
export async function scriptedTable (t: TestContext, answers: readonly ScriptedAnswer[]) {
  const { endpoint, requests } = await scriptedServer(t, answers)
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' }
  const client = createDynamoClient({ endpoint, region: 'eu-north-1', credentials })
  t.after(() => { client.destroy() })
  return { settings: { client, table: 'table' }, requests }
}

/** How the call failed: failure and effect, and the message. */
export async function failureOf (call: Promise<unknown>): Promise<{ failure: string, message: string }> {
  const error = await call.then(() => new Error('the call did not fail'), (error: unknown) => error)
  assert.ok(error instanceof StoreError, String(error))
  return { failure: `${error.failure} ${error.effect}`, message: error.message }
}
