import { Type } from '@sinclair/typebox'
import { defaultLimits as limits } from '../../domain/limits.ts'
import type { RawJson } from '../raw-body.ts'

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
