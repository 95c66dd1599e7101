import {
  ConditionalCheckFailedException, GetItemCommand, UpdateItemCommand, type AttributeValue, type DynamoDBClient,
  type GetItemCommandOutput
} from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { OffsetCounter } from '../../ports/offset-counter.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { hasAnswered, sendOptions, serverTime } from '../aws/client.ts'
import { withStoreErrors, type CallContext } from '../aws/errors.ts'
import { remediesFor } from './client.ts'

export { createDynamoClient } from './client.ts'

/** Not the key of a topic: topic names cannot contain `#` (log §2.2). */
const CHECK_KEY = '#check'

/**
 * The topics' items, `pk` = topic (log §2.2):
 *
 *     current_offset N   the last reserved offset
 *     reserved_at    N   writer's clock at the newest reservation, ms; corrected by readers if it is in the future
 *     created_at     N   writer's clock at the first reservation, ms
 *     earliest       N   absent before the first trim
 *     deleted_at     N   current_offset at which the topic was deleted; otherwise absent
 *     kind           S   "topic"; with it, the item is in the index that lists topics
 *
 * Only `pk` and `current_offset` are required: other implementations write no others.
 *
 * @param options.client from {@link createDynamoClient}: others do not record the time of the response, `Reservation.reservedAtMs`
 */
export function createDynamoOffsetCounter ({ client, table }: { client: DynamoDBClient, table: string }): OffsetCounter {
  const remedies = remediesFor(table)

  function callContext (call: string, options: CallOptions = {}): CallContext {
    return { call: `${call} in table ${table}`, remedies, answeredBefore: hasAnswered(client), signal: options.signal }
  }

  async function getItem (pk: string, options?: CallOptions): Promise<GetItemCommandOutput> {
    const command = new GetItemCommand({ TableName: table, Key: { pk: { S: pk } }, ConsistentRead: true })
    return withStoreErrors(callContext(`GetItem ${pk}`, options), () => client.send(command, sendOptions(options)))
  }

  /** Sets a number of the topic's item unless it is already as high. */
  async function raise (topic: string, attribute: 'earliest' | 'deleted_at', to: number, options?: CallOptions): Promise<void> {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: { pk: { S: topic } },
      UpdateExpression: 'SET #attribute = :to',
      ConditionExpression: 'attribute_not_exists(#attribute) OR #attribute < :to',
      ExpressionAttributeNames: { '#attribute': attribute },
      ExpressionAttributeValues: { ':to': { N: String(to) } }
    })
    await updateIf(topic, command, options)
  }

  /** Sends a conditional update, which does nothing if its condition is false. */
  async function updateIf (topic: string, update: UpdateItemCommand, options?: CallOptions): Promise<void> {
    await withStoreErrors(callContext(`UpdateItem ${topic}`, options), async () => {
      try {
        await client.send(update, sendOptions(options))
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
    })
  }

  return {
    async reserve (topic, count, options) {
      const command = new UpdateItemCommand({
        TableName: table,
        Key: { pk: { S: topic } },
        UpdateExpression: 'SET #reserved_at = :now, #created_at = if_not_exists(#created_at, :now), #kind = :topic ' +
          'ADD #current_offset :count',
        ExpressionAttributeNames: {
          '#reserved_at': 'reserved_at', '#created_at': 'created_at', '#kind': 'kind', '#current_offset': 'current_offset'
        },
        ExpressionAttributeValues: { ':now': { N: String(options.now) }, ':topic': { S: 'topic' }, ':count': { N: String(count) } },
        ReturnValues: 'UPDATED_NEW'
      })
      const output = await withStoreErrors(callContext(`UpdateItem ${topic}`, options), () => client.send(command, sendOptions(options)))
      const last = numberOf(output.Attributes ?? {}, 'current_offset', topic)
      if (last === undefined || last < count) {
        throw new StoreError('misconfigured', 'unknown',
          `current_offset of topic ${topic}: expected a number from ${count} in the answer to UpdateItem, got ${last ?? 'nothing'}`)
      }
      return { first: last - count + 1, last, reservedAtMs: serverTime(output) }
    },

    async read (topic, options) {
      const { Item: item } = await getItem(topic, options)
      if (item === undefined) return undefined
      return {
        currentOffset: numberOf(item, 'current_offset', topic) ?? 0,
        writerReservedAtMs: numberOf(item, 'reserved_at', topic),
        earliest: numberOf(item, 'earliest', topic) ?? 1,
        deletedAtOffset: numberOf(item, 'deleted_at', topic)
      }
    },

    async correctReservedAt (topic, { currentOffset, reservedAtMs: at }, options) {
      await updateIf(topic, new UpdateItemCommand({
        TableName: table,
        Key: { pk: { S: topic } },
        UpdateExpression: 'SET #reserved_at = :at',
        ConditionExpression: '#current_offset = :current_offset AND (attribute_not_exists(#reserved_at) OR #reserved_at > :at)',
        ExpressionAttributeNames: { '#reserved_at': 'reserved_at', '#current_offset': 'current_offset' },
        ExpressionAttributeValues: { ':at': { N: String(at) }, ':current_offset': { N: String(currentOffset) } }
      }), options)
    },

    async raiseEarliest (topic, to, options) {
      await raise(topic, 'earliest', to, options)
    },

    async markDeleted (topic, currentOffset, options) {
      // Of two concurrent deletions, the one with the higher offset is the later one.
      await raise(topic, 'deleted_at', currentOffset, options)
    },

    async check (options) {
      serverTime(await getItem(CHECK_KEY, options))
    }
  }
}

type Item = Record<string, AttributeValue>

/** @throws StoreError `misconfigured` if the value is not a safe integer */
function numberOf (item: Item, attribute: string, topic: string): number | undefined {
  const value = item[attribute]
  if (value === undefined) return undefined
  const number = Number(value.N)
  if (Number.isSafeInteger(number)) return number
  throw new StoreError('misconfigured', 'unknown',
    `${attribute} of topic ${topic} is ${JSON.stringify(value)}: it must be a whole number of at most 2^53 - 1`)
}
