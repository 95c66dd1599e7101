import { Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'

/** The schemas of the bodies of an append: one message, several, and several in an object. */
export function messageSchemas (limits: Limits) {
  const Message = Type.Object({
    payload: Type.Unsafe<string>({
      description: `Any JSON value, including \`null\`. Objects and arrays are nested at most ${limits.payloadNestingMax} levels deep. ` +
        'Numbers may have any number of digits. The payload comes back exactly as it was sent.',
      'x-expected': 'any JSON value',
      example: { item: 'book', quantity: 2 }
    }),
    key: Type.Optional(Type.String({
      description: `Stored with the message. At most ${limits.keyBytesMax} bytes.`,
      'x-max-bytes': limits.keyBytesMax,
      'x-expected': `a string of at most ${limits.keyBytesMax} bytes`,
      example: 'customer-7'
    })),
    headers: Type.Optional(Type.Record(Type.String(), Type.String({ 'x-expected': 'a string' }), {
      description: `Stored with the message. At most ${limits.headersBytesMax} bytes, names and values together.`,
      'x-max-bytes': limits.headersBytesMax,
      'x-expected': `an object of strings, at most ${limits.headersBytesMax} bytes together`,
      example: { source: 'web' }
    }))
  }, { additionalProperties: false, title: 'A message', 'x-expected': 'a JSON object' })

  const Messages = Type.Array(Message, {
    description: 'The messages are written atomically, at consecutive offsets.',
    minItems: 1,
    maxItems: limits.requestMessagesMax,
    'x-expected': `1 to ${limits.requestMessagesMax} messages`
  })

  const Batch = Type.Object({ messages: Messages }, { additionalProperties: false, title: 'A batch', 'x-expected': 'a JSON object' })

  return { Message, Messages, Batch }
}
