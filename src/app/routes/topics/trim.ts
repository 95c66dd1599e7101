import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Catalog } from '../../../domain/catalog/catalog.ts'
import type { Limits } from '../../../domain/limits.ts'
import type { Log } from '../../../domain/log/log.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { bodyProblems } from './topic.ts'
import { TrimBody, Trimmed } from './topic.schema.ts'

export interface TrimRouteOptions {
  readonly log: Log
  readonly catalog: Catalog
  readonly limits: Limits
}

/** `POST /topics/{topic}/trim` */
export const trimRoute: FastifyPluginCallbackTypebox<TrimRouteOptions> = (app, { log, catalog, limits }, done) => {
  addManagementBodies(app, limits)

  app.post('/topics/:topic/trim', {
    config: { access: 'admin' },
    schema: {
      operationId: 'trimTopic',
      tags: ['topics'],
      summary: 'Remove the messages below an offset',
      description: 'Readers that are below it go on at the new first offset. Offsets do not change. ' +
        'Trimming below the first offset changes nothing.',
      params: TopicParams,
      body: TrimBody,
      response: {
        200: Type.Ref(Trimmed),
        ...problems('invalid_topic', 'topic_not_found', ...bodyProblems, ...storageProblems, 'storage_full', 'segment_corrupt')
      }
    }
  }, async ({ params: { topic }, body: { before }, logFields }) => {
    logFields.topic = topic
    logFields.offset = before
    // For `topic_not_found`: the log itself takes a topic that does not exist for an empty one.
    await catalog.describe(topic)
    return { topic, earliest: await log.trim(topic, before) }
  })

  done()
}
