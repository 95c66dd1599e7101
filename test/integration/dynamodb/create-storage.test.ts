import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DeleteTableCommand, DescribeTableCommand, DescribeTimeToLiveCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { createDynamoRecordStore } from '../../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { reserve, WRITER_NOW } from '../../support/storage/items.ts'
import { dynamoTable, olderTable } from '../../support/storage/dynamo.ts'
import { environmentOf, withoutLocalstack, type Localstack } from '../../support/storage/localstack.ts'

const script = fileURLToPath(new URL('../../../scripts/create-storage.ts', import.meta.url))

/** @returns what the script says of the table */
async function createStorage (storage: Localstack, table: string): Promise<string[]> {
  const env = { ...process.env, NODE_OPTIONS: '', ...environmentOf({ ...storage, table }) }
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env })
  return stdout.split('\n').filter((line) => line.startsWith('table')).map((line) => line.replace(`table ${table}: `, ''))
}

describe('the script that creates the storage', { skip: withoutLocalstack }, () => {
  test('creates a table with the index and the expiry of records, once', async (t) => {
    const { storage, dynamo, table: existing } = await dynamoTable(t)
    const table = `${existing}-new`
    t.after(() => dynamo.send(new DeleteTableCommand({ TableName: table })))
    assert.deepEqual(await createStorage(storage, table), ['created', 'time to live of the attribute ttl enabled'])
    assert.deepEqual(await createStorage(storage, table), ['exists'])
    const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: table }))
    const [index, ...others] = Table!.GlobalSecondaryIndexes!
    assert.equal(others.length, 0)
    assert.deepEqual([index!.IndexName, index!.KeySchema, index!.Projection], [
      'topics', [{ AttributeName: 'kind', KeyType: 'HASH' }, { AttributeName: 'pk', KeyType: 'RANGE' }], { ProjectionType: 'KEYS_ONLY' }
    ])
    const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName: table }))
    assert.deepEqual(TimeToLiveDescription, { AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' })
  })

  for (const billing of ['PAY_PER_REQUEST', 'PROVISIONED'] as const) {
    test(`adds to an older table (${billing}) what it lacks`, async (t) => {
      const { storage, dynamo, table } = await olderTable(t, billing)
      assert.deepEqual(await createStorage(storage, table), [
        'exists', 'adding the index topics', 'index topics is active', 'time to live of the attribute ttl enabled'
      ])
      assert.deepEqual(await createStorage(storage, table), ['exists'])
      const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: table }))
      const { ReadCapacityUnits, WriteCapacityUnits } = Table!.GlobalSecondaryIndexes![0]!.ProvisionedThroughput!
      assert.deepEqual([ReadCapacityUnits, WriteCapacityUnits], billing === 'PROVISIONED' ? [7, 5] : [0, 0])
    })
  }

  test('until it has run, topics are listed from the whole table', async (t) => {
    const { storage, settings, attempts, table, dynamo } = await olderTable(t)
    const warnings: string[] = []
    const store = createDynamoTopicStore({ ...settings, warn: (text) => { warnings.push(text) } })
    const names = Array.from({ length: 30 }, (_, i) => `t${i}`)
    for (const name of names) await reserve(store, name, 1)
    await store.configure('t', null, undefined, { now: WRITER_NOW })
    await store.markDeleted('t7', 1)
    const records = createDynamoRecordStore(settings)
    await records.replace({ kind: 'producer', topic: 't', id: 'p' }, { last: 1, text: '' }, null, { expiresAtMs: 1 })
    // Not a topic, whatever it is.
    await dynamo.send(new PutItemCommand({ TableName: table, Item: { pk: { S: 'some#thing' }, current_offset: { N: '1' } } }))
    const sorted = ['t', ...names.filter((name) => name !== 't7')].toSorted()

    attempts.length = 0
    const pages: string[] = []
    for (let truncated = true; truncated;) {
      const page = await store.list(pages.at(-1) ?? '', 7)
      assert.ok(page.topics.length <= 7)
      pages.push(...page.topics)
      truncated = page.truncated
    }
    assert.deepEqual(pages, sorted)
    assert.deepEqual(attempts, Array.from({ length: 5 }, () => ['Query', 'Scan']).flat())
    assert.deepEqual(warnings, [
      `The table "${table}" lacks the index "topics" (partition key kind, sort key pk, both strings, KEYS_ONLY), so each list of topics ` +
      'reads the whole table: run scripts/create-storage.ts, which adds it'
    ])

    await createStorage(storage, table)
    attempts.length = 0
    assert.deepEqual(await store.list('', 100), { topics: sorted, truncated: false })
    assert.deepEqual(attempts, ['Query'], 'without a restart')
  })
})
