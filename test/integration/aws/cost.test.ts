import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { createDynamoClient } from '../../../src/adapters/dynamodb/client.ts'
import { createDynamoGroupStore } from '../../../src/adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from '../../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../../src/adapters/s3/segment-store.ts'
import { createStores, paidNames, type Counted, type Stores } from '../../../scripts/cost/count.ts'
import {
  countAppend, countFollowingPoll, countIdlePoll, countReceive, countReceiveBehind, countSweep
} from '../../../scripts/cost/scenarios.ts'
import { localstack, withoutLocalstack } from '../../support/storage/localstack.ts'

/** S3 and DynamoDB, with every request that the SDK sends to S3, and the units that DynamoDB's answers tell. */
async function awsStores (t: TestContext): Promise<Stores> {
  const { settings, bucket, table } = await localstack(t)
  const sums = { put: 0, get: 0, list: 0, readUnits: 0, writeUnits: 0 }
  const names = new Map<string, 'put' | 'get' | 'list'>([['PutObject', 'put'], ['GetObject', 'get'], ['ListObjectsV2', 'list']])
  const onAttempt = (operation: string): void => {
    const name = names.get(operation)
    if (name !== undefined) sums[name]++
  }
  const segments = createS3SegmentStore({ ...settings, bucket, onAttempt })
  const client = createDynamoClient({
    ...settings, onUnits: (kind, units) => { sums[kind === 'read' ? 'readUnits' : 'writeUnits'] += units }
  })
  t.after(() => {
    segments.close()
    client.destroy()
  })
  return {
    segments,
    topics: createDynamoTopicStore({ client, table }),
    records: createDynamoRecordStore({ client, table }),
    store: createDynamoGroupStore({ client, table }),
    told: () => ({ ...sums })
  }
}

const [poll, receive] = ['a poll that finds an append', 'a receive with the acks of the last']

const cases: Readonly<Record<string, (stores: Stores) => Promise<Counted>>> = {
  'an append': (stores) => countAppend({ size: 1_000, batch: 100 }, stores),
  'a poll that finds nothing': countIdlePoll,
  'a sweep': countSweep,
  'a receive of a worker that is behind': (stores) => countReceiveBehind({ size: 1_000, batch: 100 }, stores),
  [poll]: (stores) => countFollowingPoll({ size: 1_000, batch: 100 }, stores),
  [receive]: (stores) => countReceive({ size: 1_000, batch: 100 }, 100, stores)
}

describe('S3 and DynamoDB charge what is counted in memory', { skip: withoutLocalstack }, () => {
  for (const [name, count] of Object.entries(cases)) {
    test(name, async (t) => {
      const [charged, counted] = [await count(await awsStores(t)), await count(createStores())]
      // Here the storage tells of the writer's append, too.
      const appends = name === poll || name === receive ? 1 : 0
      assert.deepEqual(paidOf(charged), paidOf({ ...counted, put: counted.put + appends, writeUnits: counted.writeUnits + appends }))
    })
  }
})

function paidOf (counted: Counted): Array<[string, number]> {
  return paidNames.map((name) => [name, counted[name]])
}
