import {
  CreateTableCommand, DescribeTableCommand, DescribeTimeToLiveCommand, ResourceInUseException, UpdateTableCommand, UpdateTimeToLiveCommand,
  waitUntilTableExists, type DynamoDBClient, type TableDescription
} from '@aws-sdk/client-dynamodb'
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTRIBUTE_DEFINITIONS, TABLE_INDEXES, tableDefinition, TTL_ATTRIBUTE } from '../src/adapters/dynamodb/table.ts'

const POLL_MS = 1_000

/** Creates the table, or adds what an older one lacks. Returns when it is ready to use. */
export async function createTable (client: DynamoDBClient, TableName: string, log: (line: string) => void): Promise<void> {
  try {
    await client.send(new CreateTableCommand(tableDefinition(TableName)))
    log(`table ${TableName}: created`)
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
    log(`table ${TableName}: exists`)
  }
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 2 }, { TableName })
  await addIndexes(client, await ready(client, TableName), log)
  await enableExpiry(client, TableName, log)
}

/** Waits until the table and its indexes can be used. Filling the index of a large table can take hours. */
async function ready (client: DynamoDBClient, TableName: string): Promise<TableDescription> {
  for (;;) {
    const { Table = {} } = await client.send(new DescribeTableCommand({ TableName }))
    const { TableStatus, GlobalSecondaryIndexes = [] } = Table
    if ([TableStatus, ...GlobalSecondaryIndexes.map(({ IndexStatus }) => IndexStatus)].every((status) => status === 'ACTIVE')) return Table
    await sleep(POLL_MS)
  }
}

async function addIndexes (client: DynamoDBClient, table: TableDescription, log: (line: string) => void): Promise<void> {
  const { TableName, GlobalSecondaryIndexes = [], BillingModeSummary, ProvisionedThroughput } = table
  // A table with provisioned capacity wants it for each index, too.
  const provisioned = BillingModeSummary?.BillingMode !== 'PAY_PER_REQUEST' && {
    ProvisionedThroughput: {
      ReadCapacityUnits: ProvisionedThroughput?.ReadCapacityUnits, WriteCapacityUnits: ProvisionedThroughput?.WriteCapacityUnits
    }
  }
  for (const index of TABLE_INDEXES) {
    if (GlobalSecondaryIndexes.some(({ IndexName }) => IndexName === index.IndexName)) continue
    log(`table ${TableName}: adding the index ${index.IndexName}`)
    await client.send(new UpdateTableCommand({
      TableName,
      AttributeDefinitions: ATTRIBUTE_DEFINITIONS,
      GlobalSecondaryIndexUpdates: [{ Create: { ...index, ...provisioned } }]
    }))
    await ready(client, TableName!)
    log(`table ${TableName}: index ${index.IndexName} is active`)
  }
}

async function enableExpiry (client: DynamoDBClient, TableName: string, log: (line: string) => void): Promise<void> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
  const { TimeToLiveStatus = 'DISABLED', AttributeName } = TimeToLiveDescription ?? {}
  if (TimeToLiveStatus === 'DISABLED') {
    const TimeToLiveSpecification = { AttributeName: TTL_ATTRIBUTE, Enabled: true }
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
    log(`table ${TableName}: time to live of the attribute ${TTL_ATTRIBUTE} enabled`)
  } else if (AttributeName !== TTL_ATTRIBUTE) {
    const expected = `expected time to live of the attribute ${TTL_ATTRIBUTE}`
    throw new Error(`table ${TableName}: ${expected}, got ${AttributeName} (${TimeToLiveStatus})`)
  }
}
