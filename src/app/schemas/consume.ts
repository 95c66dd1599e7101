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
  }))
}, { additionalProperties: false })

/** For OpenAPI: the messages themselves are stored lines, which no serialiser touches (log §2.3). */
export const MessagePage = Type.Object({
  messages: Type.Array(Type.Object({
    offset: Type.Integer({ minimum: 1 }),
    payload: Type.Unknown({ description: 'Exactly as it was sent.' }),
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
