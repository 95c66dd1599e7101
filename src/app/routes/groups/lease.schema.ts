import { type Static, Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'
import { ProblemSchema } from '../../http/problem.ts'
import { MessagePage } from '../topics/consume.schema.ts'
import { asciiText } from '../topics/produce.schema.ts'
import { committedOffset, expiry, integer, lag, leaseTime, most } from './fields.schema.ts'

/** Of 36 bytes, as base64url. */
const leaseId = Type.String({
  pattern: '^[A-Za-z0-9_-]{48}$',
  description: 'The `id` of the lease, as receive gave it.',
  'x-expected': 'the id of a lease',
  example: 'n4bQgQAAAAAAAAABn4bQgYhMfWUAAAAAAAAAAQAAAAAAAAAK'
})

const OBJECT = { additionalProperties: false, 'x-expected': 'a JSON object' }

/** Which messages of which lease. */
function part ({ leaseOffsetsMax }: Limits) {
  return {
    lease_id: leaseId,
    offsets: Type.Optional(Type.Array(integer(1, most, 'An offset of the lease.'), {
      minItems: 1,
      maxItems: leaseOffsetsMax,
      description: 'The messages that are meant; all of the lease by default.',
      'x-expected': `an array of 1 to ${leaseOffsetsMax} offsets`,
      example: [7, 8]
    }))
  }
}

export type PartBody = Static<ReturnType<typeof ackBody>>

export function ackBody (limits: Limits) {
  return Type.Object(part(limits), { ...OBJECT, title: 'An acknowledgement' })
}

export function nackBody (limits: Limits) {
  const { retryDelayByWorkerMaxMs, deadLetterDetailBytesMax } = limits
  return Type.Object({
    ...part(limits),
    delay_ms: Type.Optional(
      integer(0, retryDelayByWorkerMaxMs, 'Not to be delivered again before this time.', { default: 0, example: 5_000 })
    ),
    counted: Type.Optional(Type.Boolean({
      default: true,
      description: 'Whether the delivery counts for `max_attempts`. `false` is for messages that the worker did not begin.',
      'x-expected': 'true or false'
    })),
    reject: Type.Optional(Type.Boolean({
      default: false,
      description: 'Give the messages up: they become dead letters at once, whatever the other members say.',
      'x-expected': 'true or false'
    })),
    detail: Type.Optional(Type.String({
      'x-max-bytes': deadLetterDetailBytesMax,
      'x-well-formed': true,
      description: `Why, for the dead letters. At most ${deadLetterDetailBytesMax} bytes.`,
      'x-expected': `a string of at most ${deadLetterDetailBytesMax} bytes`,
      example: 'no such customer'
    }))
  }, { ...OBJECT, title: 'Messages that were not done' })
}

export function extendBody (limits: Limits) {
  return Type.Object({
    lease_id: leaseId,
    lease_ms: Type.Optional(leaseTime(limits, 'The lease ends so long after now, even if that is earlier. By default, that of the group.'))
  }, { ...OBJECT, title: 'A longer lease' })
}

export function receiveHeaders ({ idempotencyKeyCharsMax }: Limits) {
  return Type.Object({
    'idempotency-key': asciiText(idempotencyKeyCharsMax,
      'A receive that is repeated with its key, because its answer was lost, gets the same lease again while that is live.', 'worker-3-17')
  })
}

export function receiveBody (limits: Limits) {
  const { pageMessagesMax, pageMessagesDefault, pageBytesMax, waitMaxMs, consumerBytesMax, receiveAcksMax } = limits
  return Type.Object({
    limit: Type.Optional(integer(1, pageMessagesMax, 'Maximum number of messages.', { default: pageMessagesDefault, example: 10 })),
    max_bytes: Type.Optional(Type.Integer({
      minimum: 1,
      default: pageBytesMax,
      description: 'Maximum number of bytes of all messages together; one message comes even if it is larger. ' +
        `Values above ${pageBytesMax} count as ${pageBytesMax}.`,
      'x-expected': 'a whole number from 1',
      example: 65_536
    })),
    lease_ms: Type.Optional(leaseTime(limits, 'How long the messages are leased. By default, that of the group.')),
    wait: Type.Optional(Type.Number({
      minimum: 0,
      default: 0,
      description: 'Long poll: seconds to wait if there is no message to hand out, counted in milliseconds. ' +
        `Values above ${waitMaxMs / 1_000} count as ${waitMaxMs / 1_000}.`,
      'x-expected': 'a number of seconds from 0',
      example: 20
    })),
    consumer: Type.Optional(Type.String({
      pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$',
      'x-max-bytes': consumerBytesMax,
      'x-well-formed': true,
      description: `The worker's name, for the description of the group. At most ${consumerBytesMax} bytes.`,
      'x-expected': `1 to ${consumerBytesMax} bytes of UTF-8 without control characters`,
      example: 'worker-3'
    })),
    ack: Type.Optional(Type.Array(ackBody(limits), {
      maxItems: receiveAcksMax,
      description: 'To be acknowledged first, and before a wait begins. One that is refused does not fail the receive.',
      'x-expected': `an array of at most ${receiveAcksMax} acknowledgements`
    }))
  }, { ...OBJECT, title: 'A receive' })
}

export type ReceiveBody = Static<ReturnType<typeof receiveBody>>

export const Acked = Type.Object({
  acked: Type.Integer({ minimum: 0, description: 'Messages that this request has acknowledged.', example: 10 }),
  already: Type.Boolean({ description: 'All of them were done before: by an earlier copy of the request, or by others.', example: false }),
  committed_offset: committedOffset
}, { $id: 'Acked' })

export const Nacked = Type.Object({
  nacked: Type.Integer({ minimum: 0, example: 1 }),
  returned: Type.Array(Type.Integer({ minimum: 1 }), {
    description: 'Later messages of the same keys in the lease, which went back, too. The worker must not handle them any more.',
    example: [8, 9]
  }),
  dead: Type.Integer({ minimum: 0, description: 'How many of the messages became dead letters.', example: 0 })
}, { $id: 'Nacked' })

export const Extended = Type.Object(expiry, { $id: 'Extended' })

/** For OpenAPI only: messages are stored lines and are not serialized. */
export const Received = Type.Object({
  messages: MessagePage.properties.messages,
  lease: Type.Unsafe<unknown>({
    type: ['object', 'null'],
    description: '`null` if there are no messages.',
    properties: {
      id: leaseId,
      ...expiry,
      redelivered: Type.Array(Type.Object({
        first: Type.Integer({ minimum: 1 }),
        last: Type.Integer({ minimum: 1 }),
        attempt: Type.Integer({ minimum: 2 })
      }), { description: 'Which of the messages were delivered before, and the how many-th delivery this is.' })
    },
    required: ['id', 'expires_at', 'expires_in_ms', 'redelivered']
  }),
  acked: Type.Optional(Type.Array(Type.Union([Type.Ref(Acked), Type.Ref(ProblemSchema)]), {
    description: 'Only if the request had `ack`: for each entry what ack would have answered, or its problem.'
  })),
  committed_offset: committedOffset,
  lag,
  waiting_for: Type.Optional(Type.Unsafe<string>({
    type: 'string',
    enum: ['messages', 'writer', 'delay', 'leases', 'acks', 'dead_letters'],
    description: 'Only without messages, what is missing. `messages`: new ones; `writer`: one that is being written; `delay`: the next ' +
      'is not due; `leases`: what is left waits for messages that are leased; `acks`: too much is out; `dead_letters`: too many of ' +
      'them are on their way.'
  })),
  retry_in_ms: Type.Optional(Type.Integer({
    minimum: 0, description: 'Only without messages: when it is worth asking again, if nothing else happens before.'
  }))
}, {
  $id: 'Received',
  description: 'Messages in ascending order of offsets, as they are stored.',
  example: {
    messages: [{ offset: 11, payload: { item: 'book', quantity: 2 }, timestamp: 1702000000000 }],
    lease: {
      id: 'n4bQgQAAAAAAAAABn4bQgYhMfWUAAAAAAAAACwAAAAAAAAAL', expires_at: 1702000030000, expires_in_ms: 29_990, redelivered: []
    },
    committed_offset: 11,
    lag: 1
  }
})
