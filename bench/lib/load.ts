import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { Server } from './children.ts'
import { firstAnswer } from './responses.ts'
import { Samples } from './statistics.ts'

/*
 * A closed loop on raw sockets: each connection sends its next request when the answer to the last has come. On two cores the
 * generator has one and the server has one, so it must cost less than any server; the scenario `ceiling` shows how much.
 * A closed loop hides waiting that an open one would show: its latencies are those of clients that wait for their answer.
 */

export interface LoadOptions {
  readonly server: Server
  readonly connections: number
  readonly seconds: number
  /** The bytes of one request, sent again and again. */
  readonly request: Buffer
}

/** As {@link LoadOptions}, if requests differ. */
export interface ChangingLoadOptions extends Omit<LoadOptions, 'request'> {
  /**
   * Called once for each connection, from 0. What it returns is called for each request of the connection. The bytes may be
   * changed for the next request.
   */
  readonly requests: (connection: number) => () => Buffer
}

export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** All threads of the server. */
  readonly serverCpuMicros: number
  /** How much of one core the server used, and this generator: one at 1.0 is what limits. */
  readonly serverCores: number
  readonly generatorCores: number
  /**
   * How often this generator went to sleep, for each request. The response that ends a sleep has to wake it, which costs the server
   * CPU.
   */
  readonly generatorSleeps: number
}

export function load ({ request, ...options }: LoadOptions): Promise<LoadResult> {
  return loadChanging({ ...options, requests: () => () => request })
}

export async function loadChanging ({ server, connections, seconds, requests: source }: ChangingLoadOptions): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(server.port)))
  const samples = new Samples()
  const run = { stop: false }
  try {
    const cpu = server.cpuSeconds()
    const own = process.cpuUsage()
    const sleeps = process.resourceUsage().voluntaryContextSwitches
    const start = performance.now()
    const all = Promise.all(sockets.map((socket, index) => drive(socket, source(index), samples, run)))
    const timer = setTimeout(() => { run.stop = true }, seconds * 1000)
    await all.finally(() => { clearTimeout(timer) })
    const elapsed = (performance.now() - start) / 1000
    const serverSeconds = server.cpuSeconds() - cpu
    const { user, system } = process.cpuUsage(own)
    const requests = samples.length
    const [p50Ms = NaN, p99Ms = NaN] = samples.percentiles(0.5, 0.99)
    return {
      requests,
      perSecond: requests / elapsed,
      p50Ms,
      p99Ms,
      serverCpuMicros: serverSeconds / requests * 1e6,
      serverCores: serverSeconds / elapsed,
      generatorCores: (user + system) / 1e6 / elapsed,
      generatorSleeps: (process.resourceUsage().voluntaryContextSwitches - sleeps) / requests
    }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

async function open (port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

function drive (socket: Socket, next: () => Buffer, samples: Samples, run: { readonly stop: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0
    let partial: Buffer | undefined
    const send = (): void => {
      const request = next()
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('error', reject)
    socket.on('close', () => { reject(new Error('the server closed a connection')) })
    socket.on('data', (chunk: Buffer) => {
      const data = partial === undefined ? chunk : Buffer.concat([partial, chunk])
      const answer = firstAnswer(data)
      if (answer === undefined) {
        partial = data
        return
      }
      partial = undefined
      if (answer.status >= 300) {
        reject(new Error(`answered with ${data.toString('utf8', 0, answer.length).slice(0, 1000)}`))
        return
      }
      samples.add(performance.now() - sentAt)
      if (run.stop) resolve()
      else send()
    })
    send()
  })
}

/** Sends the same request `count` times, to fill a store. */
export function sendAll (server: Server, request: Buffer, count: number, connections: number): Promise<void> {
  return sendEach(server, () => request, count, connections)
}

/** Sends `count` requests, to fill a store. */
export async function sendEach (server: Server, next: () => Buffer, count: number, connections: number): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(server.port)))
  let left = count - connections
  const run = { get stop () { return left-- <= 0 } }
  try {
    await Promise.all(sockets.map((socket) => drive(socket, next, new Samples(), run)))
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

/** One kept connection, requests one after the other in the order in which they were given. */
export class Sender {
  /** How many requests have their answer. */
  answered = 0
  readonly #socket: Socket
  #partial: Buffer = Buffer.alloc(0)
  #waiting: Buffer[] = []
  #busy = false

  private constructor (socket: Socket, onFailure: (error: Error) => void) {
    this.#socket = socket
    socket.on('error', onFailure)
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#take(chunk)
      } catch (error) {
        onFailure(error as Error)
      }
    })
  }

  static async open (server: Server, onFailure: (error: Error) => void): Promise<Sender> {
    return new Sender(await open(server.port), onFailure)
  }

  send (request: Buffer): void {
    if (this.#busy) this.#waiting.push(request)
    else {
      this.#busy = true
      this.#socket.write(request)
    }
  }

  close (): void {
    this.#socket.destroy()
  }

  #take (chunk: Buffer): void {
    this.#partial = Buffer.concat([this.#partial, chunk])
    const answer = firstAnswer(this.#partial)
    if (answer === undefined) return
    if (answer.status >= 300) throw new Error(`answered with ${this.#partial.toString('utf8', 0, 1000)}`)
    this.answered++
    this.#partial = this.#partial.subarray(answer.length)
    this.#busy = false
    const next = this.#waiting.shift()
    if (next !== undefined) this.send(next)
  }
}

/** A POST of JSON as bytes. @param headers more than those that every request has */
export function post (path: string, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${more}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}
