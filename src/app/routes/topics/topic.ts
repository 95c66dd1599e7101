import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { demandAny } from '../../../domain/access/demand.ts'
import type { Catalog } from '../../../domain/catalog/catalog.ts'
import type { ErrorCode } from '../../../domain/errors.ts'
import type { Groups } from '../../../domain/groups/groups.ts'
import type { Limits } from '../../../domain/limits.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { bodyOf, changeOf, configSchema, describeQuery, groupsBody, listQuery, Topic, TopicList } from './topic.schema.ts'
import { visibleTopics } from './visible-topics.ts'

export interface TopicRoutesOptions {
  readonly catalog: Catalog
  readonly groups: Groups
  readonly limits: Limits
}

/** Errors of all operations with a small JSON body. */
export const bodyProblems = [
  'malformed_json', 'invalid_encoding', 'invalid_request', 'body_too_large', 'unsupported_media_type', 'server_busy'
] as const satisfies ErrorCode[]

/** `GET /topics`, and `GET`, `PUT` and `DELETE /topics/{topic}` */
export const topicRoutes: FastifyPluginCallbackTypebox<TopicRoutesOptions> = (app, { catalog, groups, limits }, done) => {
  addManagementBodies(app, limits)

  app.get('/topics', {
    config: { access: 'list' },
    schema: {
      operationId: 'listTopics',
      tags: ['topics'],
      summary: 'List the topics',
      description: 'With access control, those that the token may do something with. A page may then be short, even empty, though there ' +
        'is a `next`.',
      querystring: listQuery(limits),
      response: { 200: Type.Ref(TopicList), ...problems('invalid_request', ...storageProblems) }
    }
  }, async ({ query: { limit, after = '' }, principal: { grants } }) => {
    const { topicsPageDefault, topicsPageMax, visibleListsMax } = limits
    const most = limit === undefined ? topicsPageDefault : Math.min(Number(limit), topicsPageMax)
    const { topics, next } = await visibleTopics(catalog, grants, { after, limit: most, callsMax: visibleListsMax })
    return { topics: topics.map((topic) => ({ topic })), ...next === undefined ? {} : { next } }
  })

  app.get('/topics/:topic', {
    config: { access: 'see' },
    schema: {
      operationId: 'describeTopic',
      tags: ['topics'],
      summary: 'Describe a topic: its offsets, its config, and whether it is closed',
      params: TopicParams,
      querystring: describeQuery(limits),
      response: {
        200: Type.Ref(Topic), ...problems('invalid_request', 'invalid_topic', 'topic_not_found', ...storageProblems, 'segment_corrupt')
      }
    }
  }, async ({ params: { topic }, query, logFields, principal: { grants } }) => {
    logFields.topic = topic
    if (query.groups === 'true') demandAny(grants, ['groups', 'admin'], topic)
    const description = await catalog.describe(topic)
    if (query.groups !== 'true') return bodyOf(description)
    return { ...bodyOf(description), ...groupsBody(await groups.progress(topic, description.end, limits.describedGroupsMax)) }
  })

  app.put('/topics/:topic', {
    config: { access: 'admin' },
    schema: {
      operationId: 'putTopic',
      tags: ['topics'],
      summary: 'Create a topic, or change its config',
      description: 'Members that are absent keep their values, `null` takes the default again. Without a body, a topic with defaults is ' +
        'created, or nothing is changed. The same request again is no error.',
      params: TopicParams,
      body: configSchema(limits),
      response: {
        200: Type.Ref(Topic, { description: 'The topic existed.' }),
        201: Type.Ref(Topic, { description: 'The topic was created.' }),
        ...problems('invalid_topic', ...bodyProblems, ...storageProblems, 'storage_full', 'segment_corrupt')
      }
    }
  }, async ({ params: { topic }, body, logFields }, reply) => {
    logFields.topic = topic
    const { created, description } = await catalog.put(topic, changeOf(body))
    return reply.code(created ? 201 : 200).send(bodyOf(description))
  })

  app.delete('/topics/:topic', {
    config: { access: 'admin' },
    schema: {
      operationId: 'deleteTopic',
      tags: ['topics'],
      summary: 'Delete a topic with all its messages',
      description: 'The topic is deleted at once; what its messages took is freed now, or by the next sweep. ' +
        'When the topic is created again, its offsets continue.',
      params: TopicParams,
      response: {
        204: Type.Null({ description: 'The topic was deleted.' }),
        ...problems('invalid_topic', 'topic_not_found', ...storageProblems, 'storage_full')
      }
    }
  }, async ({ params: { topic }, logFields }, reply) => {
    logFields.topic = topic
    await catalog.delete(topic)
    return reply.code(204).send(null)
  })

  done()
}
