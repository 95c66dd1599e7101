import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import {
  CreateTableCommand, DeleteTableCommand, GetItemCommand, PutItemCommand, UpdateItemCommand, type AttributeValue
} from '@aws-sdk/client-dynamodb'
import { createDynamoClient, createDynamoOffsetCounter } from '../../../src/adapters/dynamodb/offset-counter.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { scriptedServer, type ScriptedAnswer } from '../../support/storage/scripted-server.ts'

const NOW = 1_702_000_000_123

async function opened (t: TestContext) {
  const { settings, dynamo, table } = await localstack(t)
  const client = createDynamoClient(settings)
  t.after(() => { client.destroy() })
  return {
    client,
    dynamo,
    table,
    counter: createDynamoOffsetCounter({ client, table }),
    put: async (item: Record<string, AttributeValue>) => dynamo.send(new PutItemCommand({ TableName: table, Item: item })),
    item: async (pk: string) => (await dynamo.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk } } }))).Item
  }
}

async function scripted (t: TestContext, answers: readonly ScriptedAnswer[]) {
  const server = await scriptedServer(t, answers)
  const attempts: string[] = []
  const client = createDynamoClient({
    endpoint: server.endpoint,
    region: 'eu-north-1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
    onAttempt: (operation) => { attempts.push(operation) }
  })
  t.after(() => { client.destroy() })
  return { counter: createDynamoOffsetCounter({ client, table: 'table' }), requests: server.requests, attempts }
}

async function failureOf (call: Promise<unknown>): Promise<{ failure: string, message: string }> {
  const error = await call.then(() => new Error('the call did not fail'), (error: unknown) => error)
  assert.ok(error instanceof StoreError, String(error))
  return { failure: `${error.failure} ${error.effect}`, message: error.message }
}

describe('a table shared with other implementations', { skip: withoutLocalstack }, () => {
  test('a counter with nothing but its number is read and continued', async (t) => {
    const { counter, put } = await opened(t)
    await put({ pk: { S: 'orders' }, current_offset: { N: '41' } })
    assert.deepEqual(await counter.read('orders'), {
      currentOffset: 41,
      writerReservedAtMs: undefined,
      earliest: 1,
      deletedAtOffset: undefined
    })
    await counter.correctReservedAt('orders', { currentOffset: 41, reservedAtMs: NOW })
    assert.equal((await counter.read('orders'))?.writerReservedAtMs, NOW)
    const { first, last } = await counter.reserve('orders', 2, { now: NOW })
    assert.deepEqual([first, last], [42, 43])
  })

  test('our items count on when they add to them', async (t) => {
    const { counter, dynamo, table } = await opened(t)
    await counter.reserve('orders', 5, { now: NOW })
    const { Attributes } = await dynamo.send(new UpdateItemCommand({
      TableName: table,
      Key: { pk: { S: 'orders' } },
      UpdateExpression: 'ADD current_offset :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
      ReturnValues: 'UPDATED_NEW'
    }))
    assert.deepEqual(Attributes, { current_offset: { N: '6' } })
  })

  test('the item has the attributes of the layout, and keeps those of others', async (t) => {
    const { counter, put, item } = await opened(t)
    await put({ pk: { S: 'orders' }, config: { S: '{"retention_ms":1}' } })
    assert.deepEqual(await counter.read('orders'), {
      currentOffset: 0,
      writerReservedAtMs: undefined,
      earliest: 1,
      deletedAtOffset: undefined
    })
    await counter.reserve('orders', 2, { now: NOW })
    await counter.reserve('orders', 1, { now: NOW + 5 })
    await counter.raiseEarliest('orders', 3)
    await counter.markDeleted('orders', 3)
    assert.deepEqual(await item('orders'), {
      pk: { S: 'orders' },
      config: { S: '{"retention_ms":1}' },
      kind: { S: 'topic' },
      current_offset: { N: '3' },
      created_at: { N: String(NOW) },
      reserved_at: { N: String(NOW + 5) },
      earliest: { N: '3' },
      deleted_at: { N: '3' }
    })
  })

  test('numbers that a double can\'t hold are refused, not rounded', async (t) => {
    const { counter, put } = await opened(t)
    for (const current of [{ N: '9007199254740992' }, { N: '1.5' }, { S: '12' }]) {
      await put({ pk: { S: 'orders' }, current_offset: current })
      const failed = await failureOf(counter.read('orders'))
      assert.equal(failed.failure, 'misconfigured unknown')
      assert.match(failed.message, /^current_offset of topic orders is /)
    }
    await put({ pk: { S: 'orders' }, current_offset: { N: '9007199254740990' } })
    assert.equal((await counter.reserve('orders', 1, { now: NOW })).last, Number.MAX_SAFE_INTEGER)
    assert.equal((await failureOf(counter.reserve('orders', 1, { now: NOW }))).failure, 'misconfigured unknown')
  })
})

describe('a table that is not ready', { skip: withoutLocalstack }, () => {
  test('is named with what to create, by every call', async (t) => {
    const { client } = await opened(t)
    const counter = createDynamoOffsetCounter({ client, table: 'no-such-table' })
    const calls = [
      () => counter.check(),
      () => counter.read('t'),
      () => counter.reserve('t', 1, { now: NOW }),
      () => counter.raiseEarliest('t', 2),
      () => counter.markDeleted('t', 2)
    ]
    for (const call of calls) {
      const { failure, message } = await failureOf(call())
      assert.equal(failure, 'misconfigured none')
      assert.match(message,
        /^the table "no-such-table" does not exist: create it with the partition key pk \(string\), or set COUNTERS_TABLE/)
    }
  })

  test('because its key is another one', async (t) => {
    const { client, dynamo, table } = await opened(t)
    const other = `${table}-other`
    await dynamo.send(new CreateTableCommand({
      TableName: other,
      KeySchema: [{ AttributeName: 'topic', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'topic', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST'
    }))
    t.after(() => dynamo.send(new DeleteTableCommand({ TableName: other })))
    const { failure, message } = await failureOf(createDynamoOffsetCounter({ client, table: other }).check())
    assert.equal(failure, 'misconfigured none')
    assert.match(message, /must have the partition key pk \(string\) and no sort key/)
  })
})

describe('DynamoDB on the wire', () => {
  const reserved = {
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: '{"Attributes":{"current_offset":{"N":"5"}}}'
  }

  test('a reservation\'s time is that of DynamoDB\'s answer', async (t) => {
    const theirs = Date.parse('2031-05-06T07:08:09Z')
    const { counter } = await scripted(t, [{ ...reserved, date: theirs }])
    assert.deepEqual(await counter.reserve('t', 2, { now: NOW }), { first: 4, last: 5, reservedAtMs: theirs })
  })

  test('no time, no reservation', async (t) => {
    const { counter } = await scripted(t, [{ ...reserved, date: null }])
    assert.match((await failureOf(counter.reserve('t', 1, { now: NOW }))).message, /no valid Date header/)
  })

  test('an answer without the number is no reservation', async (t) => {
    for (const [body, got] of [
      ['{}', 'nothing'], ['{"Attributes":{}}', 'nothing'], ['{"Attributes":{"current_offset":{"N":"1"}}}', '1']
    ] as const) {
      const { counter } = await scripted(t, [{ ...reserved, body }])
      const { failure, message } = await failureOf(counter.reserve('t', 2, { now: NOW }))
      assert.equal(failure, 'misconfigured unknown')
      assert.equal(message, `current_offset of topic t: expected a number from 2 in the answer to UpdateItem, got ${got}`)
    }
  })

  test('the check demands a clock', async (t) => {
    const { counter } = await scripted(t, [{ status: 200, body: '{}', date: null }])
    assert.match((await failureOf(counter.check())).message, /no valid Date header/)
  })

  test('a slow answer is waited for as long as the caller says', async (t) => {
    const { counter } = await scripted(t, ['hang'])
    const started = performance.now()
    assert.equal((await failureOf(counter.reserve('t', 1, { now: NOW, signal: AbortSignal.timeout(200) }))).failure, 'timeout unknown')
    assert.ok(performance.now() - started < 2_000)
  })

  test('the state is read with strong consistency', async (t) => {
    const { counter, requests } = await scripted(t, [{ status: 200, body: '{}' }])
    assert.equal(await counter.read('t'), undefined)
    assert.deepEqual(JSON.parse(requests[0]!.body.toString()), { TableName: 'table', Key: { pk: { S: 't' } }, ConsistentRead: true })
  })
})
