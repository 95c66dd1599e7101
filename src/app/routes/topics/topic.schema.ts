import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'
import type { TopicDescription } from '../../../domain/catalog/catalog.ts'
import type { GroupsProgress } from '../../../domain/groups/groups.ts'
import type { ConfigChange, RateConfig, TopicConfig } from '../../../domain/topics/config.ts'

const most = Number.MAX_SAFE_INTEGER

/** Integers from `least`. `null` takes the default again. */
function bound (least: number, max: number, description: string, example: number) {
  const expected = `a whole number from ${least} to ${max}, or null`
  return Type.Optional(
    Type.Unsafe<number | null>({ type: ['integer', 'null'], minimum: least, maximum: max, description, 'x-expected': expected, example })
  )
}

function perSecond (description: string, example: number) {
  return Type.Optional(Type.Integer({ minimum: 1, maximum: most, description, 'x-expected': `a whole number from 1 to ${most}`, example }))
}

/** What can be set for a topic. */
export function configSchema ({ retentionMinMs, requestBytesMax }: Limits) {
  const Rate = Type.Object({
    messages: perSecond('Messages a second.', 100),
    bytes: perSecond('UTF-8 bytes of payloads, keys and headers, as JSON, a second.', 1_000_000)
  })
  return Type.Object({
    retention_ms: bound(
      retentionMinMs,
      most,
      'Messages that were stored longer ago, in ms, are removed. By default, that of the server: RETENTION_MS.',
      604_800_000
    ),
    retention_bytes: bound(
      1,
      most,
      'The oldest messages are removed while the topic has more bytes, as stored. By default, that of the server: RETENTION_BYTES.',
      1_000_000_000
    ),
    max_message_bytes: bound(
      1,
      requestBytesMax,
      'The largest message: UTF-8 bytes of its payload, key and headers as JSON. By default, what fits into a request.',
      65_536
    ),
    rate: Type.Optional(Type.Unsafe<Static<typeof Rate> | null>({
      type: ['object', 'null'],
      properties: Rate.properties,
      additionalProperties: false,
      minProperties: 1,
      description: 'What each server process takes in a second; more is refused with 429. An append that is larger than that is taken ' +
        'when nothing was sent for a second. It is replaced as a whole. By default there is no bound.',
      'x-expected': 'an object with messages, bytes or both, or null'
    }))
  }, { additionalProperties: false, title: 'A config', 'x-expected': 'a JSON object' })
}

export type ConfigBody = Static<ReturnType<typeof configSchema>>

export function changeOf (
  { retention_ms: retentionMs, retention_bytes: retentionBytes, max_message_bytes: maxMessageBytes, rate }: ConfigBody
): ConfigChange {
  return { retentionMs, retentionBytes, maxMessageBytes, rate }
}

function orNull<Schema extends TSchema> (schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema['type'] as string, 'null'] })
}

export const Topic = Type.Object({
  topic: Type.String({ example: 'orders' }),
  earliest: Type.Integer({ minimum: 1, description: 'The first offset that was not removed.' }),
  end: Type.Integer({ minimum: 1, description: 'The offset of the next message to be written.' }),
  created_at: orNull(Type.Integer({ description: 'In milliseconds since 1970 (UTC); `null` if it is not known.', example: 1702000000000 })),
  closed: Type.Boolean({ description: 'Nothing can be appended any more.' }),
  config: Type.Object({
    retention_ms: orNull(Type.Integer()),
    retention_bytes: orNull(Type.Integer()),
    max_message_bytes: orNull(Type.Integer()),
    rate: orNull(Type.Object({ messages: Type.Optional(Type.Integer()), bytes: Type.Optional(Type.Integer()) }))
  }, { description: 'What was set for the topic. `null`: the default.' }),
  groups: Type.Optional(Type.Array(Type.Object({
    group: Type.String({ example: 'billing' }),
    committed_offset: orNull(Type.Integer({ minimum: 1, description: '`null`, as `lag`, if what is stored of the group can\'t be read.' })),
    lag: orNull(Type.Integer({ minimum: 0, description: 'The end less the committed offset.' }))
  }), { description: 'Only with `groups=true`: the first consumer groups by name.' })),
  groups_truncated: Type.Optional(Type.Boolean({ description: 'Only with `groups=true`: the topic has more groups.' }))
}, { $id: 'Topic' })

/** The body of a topic's description. */
export function bodyOf ({ topic, earliest, end, createdAtMs, closed, config }: TopicDescription): Static<typeof Topic> {
  return { topic, earliest, end, created_at: createdAtMs ?? null, closed, config: configBody(config) }
}

/** What `groups=true` adds. */
export function groupsBody ({ groups, truncated }: GroupsProgress): Pick<Static<typeof Topic>, 'groups' | 'groups_truncated'> {
  return {
    groups: groups.map(({ group, committedOffset = null, lag = null }) => ({ group, committed_offset: committedOffset, lag })),
    groups_truncated: truncated
  }
}

export function describeQuery ({ describedGroupsMax }: Limits) {
  return Type.Object({
    groups: Type.Optional(Type.String({
      pattern: '^(true|false)$',
      'x-expected': 'true or false',
      'x-openapi': { type: 'boolean', default: false },
      description: `With the lag of the topic's first ${describedGroupsMax} consumer groups. Each costs a read.`
    }))
  }, { additionalProperties: false })
}

function configBody ({ retentionMs, retentionBytes, maxMessageBytes, rate }: TopicConfig): Static<typeof Topic>['config'] {
  return {
    retention_ms: retentionMs ?? null,
    retention_bytes: retentionBytes ?? null,
    max_message_bytes: maxMessageBytes ?? null,
    rate: rate === undefined ? null : rateBody(rate)
  }
}

/** Without members that are not set. */
function rateBody ({ messages, bytes }: RateConfig): { messages?: number, bytes?: number } {
  return { ...messages === undefined ? {} : { messages }, ...bytes === undefined ? {} : { bytes } }
}

export const TopicList = Type.Object({
  topics: Type.Array(Type.Object({ topic: Type.String({ example: 'orders' }) })),
  next: Type.Optional(Type.String({ description: 'The `after` of the next request; absent when there are no more topics.' }))
}, {
  $id: 'TopicList',
  description: 'Topics in ascending order of their names, as bytes. It may have fewer than `limit`, even none, though there are more.'
})

/** As text, like the parameters of consume. */
/** @param what is listed, in words @param example a name */
export function listQuery ({ topicsPageDefault, topicsPageMax }: Limits, what = 'topics', example = 'orders') {
  return Type.Object({
    limit: Type.Optional(Type.String({
      pattern: '^[1-9][0-9]*$',
      'x-expected': 'a whole number from 1',
      'x-openapi': { type: 'integer', minimum: 1, default: topicsPageDefault, example: 100 },
      description: `Maximum number of ${what}. Values above ${topicsPageMax} count as ${topicsPageMax}.`
    })),
    after: Type.Optional(Type.String({
      'x-max-bytes': 1_024,
      'x-expected': 'a string of at most 1024 bytes',
      'x-openapi': { type: 'string', 'x-max-bytes': 1_024, example },
      description: `The ${what} after this name: \`next\` of the page before.`
    }))
  }, { additionalProperties: false })
}

const offset = { minimum: 1, maximum: most, 'x-expected': `a whole number from 1 to ${most}` }

export const TrimBody = Type.Object({
  before: Type.Integer({
    ...offset, description: 'The offset that becomes the first one. Beyond the end, all messages are removed.', example: 100
  })
}, { additionalProperties: false, title: 'A trim', 'x-expected': 'a JSON object' })

export const Trimmed = Type.Object({
  topic: Type.String({ example: 'orders' }),
  earliest: Type.Integer({ minimum: 1, description: 'The first offset that was not removed.', example: 100 })
}, { $id: 'Trimmed' })

export const CloseBody = Type.Object({
  expected_offset: Type.Optional(Type.Integer({ ...offset, description: 'Close only if this is the end of the topic.', example: 12 }))
}, { additionalProperties: false, title: 'A close', 'x-expected': 'a JSON object' })

export const Closed = Type.Object({
  topic: Type.String({ example: 'orders' }),
  end: Type.Integer({ minimum: 1, description: 'The offset after the last one, for ever.', example: 12 }),
  closed: Type.Literal(true)
}, { $id: 'Closed' })
