import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { Server } from './children.ts'
import { Samples } from './statistics.ts'

/** One worker on its own connection: what it sends, and what it makes of the answers. */
export interface Worker {
  /** The bytes of the next request, which acknowledges what the last one got, and asks for more. */
  next (): string | Buffer
  /** Looks at all that came since the request. @returns undefined while the answer is not complete. @throws if it is an error */
  take (data: Buffer): Cycle | undefined
}

/** What a request has done. */
export interface Cycle {
  /** Messages that are acknowledged for good, as the server says. */
  readonly settled: number
  /** There was nothing more to get: the run ends. */
  readonly empty?: boolean
}

export interface WorkersResult {
  readonly seconds: number
  readonly cyclesPerSecond: number
  readonly messagesPerSecond: number
  /** From a request to its answer. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** All threads of the server, for each message. */
  readonly serverCpuMicros: number
  /** How much of one core the server used, and this generator: one at 1.0 is what limits. */
  readonly serverCores: number
  readonly generatorCores: number
}

/** Workers in a closed loop, for so many seconds, or until there are no more messages. All of them are in this process. */
export async function runWorkers (server: Server, workers: readonly Worker[], seconds: number): Promise<WorkersResult> {
  const sockets = await Promise.all(workers.map(() => open(server.port)))
  const samples = new Samples()
  let settled = 0
  const ended = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  try {
    const cpu = server.cpuSeconds()
    const own = process.cpuUsage()
    const start = performance.now()
    timer = setTimeout(ended.resolve, seconds * 1000)
    const onCycle = (cycle: Cycle, ms: number): boolean => {
      if (cycle.empty === true) ended.resolve()
      settled += cycle.settled
      samples.add(ms)
      return cycle.empty !== true
    }
    sockets.forEach((socket, index) => { drive(socket, workers[index]!, onCycle, ended.reject) })
    await ended.promise
    const elapsed = (performance.now() - start) / 1000
    const serverSeconds = server.cpuSeconds() - cpu
    const { user, system } = process.cpuUsage(own)
    const [p50Ms = NaN, p99Ms = NaN] = samples.percentiles(0.5, 0.99)
    return {
      seconds: elapsed,
      cyclesPerSecond: samples.length / elapsed,
      messagesPerSecond: settled / elapsed,
      p50Ms,
      p99Ms,
      serverCpuMicros: serverSeconds / settled * 1e6,
      serverCores: serverSeconds / elapsed,
      generatorCores: (user + system) / 1e6 / elapsed
    }
  } finally {
    clearTimeout(timer)
    for (const socket of sockets) socket.destroy()
  }
}

async function open (port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

/** Until the socket is destroyed. @param onCycle tells whether to go on */
function drive (socket: Socket, worker: Worker, onCycle: (cycle: Cycle, ms: number) => boolean, onError: (error: Error) => void): void {
  let sentAt = 0
  let partial: Buffer | undefined
  const send = (): void => {
    sentAt = performance.now()
    socket.write(worker.next())
  }
  socket.on('error', onError)
  socket.on('close', () => { onError(new Error('the server closed a connection')) })
  socket.on('data', (chunk: Buffer) => {
    const data = partial === undefined ? chunk : Buffer.concat([partial, chunk])
    try {
      const cycle = worker.take(data)
      partial = cycle === undefined ? data : undefined
      if (cycle !== undefined && onCycle(cycle, performance.now() - sentAt)) send()
    } catch (error) {
      onError(error as Error)
    }
  })
  send()
}

/** Sends requests one after the other on one connection. @param isAnswer whether all of its answer has come */
export async function exchange (server: Server, requests: readonly string[], isAnswer: (data: Buffer) => boolean): Promise<void> {
  const socket = await open(server.port)
  let left = requests.length
  try {
    await new Promise<void>((resolve, reject) => {
      drive(socket, {
        next: () => requests[requests.length - left]!,
        take: (data) => isAnswer(data) ? { settled: 0 } : undefined
      }, () => {
        if (--left > 0) return true
        resolve()
        return false
      }, reject)
    })
  } finally {
    socket.destroy()
  }
}
