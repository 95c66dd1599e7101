import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDynamoRecordStore } from '../../../src/adapters/dynamodb/record-store.ts'
import { dynamoTable, failureOf } from '../../support/storage/dynamo.ts'
import { withoutLocalstack } from '../../support/storage/localstack.ts'

const key = { kind: 'key', topic: 'orders', id: 'k#1' } as const
const producer = { kind: 'producer', topic: 'orders', id: 'p' } as const

test('records have the attributes of the layout, with their expiry in seconds', { skip: withoutLocalstack }, async (t) => {
  const { settings, item } = await dynamoTable(t)
  const store = createDynamoRecordStore(settings)
  for (const [name, pk] of [[key, 'key#orders#k#1'], [producer, 'producer#orders#p']] as const) {
    await store.replace(name, { last: 7, text: 'seven' }, null, { expiresAtMs: 1_702_000_000_001 })
    assert.deepEqual(await item(pk), { pk: { S: pk }, last: { N: '7' }, text: { S: 'seven' }, ttl: { N: '1702000001' } })
  }
})

test('a record whose attributes are of another type is named, not guessed', { skip: withoutLocalstack }, async (t) => {
  const { settings, put } = await dynamoTable(t)
  const store = createDynamoRecordStore(settings)
  for (const [attributes, message] of [
    [{}, /^last of record key#orders#k#1 is missing/],
    [{ last: { S: '7' }, text: { S: '' } }, /^last of record key#orders#k#1 is {"S":"7"}: it must be a whole number/],
    [{ last: { N: '7' } }, /^text of record key#orders#k#1 is missing/]
  ] as const) {
    await put({ pk: { S: 'key#orders#k#1' }, ...attributes })
    const failed = await failureOf(store.read(key))
    assert.equal(failed.failure, 'misconfigured unknown')
    assert.match(failed.message, message)
  }
})
