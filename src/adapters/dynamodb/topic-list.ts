import { QueryCommand, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { CallOptions, TopicListing } from '../../ports/segment-store.ts'
import type { Table } from './client.ts'
import { Expression } from './expression.ts'
import { PK, SEPARATOR, text, TOPIC, TOPIC_KIND, TOPICS_INDEX, TOPICS_INDEX_TEXT, type Item } from './table.ts'

/** What a query of an index that is not there ends with: on AWS, on DynamoDB Local. */
const NO_INDEX = ['ValidationException', 'ResourceNotFoundException']

/** Lists topics by the index, or where that is missing by reading the whole table. */
export function createTopicList (table: Table, warn: (text: string) => void = () => {}) {
  let warned = false

  return async function list (after: string, limit: number, options?: CallOptions): Promise<TopicListing> {
    const found = await query(table, after, limit, options)
    if (found !== undefined) return found
    // Each list asks for the index first, so that it is used as soon as it has been added.
    const all = await scan(table, after, limit, options)
    if (!warned) {
      warn(`The table "${table.name}" lacks ${TOPICS_INDEX_TEXT}, so each list of topics reads the whole table: ` +
        'run scripts/create-storage.ts, which adds it')
    }
    warned = true
    return all
  }
}

/** @returns `undefined` if there is no such index, or if it is still being filled */
async function query (table: Table, after: string, limit: number, options?: CallOptions): Promise<TopicListing | undefined> {
  const e = new Expression()
  const condition = `${e.name(TOPIC.kind)}=${e.value(text(TOPIC_KIND))}`
  const command = new QueryCommand({
    TableName: table.name,
    IndexName: TOPICS_INDEX.IndexName,
    // An empty string is no key.
    KeyConditionExpression: after === '' ? condition : `${condition} AND ${e.name(PK)}>${e.value(text(after))}`,
    Limit: limit + 1,
    ...e.placeholders()
  })
  try {
    const call = `Query of index ${TOPICS_INDEX.IndexName}`
    const { Items = [], LastEvaluatedKey } = await table.send(call, options, (client, http) => client.send(command, http))
    const topics = Items.map(topicOf)
    return { topics: topics.slice(0, limit), truncated: topics.length > limit || LastEvaluatedKey !== undefined }
  } catch (error) {
    if (error instanceof StoreError && NO_INDEX.includes((error.cause as Error | undefined)?.name ?? '')) return undefined
    throw error
  }
}

async function scan (table: Table, after: string, limit: number, options?: CallOptions): Promise<TopicListing> {
  const e = new Expression()
  const [pk, currentOffset, deletedAt] = [PK, TOPIC.currentOffset, TOPIC.deletedAt].map((name) => e.name(name))
  const later = after === '' ? '' : ` AND ${pk}>${e.value(text(after))}`
  const request = {
    TableName: table.name,
    ProjectionExpression: [pk, currentOffset, deletedAt].join(','),
    FilterExpression: `attribute_exists(${currentOffset}) AND NOT contains(${pk},${e.value(text(SEPARATOR))})${later}`,
    ...e.placeholders()
  }
  let topics: string[] = []
  let ExclusiveStartKey: Item | undefined
  do {
    const command: ScanCommand = new ScanCommand({ ...request, ExclusiveStartKey })
    const page: ScanCommandOutput = await table.send('Scan', options, (client, http) => client.send(command, http))
    topics.push(...(page.Items ?? []).filter((item) => !isDeleted(item)).map(topicOf))
    // Only the first ones are kept of a large table.
    topics = topics.sort().slice(0, limit + 1)
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey !== undefined)
  return { topics: topics.slice(0, limit), truncated: topics.length > limit }
}

function topicOf (item: Item): string {
  return item[PK]?.S ?? ''
}

function isDeleted (item: Item): boolean {
  const deleted = item[TOPIC.deletedAt]?.N
  return deleted !== undefined && Number(deleted) === Number(item[TOPIC.currentOffset]?.N)
}
