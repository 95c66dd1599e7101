import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { defaultLimits } from '../../domain/limits.ts'
import type { Log } from '../../domain/log.ts'
import { sendPage } from '../page-body.ts'
import { problems, storageProblems, TopicParams } from '../schemas/common.ts'
import { ConsumeQuery, MessagePage } from '../schemas/consume.ts'

export interface ConsumeRouteOptions { readonly log: Log, readonly hide: boolean }

/** Read a topic. */
export const consumeRoute: FastifyPluginCallbackTypebox<ConsumeRouteOptions> = (app, { log, hide }, done) => {
  app.get('/topics/:topic/consume', {
    schema: {
      hide,
      operationId: 'consume',
      tags: ['topics'],
      summary: 'Read a page of messages',
      params: TopicParams,
      querystring: ConsumeQuery,
      response: {
        // The static type is what the handler sends: the page as bytes.
        200: Type.Unsafe<Buffer>(Type.Ref(MessagePage)),
        ...problems('invalid_request', 'invalid_topic', ...storageProblems, 'segment_corrupt')
      }
    }
  }, async (request, reply) => {
    const { params: { topic }, query, facts } = request
    facts.topic = topic
    const from = await startOf(log, topic, query.offset)
    facts.offset = from
    const page = await log.read(topic, {
      from,
      limit: cut(query.limit, defaultLimits.pageMessagesDefault, defaultLimits.pageMessagesMax),
      maxBytes: cut(query.max_bytes, defaultLimits.pageBytesMax, defaultLimits.pageBytesMax)
    })
    facts.messages = page.lines.length
    facts.storage = page.calls
    return sendPage(request, reply, page)
  })

  done()
}

async function startOf (log: Log, topic: string, offset: string | undefined): Promise<number> {
  if (offset === undefined) return 1
  return offset === 'earliest' || offset === 'latest' ? log.position(topic, offset) : Number(offset)
}

function cut (given: string | undefined, byDefault: number, max: number): number {
  return given === undefined ? byDefault : Math.min(Number(given), max)
}
