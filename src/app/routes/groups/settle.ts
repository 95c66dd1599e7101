import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Groups } from '../../../domain/groups/groups.ts'
import type { Limits } from '../../../domain/limits.ts'
import { createOperation } from '../../../domain/operation.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems } from '../common.schema.ts'
import { bodyProblems } from '../topics/topic.ts'
import { GroupParams, writeProblems } from './fields.schema.ts'
import { leaseIdOf, leasePartOf } from './lease-part.ts'
import { ackBody, Acked, extendBody, Extended, nackBody, Nacked } from './lease.schema.ts'
import { ackedBody } from './receive-body.ts'

export interface GroupRoutesOptions {
  readonly groups: Groups
  readonly limits: Limits
}

/** `POST /topics/{topic}/groups/{group}/ack`, `nack` and `extend` */
export const settleRoutes: FastifyPluginCallbackTypebox<GroupRoutesOptions> = (app, { groups, limits }, done) => {
  addManagementBodies(app, limits, limits.groupBodyBytesMax)
  const shared = { tags: ['groups'], params: GroupParams }
  const refusals = [...bodyProblems, ...writeProblems, 'group_not_found', 'lease_lost'] as const

  app.post('/topics/:topic/groups/:group/ack', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'ack',
      summary: 'Acknowledge messages: they are done',
      description: 'Also after the lease\'s time is over, as long as nobody else has the messages. It can be repeated.',
      body: ackBody(limits),
      response: { 200: Type.Ref(Acked), ...problems(...refusals) }
    }
  }, async ({ params, body, logFields }) => {
    const part = leasePartOf(body)
    return ackedBody(await groups.ack(params, part, logFields.ofGroup(params, createOperation())))
  })

  app.post('/topics/:topic/groups/:group/nack', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'nack',
      summary: 'Hand messages back, or give them up',
      description: 'They are delivered again, at once or after `delay_ms`. With their last attempt, or with `reject`, they become ' +
        'dead letters.',
      body: nackBody(limits),
      response: { 200: Type.Ref(Nacked), ...problems(...refusals, 'invalid_group_config') }
    }
  }, async ({ params, body, logFields }) => {
    const { delay_ms: delayMs = 0, counted = true, reject = false, detail } = body
    const part = leasePartOf(body)
    const operation = logFields.ofGroup(params, createOperation())
    const { nacked, returned, dead } = await groups.nack(params, part, { delayMs, counted, reject, detail }, operation)
    return { nacked, returned: [...returned], dead }
  })

  app.post('/topics/:topic/groups/:group/extend', {
    config: { access: 'groups' },
    schema: {
      ...shared,
      operationId: 'extend',
      summary: 'Let a lease end later, or earlier',
      body: extendBody(limits),
      response: { 200: Type.Ref(Extended), ...problems(...refusals) }
    }
  }, async ({ params, body, logFields }) => {
    const id = leaseIdOf(body.lease_id)
    const { expiresAt, expiresInMs } = await groups.extend(params, id, body.lease_ms, logFields.ofGroup(params, createOperation()))
    return { expires_at: expiresAt, expires_in_ms: expiresInMs }
  })

  done()
}
