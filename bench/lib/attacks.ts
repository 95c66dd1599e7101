import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Server } from './children.ts'
import { firstAnswer } from './responses.ts'

/** What one client can do to a server. Topic `big` has one message of nearly 4 MiB, topic `small` a short one. */
export interface Attack {
  readonly name: string
  /** Goes on until `signal` aborts. @returns how often each status was received, where responses are read */
  run (server: Server, signal: AbortSignal): Promise<Statuses>
}

export type Statuses = ReadonlyMap<number, number>

const mebibyte = 1 << 20
const consumeBig = 'GET /topics/big/consume HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const longPoll = 'GET /topics/small/consume?offset=latest&wait=20 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const none: Statuses = new Map()

export const attacks: readonly Attack[] = [
  { name: 'no attack', run: (server, signal) => withSockets(server, 0, signal, () => {}) },
  pipelined('700 pages of 4 MiB pipelined, unread', consumeBig, 700),
  pipelined('1,500 pages of 4 MiB pipelined, unread', consumeBig, 1500),
  { ...pipelined('700 pages of 4 MiB pipelined, client gone', consumeBig, 700), run: pipelineAndLeave },
  pipelined('50,000 long polls pipelined', longPoll, 50_000),
  {
    name: '300 connections, a page of 4 MiB each, unread',
    run: (server, signal) => withSockets(server, 300, signal, (socket) => { socket.write(consumeBig) })
  },
  { name: '150 uploads of 4 MiB − 100 bytes that stall', run: stalledUploads },
  bodies('gzip: 2,000,000 nested arrays as key', () => `{"payload":1,"key":${nested(2e6)}}`),
  bodies('gzip: 2,000,000 nested arrays as body', () => nested(2e6)),
  bodies('gzip: 4,000,000 brackets, unclosed', () => '['.repeat(4e6)),
  bodies('gzip: 350,000 unknown members', () => `{"payload":1,${members(350_000, (index) => `"a${index.toString(36)}":0`)}}`),
  // Multiplying by an odd number gives each index a different array index, far from the others: the slowest names for V8.
  bodies('gzip: 250,000 number-like header names',
    () => `{"payload":1,"headers":{${members(250_000, (index) => `"${Math.imul(index, 2654435761) >>> 0}":""`)}}}`),
  { name: '100 connections with slow headers', run: slowHeaders }
]

function pipelined (name: string, request: string, count: number): Attack {
  return { name, run: (server, signal) => withSockets(server, 1, signal, (socket) => { socket.write(request.repeat(count)) }) }
}

/** The client sends everything, then closes its connection without waiting for a response. */
async function pipelineAndLeave (server: Server, signal: AbortSignal): Promise<Statuses> {
  await withSockets(server, 1, signal, (socket) => { socket.end(consumeBig.repeat(700), () => socket.destroy()) })
  return none
}

async function stalledUploads (server: Server, signal: AbortSignal): Promise<Statuses> {
  const length = 4 * mebibyte
  const head =
    `POST /topics/small/produce HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
  const part = Buffer.concat([Buffer.from(`${head}{"payload":"`), Buffer.alloc(length - 100, 'x')])
  return withSockets(server, 150, signal, (socket) => { socket.write(part) })
}

async function slowHeaders (server: Server, signal: AbortSignal): Promise<Statuses> {
  return withSockets(server, 100, signal, (socket) => {
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n')
    const timer = setInterval(() => { socket.write('X-Slow: 1\r\n') }, 1000)
    socket.on('close', () => { clearInterval(timer) })
  })
}

/** Opens connections that nobody reads from, and closes them when `signal` aborts. */
async function withSockets (server: Server, count: number, signal: AbortSignal, begin: (socket: Socket) => void): Promise<Statuses> {
  const sockets = Array.from({ length: count }, () => {
    // The server may refuse or close any of them: that is what it should do.
    const socket = createConnection({ port: server.port, host: '127.0.0.1' }).on('error', () => {})
    socket.once('connect', () => { begin(socket) })
    return socket
  })
  if (!signal.aborted) await once(signal, 'abort')
  for (const socket of sockets) socket.destroy()
  return none
}

/** 8 requests with this body at once, again as soon as all are answered, but at most once a second. */
function bodies (name: string, body: () => string): Attack {
  return {
    name,
    async run (server, signal) {
      const compressed = gzipSync(body())
      const head = 'POST /topics/small/produce HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Encoding: ' +
        'gzip\r\n' +
        `Content-Length: ${compressed.length}\r\nConnection: close\r\n\r\n`
      const request = Buffer.concat([Buffer.from(head), compressed])
      const statuses = new Map<number, number>()
      while (!signal.aborted) {
        const volley = await Promise.all([...Array.from({ length: 8 }, () => statusOf(server, request, signal)), sleep(1000)])
        for (const status of volley) if (status !== undefined) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
      return statuses
    }
  }
}

/** Undefined if the connection ends, or `signal` aborts, before there is a response. */
function statusOf (server: Server, request: Buffer, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const socket = createConnection({ port: server.port, host: '127.0.0.1' }, () => { socket.write(request) })
    const abort = (): void => { socket.destroy() }
    signal.addEventListener('abort', abort)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (firstAnswer(received) !== undefined) socket.destroy()
    }).on('error', () => {}).on('close', () => {
      signal.removeEventListener('abort', abort)
      resolve(firstAnswer(received)?.status)
    })
  })
}

function nested (depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth)
}

function members (count: number, member: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => member(index)).join(',')
}
