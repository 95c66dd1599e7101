import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createOperation } from '../../../domain/operation.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { bodyProblems } from '../topics/topic.ts'
import { listQuery } from '../topics/topic.schema.ts'
import { demandLetters } from './dead-letter-topic.ts'
import { GroupParams, groupProblems, writeProblems } from './fields.schema.ts'
import { bodyOf, changeOf, DeleteQuery, Group, groupBody, GroupList } from './group.schema.ts'
import type { GroupRoutesOptions } from './settle.ts'

/** `GET /topics/{topic}/groups`, and `GET`, `PUT` and `DELETE /topics/{topic}/groups/{group}` */
export const groupRoutes: FastifyPluginCallbackTypebox<GroupRoutesOptions> = (app, { groups, limits }, done) => {
  addManagementBodies(app, limits, limits.groupBodyBytesMax)
  const shared = { tags: ['groups'], params: GroupParams }

  app.get('/topics/:topic/groups', {
    config: { access: 'groups' },
    schema: {
      operationId: 'listGroups',
      tags: ['groups'],
      summary: 'List the consumer groups of a topic',
      description: 'A topic that does not exist has none, or still has those that it had.',
      params: TopicParams,
      querystring: listQuery(limits, 'groups', 'billing'),
      response: { 200: Type.Ref(GroupList), ...problems('invalid_request', 'invalid_topic', ...storageProblems) }
    }
  }, async ({ params: { topic }, query: { limit, after = '' }, logFields }) => {
    const { topicsPageDefault, topicsPageMax } = limits
    const operation = createOperation()
    logFields.topic = topic
    logFields.storage = operation.calls
    const most = limit === undefined ? topicsPageDefault : Math.min(Number(limit), topicsPageMax)
    const { groups: names, next } = await groups.list(topic, after, most, operation)
    return { groups: names.map((group) => ({ group })), ...next === undefined ? {} : { next } }
  })

  app.get('/topics/:topic/groups/:group', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'describeGroup',
      summary: 'Describe a consumer group: its settings, how far it is, and who has messages',
      response: { 200: Type.Ref(Group), ...problems(...groupProblems, 'group_not_found') }
    }
  }, async ({ params, logFields }) => {
    return bodyOf(params, await groups.describe(params, logFields.ofGroup(params, createOperation())))
  })

  app.put('/topics/:topic/groups/:group', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'putGroup',
      summary: 'Create a consumer group, or change its settings',
      description: 'Members that are absent keep their values. The same request again is no error. With access control, a ' +
        '`dead_letter_topic` other than the default needs `produce` on it.',
      body: groupBody(limits),
      response: {
        200: Type.Ref(Group, { description: 'The group existed.' }),
        201: Type.Ref(Group, { description: 'The group was created.' }),
        ...problems(...bodyProblems, ...writeProblems, 'invalid_group_config', 'offset_out_of_range', 'group_not_found', 'group_busy')
      }
    }
  }, async ({ params, body, logFields, principal: { grants } }, reply) => {
    const { dead_letter_topic: letters } = body
    if (typeof letters === 'string') demandLetters(grants, 'produce', params.topic, letters)
    const { created, description } = await groups.put(params, changeOf(body), body.start, logFields.ofGroup(params, createOperation()))
    return reply.code(created ? 201 : 200).send(bodyOf(params, description))
  })

  app.delete('/topics/:topic/groups/:group', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'deleteGroup',
      summary: 'Delete a consumer group',
      querystring: DeleteQuery,
      response: {
        204: Type.Null({ description: 'The group was deleted.' }),
        ...problems('invalid_request', ...writeProblems, 'group_not_found', 'group_busy')
      }
    }
  }, async ({ params, query: { force }, logFields }, reply) => {
    await groups.delete(params, force === 'true', logFields.ofGroup(params, createOperation()))
    return reply.code(204).send(null)
  })

  done()
}
