import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { AnySchema, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import type { Appended, Log } from '../../../domain/log/log.ts'
import { createOperation } from '../../../domain/operation.ts'
import type { MessageBody } from '../../http/bodies/message-reader.ts'
import { messageSchemas } from '../../http/bodies/message.schema.ts'
import { jsonType, linesType } from '../../http/bodies/raw-body.ts'
import { validationError } from '../../http/validation.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { type ConditionHeaders, hasConditions, readConditions } from './produce-conditions.ts'
import { Produced, produceHeaders } from './produce.schema.ts'

export interface ProduceRouteOptions {
  readonly log: Log
  readonly limits: Limits
  readonly compileValidator: FastifySchemaCompiler<AnySchema>
}

interface Route { Params: { topic: string }, Headers: ConditionHeaders, Body: MessageBody | undefined }

/** `POST /topics/{topic}/produce` */
export const produceRoute: FastifyPluginCallbackTypebox<ProduceRouteOptions> = (app, { log, limits, compileValidator }, done) => {
  const { MessageBody, Messages, BatchBody } = messageSchemas(limits)

  app.post<Route>('/topics/:topic/produce', {
    config: { access: 'produce', appends: true },
    schema: {
      operationId: 'produce',
      tags: ['topics'],
      summary: 'Append a message or a batch of messages',
      description: 'Without `producer` or `Idempotency-Key`, an append that is repeated because its answer was lost may be stored twice.',
      params: TopicParams,
      headers: produceHeaders(limits),
      body: {
        content: {
          [jsonType]: { schema: Type.Union([MessageBody, BatchBody]) },
          [linesType]: {
            schema: { ...Messages, description: 'One message per line; blank lines are ignored. Always a batch, even of one message.' }
          }
        }
      },
      response: {
        200: Type.Ref(Produced),
        ...problems(
          'malformed_request', 'missing_body', 'malformed_json', 'invalid_encoding', 'invalid_request', 'invalid_topic',
          'producer_fenced', 'topic_not_found', 'producer_gap', 'producer_seq_old', 'offset_mismatch', 'topic_closed', 'out_of_order',
          'idempotency_unknown', 'body_too_large', 'message_too_large', 'unsupported_media_type', 'idempotency_conflict',
          'rate_limited', 'segment_corrupt', 'server_busy',
          ...storageProblems, 'overloaded', 'append_timeout', 'append_contended', 'shutting_down', 'storage_full')
      }
    },
    validatorCompiler: produceValidators(compileValidator)
  }, async ({ params: { topic }, headers, body, logFields }) => {
    // Fastify does not call parsers and validators without a body.
    if (body === undefined) throw new LogError('missing_body', 'body: expected a JSON object, got nothing')
    logFields.topic = topic
    const conditions = readConditions(body.conditions, headers)
    logFields.written = 'unknown'
    const operation = createOperation()
    logFields.storage = operation.calls
    const appended = await log.append(topic, body.messages, conditions, operation)
    logFields.offset = appended.first
    logFields.messages = body.messages.length
    return answerOf(topic, body, appended)
  })

  done()
}

/** Messages were validated when they were read, and most requests have none of the headers: neither takes time again. */
function produceValidators (compileValidator: FastifySchemaCompiler<AnySchema>): FastifySchemaCompiler<AnySchema> {
  const validBody = ({ error }: MessageBody): true | { error: Error } => error === undefined || { error }
  return (route) => {
    if (route.httpPart === 'body') return validBody
    const validate = compileValidator(route) as ValidateFunction
    if (route.httpPart !== 'headers') return validate
    return (headers: ConditionHeaders) => {
      return !hasConditions(headers) || validate(headers) ? true : { error: validationError(validate.errors!, 'headers') }
    }
  }
}

function answerOf (topic: string, { messages, batch }: MessageBody, { first, last, duplicate, closed }: Appended) {
  const offsets = batch ? { topic, offset: first, last_offset: last, count: messages.length } : { topic, offset: first }
  if (duplicate !== true && closed !== true) return offsets
  return { ...offsets, ...duplicate === true && { duplicate }, ...closed === true && { closed } }
}
