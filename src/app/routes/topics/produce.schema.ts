import { Type } from '@sinclair/typebox'

export const Produced = Type.Object({
  topic: Type.String({ example: 'orders' }),
  offset: Type.Integer({ minimum: 1, description: 'The offset of the message, or of the first message of a batch.', example: 1 }),
  last_offset: Type.Optional(Type.Integer({ minimum: 1, description: 'Batches only: the offset of the last message.' })),
  count: Type.Optional(Type.Integer({ minimum: 1, description: 'Batches only: the number of messages.' }))
}, { $id: 'Produced', description: 'The messages are stored durably.' })
