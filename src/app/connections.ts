import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { defaultLimits as limits } from '../domain/limits.ts'

/** What happened on connections that no request tells of. */
export interface ConnectionEvents {
  /** More connections than allowed: so many were closed at once since the last call. At most once a minute. */
  readonly refused: (count: number) => void
}

/**
 * A server that works on one request of a connection at a time, and holds few others back: Node would start on all that
 * were pipelined, and 31 KB of them can ask for gigabytes of answers. Connections end that take nothing of their answer
 * for `stalledConnectionMs`, or have not sent a request after `requestTimeoutMs`.
 */
export function createBoundedServer (options: ServerOptions, handle: RequestListener): Server {
  const server = createServer({
    ...options,
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.requestTimeoutMs,
    // Node's 30 s would let a slow request live half as long again.
    connectionsCheckingInterval: 5_000
  }, oneAtATime(handle))
  server.keepAliveTimeout = limits.keepAliveMs
  // Of all connections on which nothing moves; answers that are awaited come sooner, and streams have heartbeats.
  server.setTimeout(limits.stalledConnectionMs, (socket) => {
    const { current } = queueOf(socket)
    if (socket.bytesRead > 0 && (current === undefined || !current.req.complete)) server.emit('clientError', requestTimeout(), socket)
    else socket.destroy()
  })
  return server
}

/** As Node reports a request that did not arrive in time. */
function requestTimeout (): Error {
  return Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
}

type Response = ServerResponse & { req: IncomingMessage }

interface Queue {
  /** The answer under way. */
  current: Response | undefined
  waiting: Array<readonly [IncomingMessage, Response]>
  closed: boolean
  /** Called when the last answer that is owed is out. */
  whenAnswered?: () => void
}

const queueKey = Symbol('queue')

function queueOf (socket: Socket & { [queueKey]?: Queue }): Queue {
  socket[queueKey] ??= { current: undefined, waiting: [], closed: false }
  return socket[queueKey]
}

/**
 * Calls `then` when the requests that have arrived whole are answered, at once if there are none. What follows them on
 * the connection may be nonsense, but an append that was acknowledged must not look refused. Only the first call counts,
 * as the connection ends with it.
 */
export function afterAnswers (socket: Socket, then: () => void): void {
  const queue = queueOf(socket)
  if (queue.whenAnswered !== undefined) return
  if (queue.current === undefined || !queue.current.req.complete) {
    queue.whenAnswered = () => {}
    then()
    return
  }
  // A stream would go on for ever.
  const timer = setTimeout(() => { socket.destroy() }, limits.stalledConnectionMs)
  socket.pause().once('close', () => { clearTimeout(timer) })
  queue.whenAnswered = () => {
    // Its end would not be noticed otherwise.
    socket.resume()
    then()
  }
}

function oneAtATime (handle: RequestListener): RequestListener {
  /** Requests that wait on any connection. */
  let waiting = 0

  const drop = (queue: Queue): void => {
    queue.closed = true
    waiting -= queue.waiting.length
    queue.waiting = []
  }

  const begin = (queue: Queue, request: IncomingMessage, response: Response): void => {
    queue.current = response
    response.once('close', () => {
      queue.current = undefined
      const next = queue.closed ? undefined : queue.waiting.shift()
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
    if (queue.closed) return
    if (queue.current === undefined) {
      begin(queue, request, response)
      return
    }
    if (queue.waiting.length >= limits.pipelinedRequestsMax || waiting >= limits.pipelinedRequestsTotalMax) {
      // An error can't be the answer: it would have to wait for those of the requests before.
      drop(queue)
      socket.destroy()
      return
    }
    if (queue.waiting.length === 0) socket.once('close', () => { drop(queue) })
    waiting++
    queue.waiting.push([request, response])
  }
}

/** Whether an answer can still reach its client. */
export function mayAnswer ({ raw }: { readonly raw: ServerResponse }): boolean {
  return !raw.destroyed && raw.socket?.destroyed !== true
}

/**
 * Closes connections beyond `max`, or beyond the file descriptors that the process may have if those are fewer: without
 * them even files can't be opened any more.
 */
export function limitConnections (server: Server, max: number, { refused }: ConnectionEvents): void {
  server.maxConnections = Math.max(1, Math.min(max, openFilesMax() - limits.reservedFiles))
  let count = 0
  let timer: NodeJS.Timeout | undefined
  const tell = (): void => {
    timer = undefined
    if (count === 0) return
    refused(count)
    count = 0
    timer = setTimeout(tell, 60_000).unref()
  }
  server.on('drop', () => {
    count++
    if (timer === undefined) tell()
  })
}

/** `ulimit -n` where the system tells it. */
function openFilesMax (): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}

/**
 * Makes a closing server finish what it is sending. Node takes a connection for idle from the moment its last answer was
 * handed over, and destroys it with whatever part of that answer is not out yet (`closeIdleConnections`, which
 * `close` calls, too). And it looks for idle connections only once, so that those which become idle later stay open.
 * @returns closes the idle connections, again and again, until the returned function is called
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
