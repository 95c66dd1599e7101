import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CreateTableCommand, DeleteTableCommand, GetItemCommand, UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb'
import { createDynamoRecordStore } from '../../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { OPEN, plain, range, reserve, WRITER_NOW } from '../../support/storage/items.ts'
import { dynamoTable, failureOf, scriptedTable } from '../../support/storage/dynamo.ts'
import { withoutLocalstack } from '../../support/storage/localstack.ts'
import { dynamoError } from '../../support/storage/scripted-server.ts'

const now = { now: WRITER_NOW }
const N = (value: number): AttributeValue => ({ N: String(value) })
const conditionFailed = dynamoError(400, 'ConditionalCheckFailedException')
const S = (value: string): AttributeValue => ({ S: value })
const NO_DATE = /no valid Date header/

describe('a table of topics shared with other implementations', { skip: withoutLocalstack }, () => {
  test('an item with nothing but its offset is read and continued', async (t) => {
    const { settings, put } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await put({ pk: S('orders'), current_offset: N(41) })
    assert.deepEqual(plain(await store.read('orders')), { currentOffset: 41, earliest: 1, moves: 0, producers: {} })
    await store.correctReservedAt('orders', { currentOffset: 41, reservedAtMs: WRITER_NOW })
    assert.equal((await store.read('orders'))?.reservedAtMs, WRITER_NOW)
    const belief = { ...OPEN, exists: true, producers: new Map([['p', null]]), moves: 0, order: null, currentOffset: 41 } as const
    assert.deepEqual(range(await reserve(store, 'orders', 2, { producers: new Map([['p', 'P']]) }, belief)), [42, 43])
  })

  test('a time is only that of the reservation for which it was set, where a counter does not set it', async (t) => {
    const { settings, put, item, dynamo, table } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    const add = () => dynamo.send(new UpdateItemCommand({
      TableName: table,
      Key: { pk: S('orders') },
      UpdateExpression: 'ADD current_offset :one',
      ExpressionAttributeValues: { ':one': N(1) }
    }))
    const reservedAt = async (): Promise<number | undefined> => (await store.read('orders'))?.reservedAtMs
    await put({ pk: S('orders'), current_offset: N(4) })
    await store.correctReservedAt('orders', { currentOffset: 4, reservedAtMs: WRITER_NOW })
    await store.correctReservedAt('orders', { currentOffset: 4, reservedAtMs: WRITER_NOW + 1 })
    assert.equal(await reservedAt(), WRITER_NOW, 'a reader that comes later does not lengthen the wait')
    await add()
    assert.equal(await reservedAt(), undefined)
    await store.correctReservedAt('orders', { currentOffset: 5, reservedAtMs: WRITER_NOW + 2 })
    assert.equal(await reservedAt(), WRITER_NOW + 2)
    await add()
    await reserve(store, 'orders', 1, {}, OPEN, WRITER_NOW + 3)
    assert.equal(await reservedAt(), WRITER_NOW + 3)
    assert.equal((await item('orders'))?.['corrected_at'], undefined)
  })

  test('an item is counted on by those who only add to it', async (t) => {
    const { settings, dynamo, table } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await reserve(store, 'orders', 5, { producers: new Map([['p', 'P']]) })
    await dynamo.send(new UpdateItemCommand({
      TableName: table,
      Key: { pk: S('orders') },
      UpdateExpression: 'ADD current_offset :one',
      ExpressionAttributeValues: { ':one': N(1) }
    }))
    assert.equal((await store.reserve('orders', { count: 1 }, { ...OPEN, currentOffset: 5 }, now)).kind, 'refused')
    assert.deepEqual(range(await reserve(store, 'orders', 1, {}, { ...OPEN, producers: new Map([['p', 5]]) })), [7, 7])
  })

  test('the item has the attributes of the layout, and keeps those of others', async (t) => {
    const { settings, put, item } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await put({ pk: S('orders'), theirs: { L: [S('x')] } })
    assert.deepEqual(plain(await store.read('orders')), { currentOffset: 0, earliest: 1, moves: 0, producers: {} })
    await reserve(store, 'orders', 2, { producers: new Map([['p', 'P'], ['q#', 'Q']]), order: 'O' })
    await store.configure('orders', 'some', await store.read('orders'), now)
    await store.noteSwept('orders', 'note')
    await reserve(store, 'orders', 1, { closing: 'C', movedOut: ['p'] }, { ...OPEN, config: 'some' }, WRITER_NOW + 5)
    const common = { pk: S('orders'), theirs: { L: [S('x')] }, current_offset: N(3), reserved_at: N(WRITER_NOW + 5), moves: N(1) }
    const living = {
      ...common,
      kind: S('topic'),
      created_at: N(WRITER_NOW),
      'l#q#': N(2),
      'p#q#': S('Q'),
      order: N(2),
      order_of: S('O'),
      config: S('some'),
      swept: S('note')
    }
    assert.deepEqual(await item('orders'), { ...living, closing: N(3), closing_of: S('C') })
    await store.markClosed('orders', 3)
    await store.raiseEarliest('orders', 3, { producers: new Map([['q#', { last: 2, text: 'found' }]]), order: { last: 2, text: 'found' } })
    assert.deepEqual(await item('orders'), { ...living, closed: N(3), earliest: N(3), 'p#q#': S('found'), order_of: S('found') })
    await store.markDeleted('orders', 3)
    assert.deepEqual(await item('orders'), { ...common, earliest: N(4), deleted_at: N(3) })
  })

  test('what an older version has left of an earlier life is told as it is', async (t) => {
    const { settings, dynamo, table } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await reserve(store, 'orders', 3, { producers: new Map([['p', 'P']]) })
    await reserve(store, 'orders', 0)
    await dynamo.send(new UpdateItemCommand({
      TableName: table,
      Key: { pk: S('orders') },
      UpdateExpression: 'SET deleted_at = :offset',
      ExpressionAttributeValues: { ':offset': N(3) }
    }))
    const left = { earliest: 1, deletedAtOffset: 3, moves: 0, producers: { p: [3, 'P'] } }
    assert.deepEqual(plain(await store.read('orders')), { currentOffset: 3, closed: 3, ...left })
    const { item } = await reserve(store, 'orders', 1, {}, { ...OPEN, closed: 3, producers: new Map([['p', 3]]) })
    assert.deepEqual(plain(item), { currentOffset: 4, ...left })
  })

  test('an attribute of another type is named, not guessed', async (t) => {
    const { settings, put } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    const numbers = ['current_offset', 'reserved_at', 'created_at', 'earliest', 'deleted_at', 'moves', 'closed', 'closing', 'order', 'l#p']
    const wrong: Array<[Record<string, AttributeValue>, RegExp]> = [
      ...numbers.flatMap((name) => (
        [{ N: '9007199254740992' }, { N: '1.5' }, S('12')].map((value): [Record<string, AttributeValue>, RegExp] => (
          [{ [name]: value }, new RegExp(`^${name} of topic orders is .* must be a whole number`)])))),
      ...['config', 'swept'].map((name): [Record<string, AttributeValue>, RegExp] => (
        [{ [name]: { M: {} } }, new RegExp(`^${name} of topic orders is {"M":{}}: it must be a string`)])),
      [{ 'l#p': N(1) }, /^p#p of topic orders is missing/],
      [{ 'l#p': N(1), 'p#p': N(1) }, /^p#p of topic orders is {"N":"1"}: it must be a string/],
      [{ closing: N(1) }, /^closing_of of topic orders is missing/],
      [{ order: N(1), order_of: { BOOL: true } }, /^order_of of topic orders is {"BOOL":true}: it must be a string/]
    ]
    for (const [attributes, message] of wrong) {
      await put({ pk: S('orders'), current_offset: N(1), ...attributes })
      for (const call of [() => store.read('orders'), () => store.reserve('orders', { count: 1 }, { ...OPEN, closed: 6 }, now)]) {
        const failed = await failureOf(call())
        assert.equal(failed.failure, 'misconfigured unknown')
        assert.match(failed.message, message)
      }
    }
  })

  test('offsets end where a double does', async (t) => {
    const { settings, put } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await put({ pk: S('orders'), current_offset: N(Number.MAX_SAFE_INTEGER - 1) })
    assert.equal((await reserve(store, 'orders', 1)).last, Number.MAX_SAFE_INTEGER)
    assert.equal((await failureOf(store.reserve('orders', { count: 1 }, OPEN, now))).failure, 'misconfigured unknown')
  })
})

describe('the calls of a store of topics', () => {
  test('a reservation is one, refused or not, and a refused one of nothing two', { skip: withoutLocalstack }, async (t) => {
    const { settings, attempts } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    const calls = async (call: () => Promise<unknown>): Promise<string> => {
      attempts.length = 0
      await call()
      return attempts.join(' ')
    }
    const producers = new Map([['p', 'P']])
    assert.equal(await calls(() => store.reserve('t', { count: 1 }, { ...OPEN, exists: true }, now)), 'UpdateItem GetItem')
    assert.equal(await calls(() => reserve(store, 't', 1, { producers })), 'UpdateItem')
    assert.equal(await calls(() => store.reserve('t', { count: 1 }, { ...OPEN, closed: 1 }, now)), 'UpdateItem')
    assert.equal(await calls(() => store.raiseEarliest('t', 2, {})), 'UpdateItem')
    assert.equal(await calls(() => store.raiseEarliest('t', 1, {})), 'UpdateItem')
    const found = new Map([['p', { last: 1, text: '' }]])
    assert.equal(await calls(() => store.raiseEarliest('t', 1, { producers: found })), 'UpdateItem UpdateItem')
    assert.equal(await calls(() => store.list('', 10)), 'Query')
    assert.equal(await calls(() => store.markDeleted('t', 1)), 'GetItem UpdateItem')
  })

  test('a refusal without the item is followed by a consistent read', async (t) => {
    const item = JSON.stringify({ Item: { pk: S('t'), current_offset: N(7) } })
    const { settings, requests } = await scriptedTable(t, [conditionFailed, { status: 200, body: item }])
    const refused = await createDynamoTopicStore(settings).reserve('t', { count: 1 }, OPEN, now)
    assert.deepEqual([refused.kind, plain(refused.item)], ['refused', { currentOffset: 7, earliest: 1, moves: 0, producers: {} }])
    assert.deepEqual(JSON.parse(requests[1]!.body.toString()), { TableName: 'table', Key: { pk: S('t') }, ConsistentRead: true })
  })

  test('a reservation\'s time is that of DynamoDB\'s answer', async (t) => {
    const theirs = Date.parse('2031-05-06T07:08:09Z')
    const body = JSON.stringify({ Attributes: { current_offset: N(5) } })
    const { settings } = await scriptedTable(t, [{ status: 200, body, date: theirs }])
    const reserved = await reserve(createDynamoTopicStore(settings), 't', 2)
    assert.deepEqual([reserved.first, reserved.last, reserved.reservedAtMs], [4, 5, theirs])
  })

  test('an answer without the item, or without a time, is none', async (t) => {
    const item = (offset: number): object => ({ Attributes: { current_offset: N(offset) } })
    const tooFew = (got: number): string => `current_offset of topic t: expected a number from 3 in the answer to UpdateItem, got ${got}`
    for (const [output, expected, date] of [
      [{}, 'UpdateItem t in table table: the answer has no item'],
      [{ Attributes: {} }, tooFew(0)],
      [item(2), tooFew(2)],
      [item(3), NO_DATE, null]
    ] as const) {
      const answer = { status: 200, body: JSON.stringify(output), ...date === null && { date } }
      const { settings } = await scriptedTable(t, [answer])
      const { failure, message } = await failureOf(createDynamoTopicStore(settings).reserve('t', { count: 3 }, OPEN, now))
      assert.equal(failure, 'misconfigured unknown')
      if (typeof expected === 'string') assert.equal(message, expected)
      else assert.match(message, expected)
    }
  })

  test('the check demands a time', async (t) => {
    const { settings } = await scriptedTable(t, [{ status: 200, body: '{}', date: null }])
    assert.match((await failureOf(createDynamoTopicStore(settings).check())).message, NO_DATE)
  })

  test('an answer is waited for as long as the caller says', async (t) => {
    const { settings } = await scriptedTable(t, ['hang'])
    const began = performance.now()
    const call = createDynamoTopicStore(settings).reserve('t', { count: 1 }, OPEN, { ...now, signal: AbortSignal.timeout(200) })
    assert.equal((await failureOf(call)).failure, 'timeout unknown')
    assert.ok(performance.now() - began < 10_000)
  })

  test('the item is read with strong consistency', async (t) => {
    const { settings, requests } = await scriptedTable(t, [{ status: 200, body: '{}' }])
    assert.equal(await createDynamoTopicStore(settings).read('t'), undefined)
    assert.deepEqual(requests.map(({ body }) => JSON.parse(body.toString()) as unknown), [
      { TableName: 'table', Key: { pk: S('t') }, ConsistentRead: true }
    ])
  })

  test('the largest group stays below DynamoDB\'s limits for expressions', async (t) => {
    const { settings, requests } = await scriptedTable(t, [conditionFailed, { status: 200, body: '{}' }])
    const coming = Array.from({ length: 64 }, (_, i) => `in${i}`)
    const going = Array.from({ length: 64 }, (_, i) => `out${i}`)
    const versions = [...coming.map((id) => [id, null] as const), ...going.map((id, i) => [id, i + 1] as const)]
    await createDynamoTopicStore(settings).reserve('t', {
      count: 65_536, producers: new Map(coming.map((id) => [id, `P of ${id}`])), order: 'O', closing: 'C', movedOut: going
    }, {
      closed: 9,
      closing: 8,
      config: 'some',
      exists: true,
      producers: new Map<string, number | null>(versions),
      moves: 0,
      order: 7,
      currentOffset: 0
    }, now)
    const request = JSON.parse(requests[0]!.body.toString()) as Record<'UpdateExpression' | 'ConditionExpression', string>
    for (const expression of [request.UpdateExpression, request.ConditionExpression]) {
      const operators = expression.match(/[a-z_]+\(|[=<>+]+|AND|OR/g)!.length
      assert.ok(expression.length <= 4_096, `${expression.length} characters`)
      assert.ok(operators <= 300, `${operators} operators`)
    }
  })

  // The names of its producers must be known, and a close alone brings one in without raising the offset.
  test('a deletion removes what a close alone has brought in meanwhile', { skip: withoutLocalstack }, async (t) => {
    const { settings, item } = await dynamoTable(t)
    const store = createDynamoTopicStore(settings)
    await reserve(store, 't', 2)
    const { client } = settings
    const send = client.send.bind(client) as (...call: unknown[]) => Promise<unknown>
    let closed = false
    client.send = async (...call: unknown[]) => {
      const answer = await send(...call)
      if (!closed && call[0] instanceof GetItemCommand) {
        closed = true
        await reserve(store, 't', 0, { producers: new Map([['p', 'P']]) })
      }
      return answer
    }
    const deleted = await store.markDeleted('t', 2)
    assert.equal(deleted.kind, 'changed')
    assert.deepEqual(plain(deleted.item), { currentOffset: 2, earliest: 3, deletedAtOffset: 2, moves: 0, producers: {} })
    assert.equal((await item('t'))?.['p#p'], undefined)
  })
})

describe('a table that topics cannot be stored in', { skip: withoutLocalstack }, () => {
  const callsOf = (store: TopicStore): Array<() => Promise<unknown>> => [
    () => store.check(),
    () => store.read('t'),
    () => store.reserve('t', { count: 1 }, OPEN, now),
    () => store.markClosed('t', 1),
    () => store.raiseEarliest('t', 2, {}),
    () => store.markDeleted('t', 2),
    () => store.configure('t', null, undefined, now),
    () => store.noteSwept('t', ''),
    () => store.correctReservedAt('t', { currentOffset: 1, reservedAtMs: 1 }),
    () => store.list('', 10)
  ]

  test('is named with what to create, by every call', async (t) => {
    const { settings: { client } } = await dynamoTable(t)
    const settings = { client, table: 'no-such-table' }
    const records = createDynamoRecordStore(settings)
    const key = { kind: 'key', topic: 't', id: 'k' } as const
    for (const call of [
      ...callsOf(createDynamoTopicStore(settings)),
      () => records.read(key),
      () => records.replace(key, { last: 1, text: '' }, null, { expiresAtMs: 1 })
    ]) {
      const { failure, message } = await failureOf(call())
      assert.equal(failure, 'misconfigured none')
      assert.match(message, /^the table "no-such-table" does not exist: create it with the partition key pk \(string\), or set COUN/)
    }
  })

  test('because its key is another one', async (t) => {
    const { settings: { client, table }, dynamo } = await dynamoTable(t)
    const other = `${table}-other`
    await dynamo.send(new CreateTableCommand({
      TableName: other,
      KeySchema: [{ AttributeName: 'topic', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'topic', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST'
    }))
    t.after(() => dynamo.send(new DeleteTableCommand({ TableName: other })))
    const { failure, message } = await failureOf(createDynamoTopicStore({ client, table: other }).check())
    assert.equal(failure, 'misconfigured none')
    assert.match(message, /must have the partition key pk \(string\) and no sort key/)
  })
})

test('a table that may not be queried says which permission is missing', async (t) => {
  const { settings } = await scriptedTable(t, [dynamoError(400, 'AccessDeniedException')])
  const { failure, message } = await failureOf(createDynamoTopicStore(settings).list('', 10))
  assert.equal(failure, 'misconfigured none')
  assert.match(message, /allow .*dynamodb:Scan on it, and dynamodb:Query on its index topics/)
})
