import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Limits } from '../../../domain/limits.ts'
import type { Log } from '../../../domain/log/log.ts'
import { createOperation } from '../../../domain/operation.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { bodyProblems } from './topic.ts'
import { CloseBody, Closed } from './topic.schema.ts'

export interface CloseRouteOptions {
  readonly log: Log
  readonly limits: Limits
}

/** `POST /topics/{topic}/close` */
export const closeRoute: FastifyPluginCallbackTypebox<CloseRouteOptions> = (app, { log, limits }, done) => {
  addManagementBodies(app, limits)

  app.post('/topics/:topic/close', {
    config: { access: 'produce', appends: true },
    schema: {
      operationId: 'closeTopic',
      tags: ['topics'],
      summary: 'Close a topic: nothing can be appended any more',
      description: 'Readers that reach its end hear that there is no more. A closed topic is never opened again; only `DELETE` ends it. ' +
        'Closing it again is no error. To close it together with a last message, append that with `close`.',
      params: TopicParams,
      body: CloseBody,
      response: {
        200: Type.Ref(Closed),
        ...problems(
          'invalid_topic', 'topic_not_found', ...bodyProblems, ...storageProblems, 'offset_mismatch', 'topic_closed', 'overloaded',
          'append_timeout', 'append_contended', 'shutting_down', 'storage_full', 'segment_corrupt')
      }
    }
  }, async ({ params: { topic }, body: { expected_offset: expectedOffset }, logFields }) => {
    logFields.topic = topic
    logFields.written = 'unknown'
    const operation = createOperation()
    logFields.storage = operation.calls
    const { first } = await log.append(topic, [], { close: true, expectedOffset }, operation)
    return { topic, end: first, closed: true as const }
  })

  done()
}
