import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Limits } from '../../../domain/limits.ts'
import { noTelemetry } from '../../../domain/telemetry.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'

export interface ConnectionLimit {
  readonly max: number
  readonly reservedFiles: number
  /** Called with the number of connections that were refused since the last call, at most once per minute. */
  readonly refused: (count: number) => void
  readonly telemetry?: Telemetry
}

/**
 * Creates a server that handles one request of a connection at a time, and lets a few others wait. Node would start all
 * pipelined requests at once, and 31 KB of requests can ask for gigabytes of responses. A connection is closed if its client
 * receives nothing for `stalledConnectionMs`, or if a request takes longer than `requestTimeoutMs` to arrive.
 */
export function createBoundedServer (
  limits: Limits, options: ServerOptions, handle: RequestListener, telemetry = noTelemetry
): Server {
  const server = createServer({
    ...options,
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.requestTimeoutMs,
    // With Node's default of 30 s, a slow request could take half as long again.
    connectionsCheckingInterval: 5_000
  }, oneAtATime(handle, limits, telemetry))
  server.keepAliveTimeout = limits.keepAliveMs
  // For connections without traffic. Every response takes less time, and streams have heartbeats.
  server.setTimeout(limits.stalledConnectionMs, (socket) => {
    const { current } = queueOf(socket)
    if (socket.bytesRead > 0 && (current === undefined || !current.req.complete)) server.emit('clientError', requestTimeout(), socket)
    else socket.destroy()
  })
  return server
}

/** The same error as Node's for a request that did not arrive in time. */
function requestTimeout (): Error {
  return Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
}

type Response = ServerResponse & { req: IncomingMessage }

interface Queue {
  /** The response in progress. */
  current: Response | undefined
  /** The newest that was begun, until its request has arrived and its response has been sent. */
  last: Response | undefined
  waiting: Array<readonly [IncomingMessage, Response]>
  closed: boolean
  /** Called when all responses have been sent. */
  whenAnswered?: () => void
}

const queueKey = Symbol('queue')

function queueOf (socket: Socket & { [queueKey]?: Queue }): Queue {
  socket[queueKey] ??= { current: undefined, last: undefined, waiting: [], closed: false }
  return socket[queueKey]
}

/**
 * Calls `then` when all complete requests of the connection have got their responses; at once if there are none. Invalid data
 * may follow a request: if its error were sent before the response, an append that was written would look refused.
 * Only the first call has an effect, because the connection is closed after it.
 * @param waitMs after this time the connection is closed: a stream would never end
 */
export function afterAnswers (socket: Socket, waitMs: number, then: () => void): void {
  const queue = queueOf(socket)
  if (queue.whenAnswered !== undefined) return
  // Its request has an answer, although it is wrong further on. A proxy would take a second one for that of somebody else's request.
  const isAnswered = queue.last?.req.complete === false && queue.last.headersSent
  const next = isAnswered ? () => { socket.end() } : then
  if (queue.current === undefined || (!queue.current.req.complete && !isAnswered)) {
    queue.whenAnswered = () => {}
    next()
    return
  }
  const timer = setTimeout(() => { socket.destroy() }, waitMs)
  socket.pause().once('close', () => { clearTimeout(timer) })
  queue.whenAnswered = () => {
    // A paused socket does not report its end.
    socket.resume()
    next()
  }
}

function oneAtATime (
  handle: RequestListener, { pipelinedRequestsMax, pipelinedRequestsTotalMax }: Limits, telemetry: Telemetry
): RequestListener {
  /** Waiting requests of all connections. */
  let waiting = 0

  const drop = (queue: Queue): void => {
    queue.closed = true
    waiting -= queue.waiting.length
    queue.waiting = []
  }

  const begin = (queue: Queue, request: IncomingMessage, response: Response): void => {
    queue.current = queue.last = response
    response.once('close', () => {
      queue.current = undefined
      if (response.req.complete) queue.last = undefined
      const next = queue.closed || request.socket.writableEnded ? undefined : queue.waiting.shift()
      if (next === undefined) {
        queue.whenAnswered?.()
        return
      }
      waiting--
      begin(queue, ...next)
    })
    handle(request, response)
  }

  return (request, response) => {
    const { socket } = request
    const queue = queueOf(socket)
    // Behind the last answer of a connection, nothing may be done (RFC 9112, 9.6).
    if (queue.closed || socket.writableEnded) return
    if (queue.current === undefined) {
      begin(queue, request, response)
      return
    }
    if (queue.waiting.length >= pipelinedRequestsMax || waiting >= pipelinedRequestsTotalMax) {
      // An error response is not possible: it would have to wait for the responses before it.
      drop(queue)
      socket.destroy()
      telemetry.refused('pipelining')
      return
    }
    if (queue.waiting.length === 0) socket.once('close', () => { drop(queue) })
    waiting++
    queue.waiting.push([request, response])
  }
}

/** Whether a response can still reach its client. */
export function mayAnswer ({ raw }: { readonly raw: ServerResponse }): boolean {
  return !raw.destroyed && raw.socket?.destroyed !== true
}

/**
 * Refuses connections beyond `max`, or beyond the file descriptors of the process less `reservedFiles` if these are fewer:
 * without free descriptors, no files can be opened either.
 */
export function limitConnections (server: Server, { max, reservedFiles, refused, telemetry = noTelemetry }: ConnectionLimit): void {
  server.maxConnections = Math.max(1, Math.min(max, openFilesMax() - reservedFiles))
  let count = 0
  let timer: NodeJS.Timeout | undefined
  const report = (): void => {
    timer = undefined
    if (count === 0) return
    refused(count)
    count = 0
    timer = setTimeout(report, 60_000).unref()
  }
  server.on('drop', () => {
    count++
    telemetry.refused('connections')
    if (timer === undefined) report()
  })
}

/** `ulimit -n` on Linux; otherwise Infinity. */
function openFilesMax (): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}

/**
 * Makes a closing server finish its responses. For Node a connection is idle as soon as its last response is in the
 * socket's buffer: `closeIdleConnections`, which `close` calls, would destroy it with the part that is not sent yet. And
 * Node closes idle connections only once, so connections that become idle later would stay open.
 * @returns a function that closes idle connections repeatedly until the function that it returns is called
 */
export function closeIdleWhenSent (server: Server): () => () => void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => {
    for (const socket of sockets) if (socket.writableLength > 0) return
    closeIdle()
  }
  return () => {
    const again = setInterval(() => { server.closeIdleConnections() }, 50)
    return () => { clearInterval(again) }
  }
}
