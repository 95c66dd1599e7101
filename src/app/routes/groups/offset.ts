import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createOperation } from '../../../domain/operation.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems } from '../common.schema.ts'
import { bodyProblems } from '../topics/topic.ts'
import { demandLetters } from './dead-letter-topic.ts'
import { GroupParams, writeProblems } from './fields.schema.ts'
import { redriveBody, Redriven, SeekBody, Sought } from './group.schema.ts'
import type { GroupRoutesOptions } from './settle.ts'

/** `PUT /topics/{topic}/groups/{group}/offset`, and `POST …/redrive` */
export const offsetRoutes: FastifyPluginCallbackTypebox<GroupRoutesOptions> = (app, { groups, limits }, done) => {
  addManagementBodies(app, limits, limits.groupBodyBytesMax)
  const shared = { tags: ['groups'], params: GroupParams }

  app.put('/topics/:topic/groups/:group/offset', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'seekGroup',
      summary: 'Move a consumer group to an offset, or store the offset of a consumer that reads by itself',
      description: 'All leases end, and what is at or above the offset is delivered again. If there is no such group, it is made, ' +
        'with defaults.',
      body: SeekBody,
      response: { 200: Type.Ref(Sought), ...problems(...bodyProblems, ...writeProblems, 'offset_out_of_range', 'offset_conflict') }
    }
  }, async ({ params, body: { offset, expected }, logFields }) => {
    const { committedOffset, endedLeases } = await groups.seek(params, offset, expected, logFields.ofGroup(params, createOperation()))
    return { committed_offset: committedOffset, ended_leases: endedLeases }
  })

  app.post('/topics/:topic/groups/:group/redrive', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'redriveGroup',
      summary: 'Deliver dead messages again',
      description: 'Looks for the group\'s letters in the dead-letter topic, from where the last redrive ended. The messages come ' +
        'again with all their attempts; the letters stay. With access control, a dead-letter topic other than the default needs `consume`.',
      body: redriveBody(limits),
      response: { 200: Type.Ref(Redriven), ...problems(...bodyProblems, ...writeProblems, 'group_not_found', 'segment_corrupt') }
    }
  }, async ({ params, body: { limit = limits.redriveDefault, from }, logFields, principal: { grants } }) => {
    const operation = logFields.ofGroup(params, createOperation())
    const checkLetters = (letters: string): void => { demandLetters(grants, 'consume', params.topic, letters) }
    const { redriven, skipped, trimmed, more } = await groups.redrive(params, { limit, from, checkLetters }, operation)
    return { redriven, skipped, trimmed: [...trimmed], more }
  })

  done()
}
