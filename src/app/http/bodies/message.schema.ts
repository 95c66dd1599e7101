import { Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'

/** The members beside a payload or messages that say how to append (log §6.14). */
export const conditionNames = ['producer', 'expected_offset', 'close', 'order'] as const
export type ConditionName = typeof conditionNames[number]

export const producerNames = ['id', 'epoch', 'seq'] as const
export type ProducerName = typeof producerNames[number]

export function isConditionName (name: string): name is ConditionName {
  return (conditionNames as readonly string[]).includes(name)
}

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
  const Conditions = conditionsSchema(limits)

  return {
    Message,
    Messages,
    Batch,
    Conditions,
    /** A whole body: with the conditions beside the payload or the messages. */
    MessageBody: Type.Object({ ...Message.properties, ...Conditions.properties }, bodyOptions('A message')),
    BatchBody: Type.Object({ ...Batch.properties, ...Conditions.properties }, bodyOptions('A batch'))
  }
}

function bodyOptions (title: string): object {
  return { additionalProperties: false, title, 'x-expected': 'a JSON object' }
}

const most = Number.MAX_SAFE_INTEGER

/** What an append may ask for beside being stored (log §6.14). */
function conditionsSchema ({ producerIdBytesMax, orderBytesMax }: Limits) {
  const count = (description: string, example: number) => (
    Type.Integer({ minimum: 0, maximum: most, description, 'x-expected': `a whole number from 0 to ${most}`, example }))
  const text = (bytesMax: number, description: string, example: string) => Type.String({
    minLength: 1,
    'x-max-bytes': bytesMax,
    'x-well-formed': true,
    description,
    'x-expected': `a string of 1 to ${bytesMax} bytes`,
    example
  })
  return Type.Object({
    producer: Type.Optional(Type.Object({
      id: text(producerIdBytesMax, `Names the producer: one program that sends, at most ${producerIdBytesMax} bytes.`, 'billing-1'),
      epoch: count('Higher for each instance that takes the id over: appends of lower epochs are then refused.', 0),
      seq: count('Numbers the appends of an epoch: 0, 1, 2, … A repeat has the number of the first attempt.', 7)
    }, {
      additionalProperties: false,
      description: 'The append is stored once, however often it is sent. The answer to a repeat has `duplicate`.',
      'x-expected': 'an object with id, epoch and seq'
    })),
    expected_offset: Type.Optional(Type.Integer({
      minimum: 1,
      maximum: most,
      description: 'Append only if the first message gets this offset: the topic ends there, and nobody has appended since it was read.',
      'x-expected': `a whole number from 1 to ${most}`,
      example: 12
    })),
    close: Type.Optional(Type.Boolean({
      description: 'Close the topic with this append: nothing can be appended any more.',
      'x-expected': 'true or false'
    })),
    order: Type.Optional(text(orderBytesMax,
      `Append only if it is above, as bytes of UTF-8, that of every append before which has one. At most ${orderBytesMax} bytes.`,
      '2026-01-31T12:00:00Z'))
  }, { additionalProperties: false, 'x-expected': 'a JSON object' })
}
