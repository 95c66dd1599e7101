import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { openProblems, Status } from '../common.schema.ts'
import type { Readiness } from './readiness.ts'

export interface ServiceRoutesOptions {
  readonly readiness: Readiness
}

/** `GET /health` (liveness) and `GET /ready` (readiness) */
export const serviceRoutes: FastifyPluginCallbackTypebox<ServiceRoutesOptions> = (app, { readiness }, done) => {
  const ok = { status: 'ok' } as const

  app.get('/health', {
    config: { access: 'open', unlimited: true },
    schema: {
      operationId: 'health',
      tags: ['service'],
      summary: 'Liveness: the process runs. Does not use the storage',
      response: { 200: Type.Ref(Status), ...openProblems() }
    }
  }, async () => ok)

  app.get('/ready', {
    config: { access: 'open', unlimited: true },
    schema: {
      operationId: 'ready',
      tags: ['service'],
      summary: 'Readiness: the storage can be used',
      description: 'Requests within a second share the results of the checks.',
      response: { 200: Type.Ref(Status), ...openProblems('storage_unavailable', 'storage_misconfigured') }
    }
  }, async () => {
    await readiness.check()
    return ok
  })

  done()
}
