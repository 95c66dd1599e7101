import { Agent as HttpAgent, type AgentOptions, type ClientRequest } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Bytes, Ms } from '../../ports/units.ts'

/** A connection that has been idle for longer may be dead: services close them, and a frozen function does not notice. */
const DOUBTFUL_AFTER_MS: Ms = 1_000
/**
 * On such a connection, an answer begins within this time, or the attempt fails. It is what AWS recommends for small requests to S3;
 * DynamoDB takes some milliseconds. Two attempts fit into each timeout of the log.
 */
const FIRST_BYTE_MS: Ms = 2_000
/** Larger requests may take longer to send, and only have the timeout of their caller. */
const SMALL_REQUEST_BYTES: Bytes = 64 * 1024

/** When a connection became idle: ms of the wall clock, because the monotonic clock may stop while a function is frozen. */
const idleSince = new WeakMap<Duplex, Ms>()

/**
 * Agents that notice connections that have died while they were idle. Such a connection may also be half-open: what is sent on it
 * vanishes, and no error comes. Without this, a call would wait on it until its timeout, with no time left for another attempt.
 */
export function createAgents (options: AgentOptions): { httpAgent: HttpAgent, httpsAgent: HttpsAgent } {
  return { httpAgent: watched(new HttpAgent(options)), httpsAgent: watched(new HttpsAgent(options)) }
}

function watched<Agent extends HttpAgent> (agent: Agent): Agent {
  return Object.assign(agent, {
    keepSocketAlive (socket: Duplex): void {
      idleSince.set(socket, Date.now())
      return HttpAgent.prototype.keepSocketAlive.call(agent, socket)
    },
    reuseSocket (socket: Duplex, request: ClientRequest): void {
      HttpAgent.prototype.reuseSocket.call(agent, socket, request)
      watch(agent, socket, request)
    }
  })
}

/** If a request on a connection that was used before fails, the other idle ones are probably dead, too: the next attempt gets a new one. */
function watch ({ freeSockets }: HttpAgent, socket: Duplex, request: ClientRequest): void {
  request.once('error', () => {
    for (const sockets of Object.values(freeSockets)) for (const idle of sockets ?? []) idle.destroy()
  })
  const idleMs = Date.now() - (idleSince.get(socket) ?? 0)
  if (idleMs <= DOUBTFUL_AFTER_MS || Number(request.getHeader('content-length') ?? 0) > SMALL_REQUEST_BYTES) return
  const timer = setTimeout(() => { request.destroy(noAnswer(idleMs)) }, FIRST_BYTE_MS)
  const stop = (): void => { clearTimeout(timer) }
  request.once('response', stop).once('close', stop)
}

function noAnswer (idleMs: Ms): Error {
  const message = `no answer within ${FIRST_BYTE_MS} ms on a connection that had been idle for ${idleMs} ms`
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
}
