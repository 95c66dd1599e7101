import { Type } from '@sinclair/typebox'
import { defaultLimits as limits } from '../../domain/limits.ts'

const wholeNumber = '[1-9][0-9]*'

export const ConsumeQuery = Type.Object({
  offset: Type.Optional(Type.String({
    pattern: '^([1-9][0-9]{0,15}|earliest|latest)$',
    'x-max-number': Number.MAX_SAFE_INTEGER,
    'x-expected': `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, "earliest" or "latest"`,
    description: 'The first offset wanted; `earliest`: the first there is; `latest`: the next one to be written. 1 if not given.',
    example: '1'
  })),
  limit: Type.Optional(Type.String({
    pattern: `^${wholeNumber}$`,
    'x-expected': 'a whole number from 1',
    description: `At most so many messages: ${limits.pageMessagesDefault} if not given, and never more than ${limits.pageMessagesMax}.`,
    example: '10'
  })),
  max_bytes: Type.Optional(Type.String({
    pattern: `^${wholeNumber}$`,
    'x-expected': 'a whole number from 1',
    description: `At most so many bytes of messages, but one message if there is one. Never more than ${limits.pageBytesMax}.`,
    example: '65536'
  })),
  wait: Type.Optional(Type.String({
    pattern: '^(0|[1-9][0-9]*)(\\.[0-9]{1,3})?$',
    'x-expected': 'a number of seconds from 0, with at most 3 decimals',
    description: `With nothing to read, wait so many seconds for a message: 0 if not given, and never more than ${limits.waitMaxMs / 1_000}.`,
    example: '20'
  }))
}, { additionalProperties: false })

export const ConsumeHeaders = Type.Object({
  'last-event-id': Type.Optional(Type.String({
    pattern: '^(0|[1-9][0-9]{0,15})$',
    'x-max-number': Number.MAX_SAFE_INTEGER - 1,
    'x-expected': `a whole number from 0 to ${Number.MAX_SAFE_INTEGER - 1}`,
    description: 'Of a stream: the offset to resume after, in place of `offset`. Browsers send it by themselves.',
    example: '41'
  }))
})

/** For OpenAPI: the messages themselves are stored lines, which no serialiser touches (log §2.3). */
export const MessagePage = Type.Object({
  messages: Type.Array(Type.Object({
    offset: Type.Integer({ minimum: 1 }),
    payload: Type.Unknown({
      description: 'Exactly as it was sent. Numbers may have more digits than a parser accepts: ' +
        'to skip such a message, read with `limit=1` and go on at the `Next-Offset` header.'
    }),
    timestamp: Type.Integer({ description: 'When the server took it, ms since epoch.' }),
    key: Type.Optional(Type.String()),
    headers: Type.Optional(Type.Record(Type.String(), Type.String()))
  })),
  next_offset: Type.Integer({ minimum: 1, description: 'The `offset` to ask for next.' })
}, {
  $id: 'MessagePage',
  description: 'Messages in offset order without a gap; an empty page when there is nothing yet.',
  example: { messages: [{ offset: 1, payload: { item: 'book', quantity: 2 }, timestamp: 1702000000000 }], next_offset: 2 }
})

/** The static type is what the handler sends: a page as bytes, or a stream. */
export const ConsumeAnswer = Type.Unsafe<unknown>({
  description: 'A page. With `Accept: application/x-ndjson` the messages one a line. With `Accept: text/event-stream` a stream: each message an ' +
    'event with `id: {offset}` and the message as `data`; comments as heartbeats.',
  headers: {
    'next-offset': { schema: { type: 'integer', minimum: 1 }, description: 'Of a page: the `offset` to ask for next.' },
    'content-encoding': { schema: { type: 'string', enum: ['gzip', 'br', 'zstd'] }, description: 'Of a page over 1 KiB, by `Accept-Encoding`.' }
  },
  content: {
    'application/json': { schema: Type.Ref(MessagePage) },
    'application/x-ndjson': { schema: { type: 'string', description: 'Empty when there is nothing yet.' } },
    'text/event-stream': { schema: { type: 'string', example: 'id: 1\ndata: {"offset":1,"payload":{"item":"book","quantity":2},"timestamp":1702000000000}\n\n' } }
  }
})
