import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import type { Log } from '../../../domain/log/log.ts'
import { createOperation } from '../../../domain/operation.ts'
import type { MessageBody } from '../../http/bodies/message-reader.ts'
import { messageSchemas } from '../../http/bodies/message.schema.ts'
import { jsonType, linesType } from '../../http/bodies/raw-body.ts'
import { compiler } from '../../http/validation.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { Produced } from './produce.schema.ts'

export interface ProduceRouteOptions {
  readonly log: Log
  readonly limits: Limits
  readonly hide: boolean
}

/** `POST /topics/{topic}/produce` */
export const produceRoute: FastifyPluginCallbackTypebox<ProduceRouteOptions> = (app, { log, limits, hide }, done) => {
  const { Message, Messages, Batch } = messageSchemas(limits)
  const compile = compiler()
  // The messages were validated when they were read.
  const validBody = ({ error }: MessageBody): true | { error: Error } => error === undefined || { error }

  app.post<{ Params: { topic: string }, Body: MessageBody | undefined }>('/topics/:topic/produce', {
    config: { appends: true },
    schema: {
      hide,
      operationId: 'produce',
      tags: ['topics'],
      summary: 'Append a message or a batch of messages',
      params: TopicParams,
      body: {
        content: {
          [jsonType]: { schema: Type.Union([Message, Batch]) },
          [linesType]: {
            schema: { ...Messages, description: 'One message per line; blank lines are ignored. Always a batch, even of one message.' }
          }
        }
      },
      response: {
        200: Type.Ref(Produced),
        ...problems(
          'malformed_request', 'missing_body', 'malformed_json', 'invalid_encoding', 'invalid_request', 'invalid_topic',
          'body_too_large', 'unsupported_media_type', 'server_busy', ...storageProblems, 'overloaded', 'append_timeout',
          'append_contended', 'shutting_down', 'storage_full')
      }
    },
    validatorCompiler: ({ schema, httpPart }) => httpPart === 'body' ? validBody : compile(schema)
  }, async ({ params: { topic }, body, logFields }) => {
    // Fastify does not call parsers and validators without a body.
    if (body === undefined) throw new LogError('missing_body', 'body: expected a JSON object, got nothing')
    logFields.topic = topic
    const { messages, batch } = body
    logFields.written = 'unknown'
    const operation = createOperation()
    const { first, last } = await log.append(topic, messages, {}, operation)
    logFields.offset = first
    logFields.messages = messages.length
    logFields.storage = operation.calls
    return batch ? { topic, offset: first, last_offset: last, count: messages.length } : { topic, offset: first }
  })

  done()
}
