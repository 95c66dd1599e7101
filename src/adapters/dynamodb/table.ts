/**
 * The table (log §2.2, §6.2): the names of keys, attributes and the index, and what their values mean. No other file of this
 * room knows them.
 *
 * A topic's item has the key `pk` = topic. Only `pk` and `current_offset` are required: other implementations write no others.
 *
 *     current_offset       N   the last reserved offset
 *     reserved_at          N   writer's clock at the newest reservation, ms; corrected by readers if it is in the future
 *     corrected_at         N   current_offset when a reader set reserved_at; the next reservation removes it
 *     created_at           N   writer's clock when the topic was created, ms; absent while it is deleted
 *     earliest             N   absent before the first trim
 *     deleted_at           N   current_offset at which the topic was deleted; otherwise absent
 *     l#{id}, p#{id}       N   the last offset of the newest range of producer `id`; S, its record
 *     moves                N   how many producers have ever left the item; absent: none
 *     closing, closing_of  N   the last offset of a closing append; S, what is known of it
 *     closed               N   the last offset for ever
 *     order, order_of      N   the last offset of the newest range of the string sequence; S, what is known of it
 *     config, swept        S   the topic's config; what the last sweep found
 *     kind                 S   "topic"; absent while it is deleted. With it, the item is in the index
 *
 * A record (log §6.5, §6.6) has the key `producer#{topic}#{id}` or `key#{topic}#{id}`:
 *
 *     last, text           N   its version; S, its content
 *     ttl                  N   when DynamoDB may remove it, seconds
 *
 * While a copy into the table is not complete (log §8), the item `#check` has:
 *
 *     copy_of, copy_run    S   where the data comes from; S, random, of the process that copies
 *
 * A consumer group (groups §2.1) has the key `group#{topic}#{group}`:
 *
 *     kind                 S   "group". With it, the item is in the index
 *     gen, rev             B   16 bytes, which life of the group it is; N, its revision
 *     by                   S   random, of the newest write
 *     config               S   JSON
 *     state                B   what is handed out, and what is settled
 *
 * An access token has the key `token#{id}`:
 *
 *     kind                 S   "token". With it, the item is in the index
 *     text                 S   what is known of it, as JSON
 */
import type { AttributeValue, CreateTableCommandInput, GlobalSecondaryIndex } from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { StoredRecord } from '../../ports/copy-store.ts'
import type { GroupItem, GroupName } from '../../ports/group-store.ts'
import type { RecordName } from '../../ports/record-store.ts'
import type { Fact, TopicItem } from '../../ports/topic-store.ts'

export type Item = Record<string, AttributeValue>

/** The partition key of the table, and the sort key of the index. */
export const PK = 'pk'

/** Tells what an item is, if it can be listed. */
export const KIND = 'kind'

/** Lists topics, the groups of a topic, and access tokens. It has only what no write changes, so that writes cost the same with it. */
export const TOPICS_INDEX = {
  IndexName: 'topics',
  KeySchema: [{ AttributeName: KIND, KeyType: 'HASH' }, { AttributeName: PK, KeyType: 'RANGE' }],
  Projection: { ProjectionType: 'KEYS_ONLY' }
} as const satisfies GlobalSecondaryIndex

/** All that the table has. */
export const TABLE_INDEXES: readonly GlobalSecondaryIndex[] = [TOPICS_INDEX]

/** In words, for whoever has to add it. */
export const TOPICS_INDEX_TEXT = `the index "${TOPICS_INDEX.IndexName}" (partition key kind, sort key pk, both strings, KEYS_ONLY)`

export const ATTRIBUTE_DEFINITIONS = [PK, KIND].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const }))

/** DynamoDB removes records after this time by itself, if that is enabled for the attribute. */
export const TTL_ATTRIBUTE = 'ttl'

export function tableDefinition (TableName: string): CreateTableCommandInput {
  return {
    TableName,
    KeySchema: [{ AttributeName: PK, KeyType: 'HASH' }],
    AttributeDefinitions: ATTRIBUTE_DEFINITIONS,
    GlobalSecondaryIndexes: [...TABLE_INDEXES],
    BillingMode: 'PAY_PER_REQUEST'
  }
}

/** Topic names cannot contain it, so keys with it are not those of topics. */
export const SEPARATOR = '#'
export const CHECK_KEY = `${SEPARATOR}check`
/** Attributes of the item {@link CHECK_KEY} while a copy into the table is not complete (log §8). */
export const COPY_MARK = { source: 'copy_of', run: 'copy_run' } as const
export const TOPIC_KIND = 'topic'
export const GROUP_KIND = 'group'
export const TOKEN_KIND = 'token'

export function recordKey ({ kind, topic, id }: RecordName): string {
  return [kind, topic, id].join(SEPARATOR)
}

export function groupKey ({ topic, group }: GroupName): string {
  return [GROUP_KIND, topic, group].join(SEPARATOR)
}

/** The name in a key that {@link recordKey} made. An id may have separators in it. */
export function recordNameOf (key: string): RecordName {
  const [kind = '', topic = '', ...id] = key.split(SEPARATOR)
  return { kind: kind === 'key' ? 'key' : 'producer', topic, id: id.join(SEPARATOR) }
}

/** The id in a key that {@link tokenKey} made. */
export function tokenIdOf (key: string): string {
  return key.slice(TOKEN_KIND.length + SEPARATOR.length)
}

/** The name in a key that {@link groupKey} made. */
export function groupNameOf (key: string): GroupName {
  const [, topic = '', group = ''] = key.split(SEPARATOR)
  return { topic, group }
}

export function tokenKey (id: string): string {
  return TOKEN_KIND + SEPARATOR + id
}

/** Attributes of a topic's item. */
export const TOPIC = {
  currentOffset: 'current_offset',
  reservedAt: 'reserved_at',
  correctedAt: 'corrected_at',
  createdAt: 'created_at',
  earliest: 'earliest',
  deletedAt: 'deleted_at',
  moves: 'moves',
  closed: 'closed',
  config: 'config',
  swept: 'swept'
} as const

/** Attributes of a group's item. */
export const GROUP = { gen: 'gen', rev: 'rev', by: 'by', config: 'config', state: 'state' } as const

/** Attributes of a token's item. */
export const TOKEN = { text: 'text' } as const

const GEN_BYTES = 16
/** Of a record that another program has made without a time: the last one that a date can have. */
const NEVER_MS = 8.64e15
/** Characters of a wrong value in the message of an error. */
const SHOWN_MAX = 100

/** Where a fact is: the last offset of its range, which is its version, and its text. */
export interface FactAttributes { readonly last: string, readonly text: string }

export const CLOSING: FactAttributes = { last: 'closing', text: 'closing_of' }
export const ORDER: FactAttributes = { last: 'order', text: 'order_of' }
/** Of a record. */
export const RECORD: FactAttributes = { last: 'last', text: 'text' }

const PRODUCER = { last: 'l#', text: 'p#' }

export function producerAttributes (id: string): FactAttributes {
  return { last: PRODUCER.last + id, text: PRODUCER.text + id }
}

export function number (value: number): AttributeValue {
  return { N: String(value) }
}

export function text (value: string): AttributeValue {
  return { S: value }
}

export function binary (value: Uint8Array): AttributeValue {
  return { B: value }
}

/** Whether the topic is deleted. */
export function isDeletedItem (item: Item): boolean {
  const deleted = item[TOPIC.deletedAt]?.N
  return deleted !== undefined && Number(deleted) === Number(item[TOPIC.currentOffset]?.N)
}

/** @throws StoreError `misconfigured` if an attribute is not as it must be */
export function topicItemOf (item: Item, topic: string): TopicItem {
  const of = `topic ${topic}`
  const producers = new Map<string, Fact>()
  for (const name of Object.keys(item)) {
    if (!name.startsWith(PRODUCER.last)) continue
    const id = name.slice(PRODUCER.last.length)
    producers.set(id, factOf(item, producerAttributes(id), of)!)
  }
  const currentOffset = numberOf(item, TOPIC.currentOffset, of) ?? 0
  const correctedAt = numberOf(item, TOPIC.correctedAt, of)
  return {
    currentOffset,
    // A counter that only adds to the offset leaves both as they were: then the time is not that of its reservation.
    reservedAtMs: correctedAt === undefined || correctedAt === currentOffset ? numberOf(item, TOPIC.reservedAt, of) : undefined,
    createdAtMs: numberOf(item, TOPIC.createdAt, of),
    earliest: numberOf(item, TOPIC.earliest, of) ?? 1,
    deletedAtOffset: numberOf(item, TOPIC.deletedAt, of),
    closed: numberOf(item, TOPIC.closed, of),
    closing: factOf(item, CLOSING, of),
    order: factOf(item, ORDER, of),
    moves: numberOf(item, TOPIC.moves, of) ?? 0,
    producers,
    config: textOf(item, TOPIC.config, of),
    swept: textOf(item, TOPIC.swept, of)
  }
}

/** @throws StoreError `misconfigured` if an attribute is not as it must be */
export function recordOf (item: Item, name: RecordName): Fact {
  const of = `record ${recordKey(name)}`
  return factOf(item, RECORD, of) ?? missing(RECORD.last, of)
}

/** @throws StoreError `misconfigured` if an attribute is not as it must be */
export function storedRecordOf (item: Item, name: RecordName): StoredRecord {
  const ttl = numberOf(item, TTL_ATTRIBUTE, `record ${recordKey(name)}`)
  return { name, record: recordOf(item, name), expiresAtMs: ttl === undefined ? NEVER_MS : ttl * 1_000 }
}

/** Where the copy comes from that is being made into the table. */
export function copySourceOf (item: Item | undefined): string | undefined {
  return item === undefined ? undefined : textOf(item, COPY_MARK.source, `item ${CHECK_KEY}`)
}

/** @throws StoreError `misconfigured` if an attribute is not as it must be */
export function groupItemOf (item: Item, { topic, group }: GroupName): GroupItem {
  const of = `consumer group ${group} of topic ${topic}`
  const gen = bytesOf(item, GROUP.gen, of)
  if (gen.length !== GEN_BYTES) throw wrong(`${GROUP.gen} of ${of} has ${gen.length} bytes: it must have ${GEN_BYTES}`)
  return {
    gen: Buffer.from(gen).toString('hex'),
    rev: numberOf(item, GROUP.rev, of) ?? missing(GROUP.rev, of),
    by: textOf(item, GROUP.by, of) ?? missing(GROUP.by, of),
    config: textOf(item, GROUP.config, of) ?? missing(GROUP.config, of),
    state: bytesOf(item, GROUP.state, of)
  }
}

/** Empty if it is not a string: then the token is refused, and can still be listed and removed. */
export function tokenTextOf (item: Item): string {
  return item[TOKEN.text]?.S ?? ''
}

function factOf (item: Item, attributes: FactAttributes, of: string): Fact | undefined {
  const last = numberOf(item, attributes.last, of)
  if (last === undefined) return undefined
  return { last, text: textOf(item, attributes.text, of) ?? missing(attributes.text, of) }
}

function numberOf (item: Item, attribute: string, of: string): number | undefined {
  const value = item[attribute]
  if (value === undefined) return undefined
  const number = Number(value.N)
  if (Number.isSafeInteger(number)) return number
  throw wrong(`${attribute} of ${of} is ${shown(value)}: it must be a whole number of at most 2^53 - 1`)
}

function textOf (item: Item, attribute: string, of: string): string | undefined {
  const value = item[attribute]
  if (value?.S !== undefined || value === undefined) return value?.S
  throw wrong(`${attribute} of ${of} is ${shown(value)}: it must be a string`)
}

function bytesOf (item: Item, attribute: string, of: string): Uint8Array {
  const value = item[attribute] ?? missing(attribute, of)
  if (value.B !== undefined) return value.B
  throw wrong(`${attribute} of ${of} is ${shown(value)}: it must be binary`)
}

/** The beginning of what may be long. */
function shown (value: AttributeValue): string {
  return JSON.stringify(value).slice(0, SHOWN_MAX)
}

function missing (attribute: string, of: string): never {
  throw wrong(`${attribute} of ${of} is missing`)
}

function wrong (message: string): StoreError {
  return new StoreError('misconfigured', 'unknown', message)
}
