import { Type } from '@sinclair/typebox'
import { defaultLimits as limits } from '../domain/limits.ts'
import { topicExpected, topicPattern } from '../domain/topic.ts'
import { type ErrorCode, errorTable } from '../domain/errors.ts'
import { problemType, ProblemSchema } from './problem.ts'
import type { RawJson } from './raw-body.ts'

/** Validation, static types and OpenAPI all come from these; the keywords `x-…` are explained in validation.ts. */

export const TopicParams = Type.Object({
  topic: Type.String({ pattern: topicPattern, description: `The topic: ${topicExpected}.`, 'x-expected': topicExpected, example: 'orders' })
})

const headersExpected = `an object of strings, at most ${limits.headersBytesMax} bytes together`

export const ProduceBody = Type.Object({
  payload: Type.Unsafe<RawJson>({
    description: 'Any JSON value, `null` too. It comes back exactly as it was sent.',
    'x-expected': 'any JSON value',
    example: { item: 'book', quantity: 2 }
  }),
  key: Type.Optional(Type.String({
    description: `Kept with the message. At most ${limits.keyBytesMax} bytes.`,
    'x-max-bytes': limits.keyBytesMax,
    'x-expected': `a string of at most ${limits.keyBytesMax} bytes`,
    example: 'customer-7'
  })),
  headers: Type.Optional(Type.Record(Type.String(), Type.String({ 'x-expected': 'a string' }), {
    description: `Kept with the message. At most ${limits.headersBytesMax} bytes, names and values together.`,
    'x-max-bytes': limits.headersBytesMax,
    'x-expected': headersExpected,
    example: { source: 'web' }
  }))
}, { additionalProperties: false, 'x-expected': 'a JSON object' })

export const Produced = Type.Object({
  topic: Type.String({ example: 'orders' }),
  offset: Type.Integer({ minimum: 1, description: 'Where the message is in the topic.', example: 1 })
}, { $id: 'Produced', description: 'The message is stored durably.' })

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

export const Status = Type.Object({ status: Type.Literal('ok') }, { $id: 'Status' })

/** The documented error answers of a route, from the codes it can end with. */
export function problems (...codes: ErrorCode[]): Record<number, unknown> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, 'internal'] as const) {
    const { status } = errorTable[code]
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return Object.fromEntries([...byStatus].map(([status, all]) => [status, {
    description: all.map((code) => `\`${code}\`: ${errorTable[code].title}.`).join(' '),
    content: { [problemType]: { schema: Type.Ref(ProblemSchema) } }
  }]))
}
