import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Limits } from '../../../domain/limits.ts'
import type { Follower, Log, Page } from '../../../domain/log/log.ts'
import { prefers } from '../../http/answers/negotiation.ts'
import { type SendPage, sizeOf } from '../../http/answers/page-body.ts'
import { EventStream, type StreamBounds } from '../../http/live/event-stream.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { ConsumeAnswer, ConsumeHeaders, consumeQuery } from './consume.schema.ts'

/** Time in ms that the platform leaves for the request; `undefined`: unlimited. */
export type TimeLeft = (request: FastifyRequest) => number | undefined

export interface ConsumeRouteOptions {
  readonly log: Log
  readonly limits: Limits
  readonly sendPage: SendPage
  readonly timeLeft: TimeLeft | undefined
  readonly streamBounds: ((request: FastifyRequest) => StreamBounds) | undefined
  readonly hide: boolean
}

/** Part of the platform's time that is reserved for the end of the response. */
const endMarginMs = 2_000

/** `GET /topics/{topic}/consume` */
export const consumeRoute: FastifyPluginCallbackTypebox<ConsumeRouteOptions> = (app, { log, limits, sendPage, timeLeft, streamBounds, hide }, done) => {
  const waiting = new Set<Follower>()
  let closing = false
  // When the server stops, waiting requests get their response at once; otherwise they would delay it.
  app.addHook('preClose', (done) => {
    closing = true
    for (const follower of waiting) follower.close()
    done()
  })

  const follow = (topic: string, from: number): Follower => {
    const follower = log.follow(topic, from)
    waiting.add(follower)
    if (closing) follower.close()
    return follower
  }

  const release = (follower: Follower): void => {
    waiting.delete(follower)
    follower.close()
  }

  const remainingMs = (request: FastifyRequest): number => Math.max(0, (timeLeft?.(request) ?? Infinity) - endMarginMs)

  async function longPoll (request: FastifyRequest, reply: FastifyReply, topic: string, read: Read, waitMs: number): Promise<Page> {
    const follower = follow(topic, read.from)
    const gone = (): void => { follower.close() }
    reply.raw.once('close', gone)
    // The client may have disconnected while the offset was looked up.
    if (reply.raw.destroyed) gone()
    try {
      // Existing messages may be a large page. A request that waits needs memory only for the messages that arrive.
      let page = await follower.next(read, 0)
      if (page.count === 0) {
        request.hold.resize(0)
        page = await follower.next(read, Math.min(waitMs, remainingMs(request)))
        await request.hold.add(sizeOf(page))
      }
      return { ...page, calls: follower.calls }
    } finally {
      reply.raw.off('close', gone)
      release(follower)
    }
  }

  async function stream (request: FastifyRequest, reply: FastifyReply, topic: string, from: number): Promise<FastifyReply> {
    const { facts } = request
    const bounds = streamBounds?.(request)
    const endsAt = performance.now() + Math.min(remainingMs(request), bounds?.buffered === true ? limits.bufferedStreamMs : Infinity)
    const follower = follow(topic, from)
    const events = new EventStream({
      limits,
      follower,
      from,
      endsAt,
      bounds,
      client: { hold: request.hold, raw: reply.raw },
      onPage (messages) { facts.messages = (facts.messages ?? 0) + messages },
      onError (error) {
        facts.code = error.code
        request.log.error({ request_id: request.id, code: error.code, err: error }, 'stream failed')
      }
    })
    events.on('close', () => { release(follower) })
    try {
      // While an error can still be the answer.
      await events.open()
      facts.storage = follower.calls
    } catch (error) {
      events.destroy()
      throw error
    }
    return reply.headers(eventStreamHeaders).send(events)
  }

  app.get('/topics/:topic/consume', {
    schema: {
      hide,
      operationId: 'consume',
      tags: ['topics'],
      summary: 'Read a page of messages, wait for new ones, or stream them',
      description: 'With `Accept: text/event-stream` the response is a stream of server-sent events; `limit`, `max_bytes` and `wait` are ignored.',
      params: TopicParams,
      querystring: consumeQuery(limits),
      headers: ConsumeHeaders,
      response: {
        200: ConsumeAnswer,
        ...problems('invalid_request', 'invalid_topic', 'offset_out_of_range', 'server_busy', ...storageProblems, 'segment_corrupt')
      }
    }
  }, async (request, reply) => {
    const { method, params: { topic }, query, headers, facts } = request
    facts.topic = topic
    const live = method === 'GET' && prefers(eventStreamType, headers.accept)
    const resumed = live ? headers['last-event-id'] : undefined
    const from = facts.offset = resumed === undefined ? await startOf(log, topic, query.offset) : Number(resumed) + 1
    if (live) return stream(request, reply, topic, from)
    const read = {
      from,
      limit: clamp(query.limit, limits.pageMessagesDefault, limits.pageMessagesMax),
      maxBytes: clamp(query.max_bytes, limits.pageBytesMax, limits.pageBytesMax)
    }
    const waitMs = method === 'GET' ? clamp(query.wait, 0, limits.waitMaxMs / 1_000) * 1_000 : 0
    await request.hold.add(read.maxBytes)
    const page = waitMs > 0 ? await longPoll(request, reply, topic, read, waitMs) : await log.read(topic, read)
    facts.messages = page.count
    facts.storage = page.calls
    request.hold.resize(sizeOf(page))
    return sendPage(request, reply, page)
  })

  done()
}

interface Read { readonly from: number, readonly limit: number, readonly maxBytes: number }

const eventStreamType = 'text/event-stream'

const eventStreamHeaders = {
  'content-type': eventStreamType,
  vary: 'accept',
  'cache-control': 'no-cache, no-transform',
  // nginx would delay events until its buffer is full.
  'x-accel-buffering': 'no'
}

async function startOf (log: Log, topic: string, offset: string | undefined): Promise<number> {
  if (offset === undefined) return 1
  return offset === 'earliest' || offset === 'latest' ? log.position(topic, offset) : Number(offset)
}

function clamp (given: string | undefined, byDefault: number, max: number): number {
  return given === undefined ? byDefault : Math.min(Number(given), max)
}
