import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Log } from '../../domain/log.ts'
import { problems, storageProblems, TopicParams } from '../schemas/common.ts'
import { ProduceBody, Produced } from '../schemas/produce.ts'

export interface ProduceRouteOptions { readonly log: Log, readonly hide: boolean }

/** Append to a topic. */
export const produceRoute: FastifyPluginCallbackTypebox<ProduceRouteOptions> = (app, { log, hide }, done) => {
  app.post('/topics/:topic/produce', {
    schema: {
      hide,
      operationId: 'produce',
      tags: ['topics'],
      summary: 'Append a message',
      params: TopicParams,
      body: ProduceBody,
      response: {
        200: Type.Ref(Produced),
        ...problems('missing_body', 'malformed_json', 'invalid_encoding', 'invalid_request', 'invalid_topic', 'body_too_large',
          'unsupported_media_type', ...storageProblems, 'append_timeout', 'append_contended', 'shutting_down')
      }
    }
  }, async ({ params: { topic }, body: { payload, key, headers }, facts }) => {
    facts.topic = topic
    const { first, calls } = await log.append(topic, [{ payload: payload.text, key, headers }])
    facts.offset = first
    facts.messages = 1
    facts.storage = calls
    return { topic, offset: first }
  })

  done()
}
