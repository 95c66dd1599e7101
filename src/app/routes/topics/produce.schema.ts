import { Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'

export const Produced = Type.Object({
  topic: Type.String({ example: 'orders' }),
  offset: Type.Integer({ minimum: 1, description: 'The offset of the message, or of the first message of a batch.', example: 1 }),
  last_offset: Type.Optional(Type.Integer({ minimum: 1, description: 'Batches only: the offset of the last message.' })),
  count: Type.Optional(Type.Integer({ minimum: 1, description: 'Batches only: the number of messages.' })),
  duplicate: Type.Optional(Type.Literal(true, {
    description: 'The messages were stored before, by an earlier attempt with the same `producer` or `Idempotency-Key`. ' +
      'The offsets are those of that attempt.'
  })),
  closed: Type.Optional(Type.Literal(true, { description: 'The append has closed the topic.' }))
}, { $id: 'Produced', description: 'The messages are stored durably.' })

const most = Number.MAX_SAFE_INTEGER

/*
 * Headers are text: see consume.schema.ts. They are in ASCII, because what bytes above mean differs between clients and
 * platforms. An id or an order in other characters goes into the body.
 */

function count (description: string, example: number) {
  return Type.Optional(Type.String({
    pattern: '^(0|[1-9][0-9]{0,15})$',
    'x-max-number': most,
    'x-expected': `a whole number from 0 to ${most}`,
    'x-openapi': { type: 'integer', minimum: 0, maximum: most, example },
    description
  }))
}

/** A header with a text. */
export function asciiText (charsMax: number, description: string, example: string) {
  const pattern = `^[ -~]{1,${charsMax}}$`
  return Type.Optional(Type.String({
    pattern,
    'x-expected': `1 to ${charsMax} printable ASCII characters`,
    'x-openapi': { type: 'string', pattern, example },
    description
  }))
}

/**
 * For bodies of lines, which have no place beside their messages; and `idempotency-key`.
 * Not together with the members of the same meaning.
 */
export function produceHeaders ({ producerIdBytesMax, idempotencyKeyCharsMax, orderBytesMax }: Limits) {
  return Type.Object({
    'idempotency-key': asciiText(idempotencyKeyCharsMax,
      'The append is stored once, however often it is sent with this key within 24 hours. Not together with a producer.', 'order-4711'),
    'producer-id': asciiText(producerIdBytesMax, 'For lines: `producer.id`. With `Producer-Epoch` and `Producer-Seq`.', 'billing-1'),
    'producer-epoch': count('For lines: `producer.epoch`.', 0),
    'producer-seq': count('For lines: `producer.seq`.', 7),
    'expected-offset': Type.Optional(Type.String({
      pattern: '^[1-9][0-9]{0,15}$',
      'x-max-number': most,
      'x-expected': `a whole number from 1 to ${most}`,
      'x-openapi': { type: 'integer', minimum: 1, maximum: most, example: 12 },
      description: 'For lines: `expected_offset`.'
    })),
    'close-topic': Type.Optional(Type.String({
      pattern: '^(true|false)$',
      'x-expected': 'true or false',
      'x-openapi': { type: 'boolean' },
      description: 'For lines: `close`.'
    })),
    order: asciiText(orderBytesMax, 'For lines: `order`.', '2026-01-31T12:00:00Z')
  })
}
