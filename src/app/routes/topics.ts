import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { defaultLimits } from '../../domain/limits.ts'
import type { Log, Page } from '../../domain/log.ts'
import { ConsumeQuery, MessagePage, problems, ProduceBody, Produced, TopicParams } from '../schemas.ts'

export interface TopicRoutesOptions { readonly log: Log, readonly hide: boolean }

/** Append to a topic, and read it. */
export const topicRoutes: FastifyPluginCallbackTypebox<TopicRoutesOptions> = (app, { log, hide }, done) => {
  const storage = ['storage_throttled', 'storage_unavailable', 'storage_misconfigured'] as const

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
          'unsupported_media_type', ...storage, 'append_timeout', 'append_contended', 'shutting_down')
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
        ...problems('invalid_request', 'invalid_topic', ...storage, 'segment_corrupt')
      }
    }
  }, async ({ params: { topic }, query, facts }, reply) => {
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
    return reply.header('content-type', 'application/json; charset=utf-8').send(pageBody(page))
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

const opening = Buffer.from('{"messages":[')
const comma = 0x2c

/** The stored lines as they are, joined into one buffer (log §2.3). */
function pageBody ({ lines, nextOffset }: Page): Buffer {
  const closing = `],"next_offset":${nextOffset}}`
  let length = opening.length + closing.length + Math.max(0, lines.length - 1)
  for (const line of lines) length += line.length
  const body = Buffer.allocUnsafe(length)
  body.set(opening)
  let at = opening.length
  for (let i = 0; i < lines.length; i++) {
    if (i > 0) body[at++] = comma
    body.set(lines[i]!, at)
    at += lines[i]!.length
  }
  body.write(closing, at, 'latin1')
  return body
}
