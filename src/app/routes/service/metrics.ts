import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Exposition } from '../../../ports/exposition.ts'
import { weightOf } from '../../http/answers/negotiation.ts'
import { problems } from '../common.schema.ts'

export interface MetricsRouteOptions {
  readonly exposition: Exposition
}

const openMetricsType = 'application/openmetrics-text'

/** `GET /metrics` */
export const metricsRoute: FastifyPluginCallbackTypebox<MetricsRouteOptions> = (app, { exposition }, done) => {
  app.get('/metrics', {
    config: { access: 'metrics' },
    schema: {
      operationId: 'metrics',
      tags: ['service'],
      summary: 'The metrics of this server, for Prometheus. Does not use the storage',
      description: 'OpenMetrics, if `Accept` prefers it to `text/plain`. Each server has its own numbers. Not on Lambda, which has ' +
        'CloudWatch, and not with `METRICS=off`.',
      response: {
        200: {
          description: 'All metrics as they are now.',
          content: {
            'text/plain': {
              schema: Type.String({ example: '# TYPE streams_appends_total counter\nstreams_appends_total{outcome="ok"} 42\n' })
            },
            [openMetricsType]: { schema: Type.String({ description: 'The same, with `# EOF` at its end.' }) }
          }
        },
        ...problems()
      }
    },
    serializerCompiler: () => (text) => text as string
  }, async ({ headers: { accept } }, reply) => {
    const wantsOpenMetrics = accept !== undefined && weightOf(openMetricsType, accept) > weightOf('text/plain', accept)
    const { type, text } = await exposition.show(wantsOpenMetrics ? 'openmetrics' : 'prometheus')
    return reply.header('content-type', type).header('vary', 'accept').send(text)
  })

  done()
}
