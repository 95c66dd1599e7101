import { Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'

const wholeNumber = '[1-9][0-9]*'
/** RFC 3339, section 5.6. */
const dateTime = '[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})'
export const timestampExpected = 'milliseconds since 1970, or a date such as 2026-01-31T12:00:00Z'

/*
 * Parameters are validated as text: otherwise `1e3`, `0x10` or ` 1` would be accepted as numbers.
 * `x-openapi` is their type for clients.
 */

export function consumeQuery (limits: Limits) {
  return Type.Object({
    offset: Type.Optional(Type.String({
      pattern: '^([1-9][0-9]{0,15}|earliest|latest)$',
      'x-max-number': Number.MAX_SAFE_INTEGER,
      'x-expected': `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, "earliest" or "latest"`,
      'x-openapi': {
        anyOf: [{ type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }, { type: 'string', enum: ['earliest', 'latest'] }],
        default: 1,
        example: 1
      },
      description: 'The first offset to return. `earliest` is the first offset of the topic, `latest` the offset of the next message to ' +
        'be written. An offset below the first one is taken for `earliest`, which `Earliest-Offset` tells; an offset beyond the end of ' +
        'the topic is refused.'
    })),
    timestamp: Type.Optional(Type.String({
      pattern: `^(0|[1-9][0-9]{0,14}|${dateTime})$`,
      'x-expected': timestampExpected,
      'x-openapi': {
        anyOf: [{ type: 'integer', minimum: 0, maximum: 999_999_999_999_999 }, { type: 'string', format: 'date-time' }],
        example: 1_702_000_000_000
      },
      description: 'In place of `offset`: begin at the first message at or after this time, in milliseconds since 1970 (UTC) or as a ' +
        'date of RFC 3339. If there is none, begin at the end. Timestamps are those of the servers: see the guarantees.'
    })),
    limit: Type.Optional(Type.String({
      pattern: `^${wholeNumber}$`,
      'x-expected': 'a whole number from 1',
      'x-openapi': { type: 'integer', minimum: 1, default: limits.pageMessagesDefault, example: 10 },
      description: `Maximum number of messages. Values above ${limits.pageMessagesMax} count as ${limits.pageMessagesMax}.`
    })),
    max_bytes: Type.Optional(Type.String({
      pattern: `^${wholeNumber}$`,
      'x-expected': 'a whole number from 1',
      'x-openapi': { type: 'integer', minimum: 1, default: limits.pageBytesMax, example: 65_536 },
      description: 'Maximum number of bytes of all messages together. A page has at least one message if there is one, even a larger ' +
        `one. Values above ${limits.pageBytesMax} count as ${limits.pageBytesMax}.`
    })),
    wait: Type.Optional(Type.String({
      pattern: '^(0|[1-9][0-9]*)(\\.[0-9]{1,3})?$',
      'x-expected': 'a number of seconds from 0, with at most 3 decimals',
      'x-openapi': { type: 'number', minimum: 0, default: 0, example: 20 },
      description: 'Long poll: seconds to wait for a message if there is none yet, with at most 3 decimals. ' +
        `Values above ${limits.waitMaxMs / 1_000} count as ${limits.waitMaxMs / 1_000}.`
    }))
  }, { additionalProperties: false })
}

export const ConsumeHeaders = Type.Object({
  'last-event-id': Type.Optional(Type.String({
    pattern: '^(0|[1-9][0-9]{0,15})$',
    'x-max-number': Number.MAX_SAFE_INTEGER - 1,
    'x-expected': `a whole number from 0 to ${Number.MAX_SAFE_INTEGER - 1}`,
    'x-openapi': { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1, example: 41 },
    description: 'Server-sent events only: resume after this offset; overrides `offset`. Browsers send it when they reconnect.'
  }))
})

/** For OpenAPI only: messages are stored lines and are not serialized (log §2.3). */
export const MessagePage = Type.Object({
  messages: Type.Array(Type.Object({
    offset: Type.Integer({ minimum: 1 }),
    payload: Type.Unknown({
      description: 'Exactly as it was sent: numbers, escapes and the order of members are not changed. Numbers may have more digits ' +
        'than a parser accepts: to skip such a message, read with `limit=1` and continue at the `Next-Offset` header.'
    }),
    timestamp: Type.Integer({ description: 'When the server received the message, in milliseconds since 1970 (UTC).' }),
    key: Type.Optional(Type.String()),
    headers: Type.Optional(Type.Record(Type.String(), Type.String()))
  })),
  next_offset: Type.Integer({ minimum: 1, description: 'The `offset` of the next request.' }),
  closed: Type.Optional(
    Type.Literal(true, { description: 'The topic is closed, and this page goes up to its end: nothing comes after it.' })
  )
}, {
  $id: 'MessagePage',
  description: 'Messages in ascending order of offsets, without gaps; no messages if there are none yet.',
  example: { messages: [{ offset: 1, payload: { item: 'book', quantity: 2 }, timestamp: 1702000000000 }], next_offset: 2 }
})

/** The static type is `unknown`, because the handler sends bytes or a stream. */
export const ConsumeAnswer = Type.Unsafe<unknown>({
  description: 'A page: as JSON, or with `Accept: application/x-ndjson` one message per line. With `Accept: text/event-stream`, a stream ' +
    'that does not end: each message is an event with its offset as `id` and the message as `data`; comments are heartbeats. At the end ' +
    'of a closed topic, the event `closed` is the last one.',
  headers: {
    'earliest-offset': {
      type: 'integer',
      minimum: 1,
      description: 'Pages only: the first offset that was not removed. If it is above `offset`, the page begins there.'
    },
    'end-offset': {
      type: 'integer',
      minimum: 1,
      description: 'Pages only: the end of the topic. The messages from `Next-Offset` up to it are still to be read.'
    },
    'topic-closed': { type: 'string', enum: ['true'], description: 'Pages only: the topic is closed, and this page goes up to its end.' },
    'next-offset': { type: 'integer', minimum: 1, description: 'Pages only: the `offset` of the next request.' },
    'content-encoding': {
      type: 'string',
      enum: ['gzip', 'br', 'zstd'],
      description: 'Set when a page over 1 KiB was compressed as `Accept-Encoding` allows.'
    }
  },
  content: {
    'application/json': { schema: Type.Ref(MessagePage) },
    'application/x-ndjson': {
      schema: {
        type: 'string',
        description: 'Empty if there are no messages yet.',
        example: '{"offset":1,"payload":{"item":"book","quantity":2},"timestamp":1702000000000}\n'
      }
    },
    'text/event-stream': {
      schema: {
        type: 'string',
        example: 'id: 1\ndata: {"offset":1,"payload":{"item":"book","quantity":2},"timestamp":1702000000000}\n\n'
      }
    }
  }
})
