import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Groups, ReceiveOptions } from '../../../domain/groups/groups.ts'
import type { Limits } from '../../../domain/limits.ts'
import { createOperation } from '../../../domain/operation.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'
import { endedAccess, type LiveAccess, type Watch } from '../../access/live-access.ts'
import type { SendBody } from '../../http/answers/body-sender.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { clientGone } from '../../http/bounds/memory-budget.ts'
import type { LiveRequests } from '../../http/live/live-requests.ts'
import { problems } from '../common.schema.ts'
import { endMarginMs, type TimeLeft } from '../time-left.ts'
import { bodyProblems } from '../topics/topic.ts'
import { GroupParams, writeProblems } from './fields.schema.ts'
import { leasePartOf } from './lease-part.ts'
import { type ReceiveBody, receiveBody, Received, receiveHeaders } from './lease.schema.ts'
import { receiveAnswerBody } from './receive-body.ts'

export interface ReceiveRouteOptions {
  readonly groups: Groups
  readonly live: LiveRequests
  readonly liveAccess: LiveAccess
  readonly limits: Limits
  readonly sendBody: SendBody
  readonly telemetry: Telemetry
  readonly timeLeft: TimeLeft | undefined
}

/** `POST /topics/{topic}/groups/{group}/receive` */
export const receiveRoute: FastifyPluginCallbackTypebox<ReceiveRouteOptions> = (app, options, done) => {
  const { groups, live, liveAccess, limits, sendBody, telemetry, timeLeft } = options
  addManagementBodies(app, limits, limits.groupBodyBytesMax)
  const waiting = new WaitingReceives()
  app.addHook('preClose', (done) => {
    waiting.end()
    done()
  })

  app.post('/topics/:topic/groups/:group/receive', {
    config: { access: 'groups' },
    schema: {
      operationId: 'receive',
      tags: ['groups'],
      summary: 'Lease messages to a worker, or wait for some',
      description: 'The messages are delivered to nobody else until they are acknowledged or the lease ends. If there is no such group, ' +
        'it is made, with defaults and from the first message of the topic on. All members are optional, and so is the body.',
      params: GroupParams,
      headers: receiveHeaders(limits),
      body: receiveBody(limits),
      response: { 200: Type.Ref(Received), ...problems(...bodyProblems, ...writeProblems, 'too_many_followers', 'segment_corrupt') }
    }
  }, async (request, reply) => {
    const { hold, logFields, params, headers: { 'idempotency-key': key }, body } = request
    const leftMs = (timeLeft?.(request) ?? Infinity) - endMarginMs
    const asked = askedFor(body, limits, leftMs)
    const operation = logFields.ofGroup(params, createOperation())
    await hold.add(asked.maxBytes)
    const place = new WaitingPlace({ live, liveAccess, request, waiting })
    const answer = await unlessGone(reply, (signal) => groups.receive(params, {
      ...asked,
      key,
      endsWait: asked.waitMs > 0 ? place.endsWait : undefined,
      mayWait: () => place.take(),
      holds: (bytes) => holdMessages(request, bytes)
    }, { ...operation, signal })).finally(() => { place.giveBack() })
    if (place.isRevoked) throw endedAccess()
    // What was acknowledged is told all the same. The next receive has nothing to acknowledge.
    if (place.refused && asked.acks.length === 0) throw live.tooMany()
    logFields.messages = answer.lines.length
    const answerBody = receiveAnswerBody(answer, body.ack !== undefined)
    telemetry.delivered(params.topic, answer.lines.length, answerBody.size)
    hold.resize(answerBody.size)
    reply.header('content-type', 'application/json; charset=utf-8').header('vary', 'accept-encoding')
    return sendBody(request, reply, answerBody)
  })

  done()
}

/** The receives that wait. When the server stops, they get their answers at once. */
class WaitingReceives {
  readonly #all = new Set<AbortController>()
  #ended = false

  add (receive: AbortController): void {
    if (this.#ended) receive.abort()
    else this.#all.add(receive)
  }

  delete (receive: AbortController): void {
    this.#all.delete(receive)
  }

  end (): void {
    this.#ended = true
    for (const receive of this.#all) receive.abort()
  }
}

interface PlaceDeps {
  readonly live: LiveRequests
  readonly liveAccess: LiveAccess
  readonly request: FastifyRequest
  readonly waiting: WaitingReceives
}

/** The place of a receive among the requests that wait. */
class WaitingPlace {
  readonly #deps: PlaceDeps
  #ends: AbortController | undefined
  #watch: Watch | undefined
  #taken = false
  /** Whether the receive had to wait, and no place was free. */
  refused = false

  constructor (deps: PlaceDeps) {
    this.#deps = deps
  }

  /** Aborted when the server stops, or if the token is revoked or expires while the receive waits. */
  get endsWait (): AbortSignal {
    this.#ends ??= new AbortController()
    return this.#ends.signal
  }

  get isRevoked (): boolean { return this.#watch?.ended === true }

  take (): boolean {
    const { live, liveAccess, request, waiting } = this.#deps
    this.#taken = live.tryTake('receive')
    this.refused = !this.#taken
    const ends = this.#ends
    if (this.#taken && ends !== undefined) {
      waiting.add(ends)
      this.#watch = liveAccess.watch(request, () => { ends.abort() })
    }
    return this.#taken
  }

  giveBack (): void {
    if (!this.#taken) return
    this.#deps.live.giveBack('receive')
    this.#watch?.release()
    if (this.#ends !== undefined) this.#deps.waiting.delete(this.#ends)
  }
}

/** @throws LogError `invalid_request` */
function askedFor (body: ReceiveBody, limits: Limits, leftMs: number): ReceiveOptions {
  const { limit = limits.pageMessagesDefault, max_bytes: maxBytes, lease_ms: leaseMs, wait = 0, consumer, ack = [] } = body
  return {
    limit,
    maxBytes: Math.min(maxBytes ?? limits.pageBytesMax, limits.pageBytesMax),
    leaseMs,
    consumer,
    waitMs: Math.max(0, Math.min(Math.round(wait * 1_000), limits.waitMaxMs, leftMs)),
    acks: ack.map((part, i) => leasePartOf(part, `ack.${i}.`))
  }
}

/** A request that waits needs memory only for the messages that arrive. @throws LogError `server_busy`, `request_timeout` */
async function holdMessages ({ hold, logFields }: FastifyRequest, bytes: number): Promise<void> {
  if (bytes === 0) {
    logFields.waited = true
    hold.resize(0)
  } else if (bytes > hold.bytes) await hold.add(bytes - hold.bytes)
}

/** Does the work with a signal that tells whether the client has gone. @throws LogError `request_timeout` if it has */
async function unlessGone<T> ({ raw }: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const client = new AbortController()
  const gone = (): void => { client.abort() }
  raw.once('close', gone)
  // The client may have disconnected before.
  if (raw.destroyed) gone()
  try {
    return await work(client.signal)
  } catch (error) {
    throw client.signal.aborted ? clientGone() : error
  } finally {
    raw.off('close', gone)
  }
}
