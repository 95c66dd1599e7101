import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb'
import { createDynamoGroupStore } from '../../../src/adapters/dynamodb/group-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { assertStored, itemAt, LIFE, orders, OTHER_LIFE, outcomeOf, put, refusedWith } from '../../contracts/group-store/support.ts'
import { reserve } from '../../support/storage/items.ts'
import { dynamoTable, failureOf, olderTable, scriptedTable } from '../../support/storage/dynamo.ts'
import { withoutLocalstack } from '../../support/storage/localstack.ts'
import { dynamoError } from '../../support/storage/scripted-server.ts'

type Attributes = Record<string, AttributeValue>

const PK = 'group#orders#billing'
const N = (value: number): AttributeValue => ({ N: String(value) })
const S = (value: string): AttributeValue => ({ S: value })
const B = (hex: string): AttributeValue => ({ B: Uint8Array.from(Buffer.from(hex, 'hex')) })

/** A group's item as the layout has it. */
const stored: Attributes = {
  pk: S(PK), kind: S('group'), gen: B(LIFE), rev: N(7), by: S('writer 7'), config: S('{"rev":7}'), state: B('00ff10')
}
const item = itemAt(7, { state: Buffer.from('00ff10', 'hex') })

describe('the items of groups', { skip: withoutLocalstack }, () => {
  test('have the attributes of the layout, and keep those of others', async (t) => {
    const table = await dynamoTable(t)
    const store = createDynamoGroupStore(table.settings)
    await put(store, orders, item)
    assert.deepEqual(await table.item(PK), stored)
    await table.put({ ...stored, theirs: S('x') })
    await assertStored(store, orders, item)
    await put(store, orders, itemAt(8, { gen: OTHER_LIFE, state: Buffer.alloc(0) }), item)
    assert.deepEqual(await table.item(PK), {
      ...stored, theirs: S('x'), gen: B(OTHER_LIFE), rev: N(8), by: S('writer 8'), config: S('{"rev":8}'), state: B('')
    })
    await store.remove(orders, { gen: OTHER_LIFE, rev: 8 })
    assert.equal(await table.item(PK), undefined)
  })

  test('are no topics, and topics no groups', async (t) => {
    const { settings } = await dynamoTable(t)
    const [groups, topics] = [createDynamoGroupStore(settings), createDynamoTopicStore(settings)]
    await reserve(topics, 'orders', 1)
    await put(groups, orders, item)
    await put(groups, { topic: 'no-such-topic', group: 'g' }, item)
    assert.deepEqual(await topics.list('', 10), { topics: ['orders'], truncated: false })
    assert.deepEqual(await groups.list('orders', '', 10), { groups: ['billing'], truncated: false })
  })

  test('whose attributes are of another type are named by every call, and harm no other group', async (t) => {
    const table = await dynamoTable(t)
    const store = createDynamoGroupStore(table.settings)
    const other = { ...orders, group: 'other' }
    await put(store, other, item)
    const of = 'of consumer group billing of topic orders'
    const wrong: Array<[string, AttributeValue | undefined, string]> = [
      ...['gen', 'rev', 'by', 'config', 'state'].map((name): [string, undefined, string] => [name, undefined, `${name} ${of} is missing`]),
      ['gen', S('x'), `gen ${of} is {"S":"x"}: it must be binary`],
      ['gen', B('0102'), `gen ${of} has 2 bytes: it must have 16`],
      ['rev', N(1.5), `rev ${of} is {"N":"1.5"}: it must be a whole number of at most 2^53 - 1`],
      ['by', N(1), `by ${of} is {"N":"1"}: it must be a string`],
      ['config', { M: {} }, `config ${of} is {"M":{}}: it must be a string`],
      ['state', S('x'.repeat(300_000)), `state ${of} is {"S":"${'x'.repeat(94)}: it must be binary`]
    ]
    for (const [name, value, message] of wrong) {
      const { [name]: _, ...rest } = stored
      await table.put({ ...rest, ...value !== undefined && { [name]: value } })
      for (const call of [
        () => store.read(orders), () => store.write(orders, itemAt(1), null), () => store.remove(orders, { gen: LIFE, rev: 6 })
      ]) assert.deepEqual(await failureOf(call()), { failure: 'misconfigured unknown', message })
      await assertStored(store, other, item)
      assert.deepEqual(await store.list('orders', '', 10), { groups: ['billing', 'other'], truncated: false })
    }
  })

  test('take one call each, refused or not, and two if there is none', async (t) => {
    const { settings, attempts } = await dynamoTable(t)
    const store = createDynamoGroupStore(settings)
    const calls = async (call: () => Promise<unknown>): Promise<string> => {
      attempts.length = 0
      await call()
      return attempts.join(' ')
    }
    assert.equal(await calls(() => store.read(orders)), 'GetItem')
    assert.equal(await calls(() => store.write(orders, item, { gen: LIFE, rev: 6 })), 'UpdateItem GetItem')
    assert.equal(await calls(() => store.remove(orders, item)), 'DeleteItem GetItem')
    assert.equal(await calls(() => store.write(orders, item, null)), 'UpdateItem')
    assert.equal(await calls(() => store.write(orders, item, null)), 'UpdateItem')
    assert.equal(await calls(() => store.write(orders, itemAt(8), item)), 'UpdateItem')
    assert.equal(await calls(() => store.remove(orders, item)), 'DeleteItem')
    assert.equal(await calls(() => store.list('orders', '', 10)), 'Query')
    assert.equal(await calls(() => store.list('orders', '~', 10)), '', 'no name is above it')
    assert.equal(await calls(() => store.remove(orders, itemAt(8))), 'DeleteItem')
  })

  test('are listed from the whole table where the index is missing', async (t) => {
    const { dynamo, settings: older, attempts, table } = await olderTable(t)
    const warnings: string[] = []
    const settings = { ...older, warn: (text: string) => { warnings.push(text) } }
    const store = createDynamoGroupStore(settings)
    const names = Array.from({ length: 20 }, (_, i) => `g${i}`)
    for (const topic of ['orders', 'orders-2', 'order']) for (const group of names) await put(store, { topic, group }, item)
    await reserve(createDynamoTopicStore(settings), 'orders', 1)
    // Not a group, whatever it is.
    await dynamo.send(new PutItemCommand({ TableName: table, Item: { pk: S('group#orders#x'), kind: S('other') } }))

    attempts.length = 0
    assert.deepEqual(await pagesOf(store, 7), names.toSorted())
    assert.deepEqual(attempts, Array.from({ length: 3 }, () => ['Query', 'Scan']).flat())
    assert.deepEqual(await store.list('none', '', 10), { groups: [], truncated: false })
    assert.deepEqual(await createDynamoTopicStore(settings).list('', 10), { topics: ['orders'], truncated: false })
    const lacks = `The table "${table}" lacks the index "topics" (partition key kind, sort key pk, both strings, KEYS_ONLY)`
    const remedy = 'reads the whole table: run scripts/create-storage.ts, which adds it'
    assert.deepEqual(warnings, ['consumer groups', 'topics'].map((what) => `${lacks}, so each list of ${what} ${remedy}`), 'each once')
  })
})

describe('the requests of a store of groups', () => {
  const conditionFailed = dynamoError(400, 'ConditionalCheckFailedException')
  const date = Date.UTC(2026, 0, 1)
  const now = { low: date, high: date + 999 }
  /** As the service sends it. */
  const wire = { ...stored, gen: { B: base64(LIFE) }, state: { B: base64('00ff10') } }
  const changes = [
    (store: GroupStore) => store.write(orders, itemAt(1), null),
    (store: GroupStore) => store.remove(orders, itemAt(1))
  ]
  const key = { TableName: 'table', Key: { pk: S(PK) } }

  test('are one conditional change each, whose result is not asked for', async (t) => {
    const { settings, requests } = await scriptedTable(t, [{ status: 200, body: '{}', date }])
    const store = createDynamoGroupStore(settings)
    assert.deepEqual(await store.write(orders, item, null), { kind: 'written', now })
    assert.deepEqual(await store.write(orders, item, { gen: OTHER_LIFE, rev: 6 }), { kind: 'written', now })
    assert.deepEqual(await store.remove(orders, item), { kind: 'written', now })
    const sent = requests.map(({ headers, body }) => {
      const request = JSON.parse(body.toString()) as Record<string, unknown>
      return { operation: String(headers['x-amz-target']).split('.')[1], request }
    })
    assert.deepEqual(sent.map(({ operation }) => operation), ['UpdateItem', 'UpdateItem', 'DeleteItem'])
    for (const { request } of sent) {
      const { TableName, Key, ReturnValues, ReturnValuesOnConditionCheckFailure } = request
      assert.deepEqual({ TableName, Key }, key)
      assert.deepEqual([ReturnValues, ReturnValuesOnConditionCheckFailure], [undefined, 'ALL_OLD'])
    }
    assert.deepEqual(sent.map(({ request }) => request['ConditionExpression']), [
      'attribute_not_exists(#a6)', '#a1=:v6 AND #a2=:v7', '#a0=:v0 AND #a1=:v1'
    ])
  })

  test('that are refused without the item are followed by a consistent read', async (t) => {
    for (const change of changes) {
      for (const [found, body] of [[item, { Item: wire }], [undefined, {}]] as const) {
        const answers = [{ ...conditionFailed, date: date - 5_000 }, { status: 200, body: JSON.stringify(body), date }]
        const { settings, requests } = await scriptedTable(t, answers)
        const refused = await change(createDynamoGroupStore(settings))
        assert.deepEqual([outcomeOf(refused), refused.now], [refusedWith(found), now], 'the time is that of the read')
        assert.deepEqual(JSON.parse(requests[1]!.body.toString()), { ...key, ConsistentRead: true })
        assert.equal(requests.length, 2)
      }
    }
  })

  test('tell the time also when they are refused', async (t) => {
    const body = JSON.stringify({ ...JSON.parse(conditionFailed.body!) as object, Item: wire })
    const { settings, requests } = await scriptedTable(t, [{ ...conditionFailed, body, date }])
    const refused = await createDynamoGroupStore(settings).write(orders, itemAt(1), null)
    assert.deepEqual([outcomeOf(refused), refused.now, requests.length], [refusedWith(item), now, 1])
  })

  test('whose answers have no time are failed, with an effect that is not known', async (t) => {
    const body = JSON.stringify({ Item: wire })
    for (const call of [...changes, (store: GroupStore) => store.read(orders)]) {
      const { settings } = await scriptedTable(t, [{ status: 200, body, date: null }])
      const { failure, message } = await failureOf(call(createDynamoGroupStore(settings)))
      assert.equal(failure, 'misconfigured unknown')
      assert.match(message, /no valid Date header/)
    }
  })

  test('that are not permitted say which permissions are needed', async (t) => {
    const { settings } = await scriptedTable(t, [dynamoError(400, 'AccessDeniedException')])
    const { failure, message } = await failureOf(createDynamoGroupStore(settings).remove(orders, item))
    assert.equal(failure, 'misconfigured none')
    assert.match(message, /allow dynamodb:GetItem, dynamodb:UpdateItem, dynamodb:DeleteItem and dynamodb:Scan on it/)
  })
})

function base64 (hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

async function pagesOf (store: GroupStore, limit: number): Promise<string[]> {
  const pages: string[] = []
  for (let truncated = true; truncated;) {
    const page = await store.list('orders', pages.at(-1) ?? '', limit)
    assert.ok(page.groups.length > 0 && page.groups.length <= limit)
    pages.push(...page.groups)
    truncated = page.truncated
  }
  return pages
}
