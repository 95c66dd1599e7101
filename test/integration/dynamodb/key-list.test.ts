import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createDynamoGroupStore } from '../../../src/adapters/dynamodb/group-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { itemAt, put } from '../../contracts/group-store/support.ts'
import { dynamoTable } from '../../support/storage/dynamo.ts'
import { reserve } from '../../support/storage/items.ts'
import { withoutLocalstack } from '../../support/storage/localstack.ts'

describe('lists by the index', { skip: withoutLocalstack }, () => {
  // DynamoDB refuses a key of more than 1,024 bytes, with the same error as a query of an index that is missing. Anybody could
  // have made each list read the whole table.
  test('a very long `after` is no reason to read the whole table', async (t) => {
    const { settings } = await dynamoTable(t)
    const warnings: string[] = []
    const warned = { ...settings, warn: (text: string) => { warnings.push(text) } }
    const [topics, groups] = [createDynamoTopicStore(warned), createDynamoGroupStore(warned)]
    const long = 'm'.repeat(249)
    for (const name of ['a', long, 'z']) {
      await reserve(topics, name, 1)
      await put(groups, { topic: long, group: name }, itemAt(1))
    }
    for (const after of [long + 'm'.repeat(775), long + '€'.repeat(258), '€'.repeat(341), '\u{1F600}'.repeat(256)]) {
      const names = after.startsWith('m') ? ['z'] : []
      assert.deepEqual(await topics.list(after, 10), { topics: names, truncated: false })
      assert.deepEqual(await groups.list(long, after, 10), { groups: names, truncated: false })
    }
    assert.deepEqual((await topics.list(long.slice(1), 10)).topics, [long, 'z'])
    assert.deepEqual(warnings, [])
  })
})
