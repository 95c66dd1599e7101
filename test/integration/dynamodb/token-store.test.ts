import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CreateTableCommand, DeleteTableCommand, type AttributeValue } from '@aws-sdk/client-dynamodb'
import { createDynamoGroupStore } from '../../../src/adapters/dynamodb/group-store.ts'
import { createDynamoTokenStore } from '../../../src/adapters/dynamodb/token-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { itemAt, orders, put } from '../../contracts/group-store/support.ts'
import { dynamoTable, failureOf, scriptedTable } from '../../support/storage/dynamo.ts'
import { reserve } from '../../support/storage/items.ts'
import { withoutLocalstack } from '../../support/storage/localstack.ts'
import { dynamoError } from '../../support/storage/scripted-server.ts'

const S = (value: string): AttributeValue => ({ S: value })
const token = { id: 'Abc012xyz', text: '{"name":"ci"}' }

describe('the items of access tokens', { skip: withoutLocalstack }, () => {
  test('have the attributes of the layout', async (t) => {
    const table = await dynamoTable(t)
    const store = createDynamoTokenStore(table.settings)
    await store.create(token)
    assert.deepEqual(await table.item('token#Abc012xyz'), { pk: S('token#Abc012xyz'), kind: S('token'), text: S(token.text) })
    await store.remove(token.id)
    assert.equal(await table.item('token#Abc012xyz'), undefined)
  })

  test('are no topics and no groups, and these are no tokens', async (t) => {
    const { settings } = await dynamoTable(t)
    const [tokens, groups, topics] = [createDynamoTokenStore(settings), createDynamoGroupStore(settings), createDynamoTopicStore(settings)]
    await reserve(topics, 'token', 1)
    await reserve(topics, 'zz', 1)
    await put(groups, orders, itemAt(1))
    await put(groups, { topic: 'token', group: 'g' }, itemAt(1))
    await tokens.create(token)
    assert.deepEqual(await topics.list('', 10), { topics: ['token', 'zz'], truncated: false })
    assert.deepEqual(await groups.list('token', '', 10), { groups: ['g'], truncated: false })
    assert.deepEqual(await tokens.list('', 10), { ids: [token.id], truncated: false })
    assert.equal(await tokens.read('g'), undefined)
  })

  test('of another form are empty texts, which are listed and can be removed', async (t) => {
    const { settings, put: putItem } = await dynamoTable(t)
    const store = createDynamoTokenStore(settings)
    const forms: Array<Record<string, AttributeValue>> = [{}, { text: { N: '1' } }, { text: { B: Uint8Array.of(1) } }, { text: { M: {} } }]
    for (const [i, form] of forms.entries()) await putItem({ pk: S(`token#wrong${i}`), kind: S('token'), ...form })
    const ids = forms.map((_, i) => `wrong${i}`)
    assert.deepEqual(await store.list('', 10), { ids, truncated: false })
    for (const id of ids) {
      assert.deepEqual(await store.read(id), { id, text: '' })
      assert.equal(await store.create({ id, text: 'x' }), 'exists')
      assert.equal(await store.remove(id), true)
    }
  })

  test('take one call each, and two if there is none to remove', async (t) => {
    const { settings, attempts } = await dynamoTable(t)
    const store = createDynamoTokenStore(settings)
    const calls = async (call: () => Promise<unknown>): Promise<string> => {
      attempts.length = 0
      await call()
      return attempts.join(' ')
    }
    assert.equal(await calls(() => store.read(token.id)), 'GetItem')
    assert.equal(await calls(() => store.create(token)), 'UpdateItem')
    assert.equal(await calls(() => store.create(token)), 'UpdateItem')
    assert.equal(await calls(() => store.read(token.id)), 'GetItem')
    assert.equal(await calls(() => store.list('', 10)), 'Query')
    assert.equal(await calls(() => store.remove(token.id)), 'DeleteItem')
    assert.equal(await calls(() => store.remove(token.id)), 'DeleteItem GetItem')
  })

  test('are listed from the whole table where the index is missing', async (t) => {
    const { dynamo, settings: { client }, table: withIndex } = await dynamoTable(t)
    const table = `${withIndex}-older`
    await dynamo.send(new CreateTableCommand({
      TableName: table,
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST'
    }))
    t.after(() => dynamo.send(new DeleteTableCommand({ TableName: table })))
    const warnings: string[] = []
    const settings = { client, table, warn: (text: string) => { warnings.push(text) } }
    const store = createDynamoTokenStore(settings)
    await reserve(createDynamoTopicStore(settings), 'token', 1)
    for (const id of ['b', 'a', 'c']) await store.create({ id, text: id })
    assert.deepEqual(await store.list('', 2), { ids: ['a', 'b'], truncated: true })
    assert.deepEqual(await store.list('b', 2), { ids: ['c'], truncated: false })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /each list of access tokens reads the whole table/)
  })
})

describe('the requests of a store of access tokens', () => {
  test('are one conditional change each, and a consistent read', async (t) => {
    const { settings, requests } = await scriptedTable(t, [{ status: 200, body: '{}', date: Date.UTC(2026, 0, 1) }])
    const store = createDynamoTokenStore(settings)
    assert.equal(await store.create(token), 'created')
    assert.equal(await store.remove(token.id), true)
    assert.equal(await store.read(token.id), undefined)
    const sent = requests.map(({ headers, body }) => {
      const { ConditionExpression, ConsistentRead } = JSON.parse(body.toString()) as Record<string, unknown>
      return [String(headers['x-amz-target']).split('.')[1], ConditionExpression, ConsistentRead]
    })
    assert.deepEqual(sent, [
      ['UpdateItem', 'attribute_not_exists(#a2)', undefined],
      ['DeleteItem', 'attribute_exists(#a0)', undefined],
      ['GetItem', undefined, true]
    ])
  })

  test('fail as the port says', async (t) => {
    const failures = [
      ['ProvisionedThroughputExceededException', 400, 'throttled none'],
      ['AccessDeniedException', 400, 'misconfigured none'],
      ['ResourceNotFoundException', 400, 'misconfigured none'],
      ['InternalServerError', 500, 'unavailable unknown']
    ] as const
    for (const [name, status, expected] of failures) {
      const { settings } = await scriptedTable(t, [dynamoError(status, name)])
      const store = createDynamoTokenStore(settings)
      for (const call of [() => store.read('a'), () => store.create(token), () => store.remove('a')]) {
        assert.equal((await failureOf(call())).failure, expected, name)
      }
    }
  })
})
