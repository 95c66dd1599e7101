import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { LogError } from '../../domain/errors.ts'
import type { Log } from '../../domain/log.ts'
import type { NewMessage } from '../../domain/message.ts'
import { BatchBody, LinesBody, type MessageBody } from '../message-body.ts'
import { jsonType, linesType } from '../raw-body.ts'
import { problems, storageProblems, TopicParams } from '../schemas/common.ts'
import { Batch, Message, Messages, Produced, type ProduceBody } from '../schemas/produce.ts'
import { compiler, validationError } from '../validation.ts'

export interface ProduceRouteOptions { readonly log: Log, readonly hide: boolean }

/** Append to a topic. */
export const produceRoute: FastifyPluginCallbackTypebox<ProduceRouteOptions> = (app, { log, hide }, done) => {
  const compile = compiler()
  const validBody = bodyValidator(compile)

  app.post<{ Params: { topic: string }, Body: ProduceBody | undefined }>('/topics/:topic/produce', {
    config: { appends: true },
    schema: {
      hide,
      operationId: 'produce',
      tags: ['topics'],
      summary: 'Append a message, or a batch of them',
      params: TopicParams,
      body: {
        content: {
          [jsonType]: { schema: Type.Union([Message, Batch]) },
          [linesType]: { schema: { ...Messages, description: 'One message a line; blank lines are passed over. Always a batch, even of one.' } }
        }
      },
      response: {
        200: Type.Ref(Produced),
        ...problems('malformed_request', 'missing_body', 'malformed_json', 'invalid_encoding', 'invalid_request', 'invalid_topic', 'body_too_large',
          'unsupported_media_type', ...storageProblems, 'overloaded', 'append_timeout', 'append_contended', 'shutting_down')
      }
    },
    validatorCompiler: ({ schema, httpPart }) => httpPart === 'body' ? validBody : compile(schema)
  }, async ({ params: { topic }, body, facts }) => {
    // Fastify neither parses nor validates what is not there.
    if (body === undefined) throw new LogError('missing_body', 'body: expected a JSON object, got nothing')
    facts.topic = topic
    const batch = 'messages' in body
    const messages: readonly NewMessage[] = batch ? body.messages : [body]
    facts.written = 'unknown'
    const { first, last, calls } = await log.append(topic, messages)
    facts.offset = first
    facts.messages = messages.length
    facts.storage = calls
    return batch ? { topic, offset: first, last_offset: last, count: messages.length } : { topic, offset: first }
  })

  done()
}

/** By the form that the body came in, so that an error speaks of that form only. */
function bodyValidator (compile: ReturnType<typeof compiler>): (body: MessageBody | BatchBody | LinesBody) => true | { error: Error } {
  const message = compile(Message)
  const batch = compile(Batch)
  const messages = compile(Messages)
  return (body) => {
    if (body instanceof LinesBody) return messages(body.messages) || { error: validationError(messages.errors!, 'body', body.lines) }
    const validate = body instanceof BatchBody ? batch : message
    return validate(body) || { error: validationError(validate.errors!, 'body') }
  }
}
