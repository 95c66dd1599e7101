import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Limits } from '../../../domain/limits.ts'
import { type Follower, type Log, type Page, pageBytes, type PageSize } from '../../../domain/log/log.ts'
import { createOperation, type Operation } from '../../../domain/operation.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'
import { endedAccess, type LiveAccess } from '../../access/live-access.ts'
import type { SendPage } from '../../http/answers/page-body.ts'
import { EventStream, type StreamBounds } from '../../http/live/event-stream.ts'
import type { LiveRequests } from '../../http/live/live-requests.ts'
import { problems, storageProblems, TopicParams } from '../common.schema.ts'
import { endMarginMs, type TimeLeft } from '../time-left.ts'
import { eventStreamType, readRequest } from './consume-request.ts'
import { ConsumeAnswer, ConsumeHeaders, consumeQuery } from './consume.schema.ts'

export interface ConsumeRouteOptions {
  readonly log: Log
  readonly live: LiveRequests
  readonly liveAccess: LiveAccess
  readonly limits: Limits
  readonly sendPage: SendPage
  readonly telemetry: Telemetry
  readonly timeLeft: TimeLeft | undefined
  readonly streamBounds: ((request: FastifyRequest) => StreamBounds) | undefined
}

/** `GET /topics/{topic}/consume` */
export const consumeRoute: FastifyPluginCallbackTypebox<ConsumeRouteOptions> = (app, options, done) => {
  const { log, live, liveAccess, limits, sendPage, telemetry, timeLeft, streamBounds } = options
  app.get('/topics/:topic/consume', {
    config: { access: 'consume' },
    schema: {
      operationId: 'consume',
      tags: ['topics'],
      summary: 'Read a page of messages, wait for new ones, or stream them',
      description: 'With `Accept: text/event-stream` the response is a stream of server-sent events; ' +
        '`limit`, `max_bytes` and `wait` are ignored.',
      params: TopicParams,
      querystring: consumeQuery(limits),
      headers: ConsumeHeaders,
      response: {
        200: ConsumeAnswer,
        204: Type.Null({ description: 'Streams only: `Last-Event-ID` is the end of a closed topic. Browsers then do not reconnect.' }),
        ...problems('invalid_request', 'invalid_topic', 'offset_out_of_range', 'server_busy', 'too_many_followers', ...storageProblems,
          'segment_corrupt')
      }
    }
  }, async (request, reply) => {
    const { hold, logFields, params: { topic } } = request
    logFields.topic = topic
    const endsAt = performance.now() + Math.max(0, (timeLeft?.(request) ?? Infinity) - endMarginMs)
    // All steps up to the first byte: a connection without traffic for longer than `stalledConnectionMs` is closed.
    const deadline = performance.now() + Math.max(limits.readTimeoutMs, limits.waitMaxMs)
    const asked = readRequest(request, limits)
    const { calls } = createOperation()
    logFields.storage = calls
    const from = logFields.offset = typeof asked.start === 'number' ? asked.start : await log.position(topic, asked.start, { calls })
    const exchange = { request, reply, topic, from, endsAt, liveAccess, telemetry }
    if (asked.mode === 'stream') {
      const options = { limits, bounds: streamBounds?.(request), resumes: asked.resumes }
      return stream(live, { ...exchange, operation: { calls } }, { ...options, opensMs: deadline - performance.now() })
    }
    await hold.add(asked.size.maxBytes)
    const operation = { calls, timeoutMs: deadline - performance.now() }
    const page = asked.mode === 'poll'
      ? await poll(live, { ...exchange, operation }, asked.size, asked.waitMs)
      : await log.read(topic, { from, ...asked.size }, operation)
    logFields.messages = page.count
    const bytes = pageBytes(page)
    telemetry.delivered(topic, page.count, bytes)
    hold.resize(bytes)
    return sendPage(request, reply, page)
  })

  done()
}

/** A request, its response, and where it reads. */
interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly topic: string
  readonly from: number
  readonly operation: Operation
  readonly telemetry: Telemetry
  /** When the platform ends the request, less a margin, in ms of `performance.now`. Waits end before; a read is not cut short. */
  readonly endsAt: number
  readonly liveAccess: LiveAccess
}

/** The messages that are there, or those that arrive within `waitMs`. */
async function poll (live: LiveRequests, exchange: Exchange, size: PageSize, waitMs: number): Promise<Page> {
  const { request, reply, topic, from, operation, endsAt } = exchange
  const follower = live.follow(topic, from, operation)
  const gone = (): void => { follower.close() }
  reply.raw.once('close', gone)
  // The client may have disconnected while the offset was looked up.
  if (reply.raw.destroyed) gone()
  try {
    // Existing messages may be a large page. A request that waits needs memory only for the messages that arrive.
    let page = await follower.next(size, 0)
    if (page.count === 0 && !page.closed) {
      request.hold.resize(0)
      request.logFields.waited = true
      page = await waitForPage(live, follower, exchange, size, Math.min(waitMs, endsAt - performance.now()))
      await request.hold.add(pageBytes(page))
    }
    return page
  } finally {
    reply.raw.off('close', gone)
    live.release(follower)
  }
}

/** Has a place only while it waits. @throws LogError `too_many_followers`; `unauthorized` if the token is revoked meanwhile */
async function waitForPage (
  live: LiveRequests, follower: Follower, { request, liveAccess }: Exchange, size: PageSize, waitMs: number
): Promise<Page> {
  live.take('long_poll')
  const watch = liveAccess.watch(request, () => { follower.close() })
  try {
    const page = await follower.next(size, waitMs)
    if (watch.ended) throw endedAccess()
    return page
  } finally {
    watch.release()
    live.giveBack('long_poll')
  }
}

interface StreamOptions {
  readonly limits: Limits
  readonly bounds: StreamBounds | undefined
  /** The client has received an earlier stream. */
  readonly resumes: boolean
  /** The time that is left until the client must have the beginning of the stream. */
  readonly opensMs: number
}

/**
 * Sends messages as events until the end of a closed topic, or until the client disconnects, the server stops, or the platform's
 * bounds are reached. It has its place from before its first read on, because each stream holds a page.
 * @throws LogError `too_many_followers`, or as a read
 */
async function stream (live: LiveRequests, exchange: Exchange, options: StreamOptions): Promise<FastifyReply> {
  const { request, reply, topic, from, operation, liveAccess, telemetry } = exchange
  const { limits, bounds, resumes, opensMs } = options
  const { logFields } = request
  const endsAt = Math.min(exchange.endsAt, bounds?.buffered === true ? performance.now() + limits.bufferedStreamMs : Infinity)
  live.take('stream')
  const follower = live.follow(topic, from, operation)
  const events = new EventStream({
    limits,
    follower,
    from,
    endsAt,
    bounds,
    client: { hold: request.hold, raw: reply.raw },
    onPage (page) {
      logFields.messages = (logFields.messages ?? 0) + page.count
      telemetry.delivered(topic, page.count, pageBytes(page))
    },
    onError (error) {
      logFields.code = error.code
      if (error.code !== 'unauthorized') request.log.error({ request_id: request.id, code: error.code, err: error }, 'stream failed')
    }
  })
  logFields.waited = true
  const watch = liveAccess.watch(request, () => { events.fail(endedAccess()) })
  events.on('close', () => {
    watch.release()
    live.release(follower)
    live.giveBack('stream')
  })
  try {
    // Before the headers are sent, so that an error can still be the response.
    const more = await events.open(opensMs)
    if (!more && resumes) {
      // An EventSource that gets 204 does not come again.
      events.destroy()
      return reply.code(204).send()
    }
  } catch (error) {
    events.destroy()
    throw error
  }
  return reply.headers(eventStreamHeaders).send(events)
}

const eventStreamHeaders = {
  'content-type': eventStreamType,
  vary: 'accept',
  'cache-control': 'no-cache, no-transform',
  // nginx would delay events until its buffer is full.
  'x-accel-buffering': 'no'
}
