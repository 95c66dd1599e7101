import { once } from 'node:events'
import { Agent, createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * What a network, a proxy or a busy server does to a request:
 * - `reset`: the connection is reset before the request gets anywhere.
 * - `refuse`: 429 or 503 with a problem and `Retry-After`; not applied.
 * - `page`: 502 with a page of HTML, as a load balancer says it; not applied.
 * - `delay`: it arrives later, by up to `ms`.
 * - `late`: applied at once, the answer comes after `ms`.
 * - `drop`: applied, and then the connection ends without an answer.
 * - `cut`: applied, and the connection ends in the middle of the answer's body: a stream after up to `bytes` of it.
 * - `hold`: nothing of the answer comes before its end, as behind a proxy that buffers.
 */
export type Fault = 'reset' | 'refuse' | 'page' | 'delay' | 'late' | 'drop' | 'cut' | 'hold'

export interface FaultRule {
  readonly fault: Fault
  /** The share of requests, 0 to 1. */
  readonly rate: number
  /** A regular expression for `METHOD /path?query`; by default all requests. */
  readonly on?: string
  /** A regular expression for the `Accept` header. */
  readonly accept?: string
  readonly ms?: number
  readonly bytes?: number
}

/** A proxy between a client and the service. The n-th request of a proxy with a seed always has the same fate under the same rules. */
export class FaultProxy {
  rules: readonly FaultRule[] = []
  /** Where requests go; without one, connections are reset. */
  origin: string | undefined
  url = ''
  requests = 0
  readonly happened: Record<string, number> = {}
  readonly #seed: number
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true, timeout: 1_000 })

  private constructor (seed: number) {
    this.#seed = seed
    this.#server = createServer((request, response) => {
      // Without a listener a client's hanging up would end the process.
      response.on('error', () => {})
      this.#pass(request, response).catch(() => { request.socket.destroy() })
    })
    this.#server.keepAliveTimeout = 0
  }

  static async start (seed = 1): Promise<FaultProxy> {
    const proxy = new FaultProxy(seed)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    proxy.url = `http://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`
    return proxy
  }

  close (): void {
    this.#server.closeAllConnections()
    this.#server.close()
    this.#agent.destroy()
  }

  async #pass (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const random = randomOf(this.#seed, ++this.requests)
    const rule = this.#draw(request, random)
    const { fault, ms = 0, bytes = 1_000 } = rule ?? {}
    if (fault !== undefined) this.happened[fault] = (this.happened[fault] ?? 0) + 1
    if (fault === 'reset') return this.#reset(request)
    const body = await buffer(request)
    if (fault === 'refuse') return refuse(response, random)
    if (fault === 'page') {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>')
      return
    }
    if (fault === 'delay') await wait(random() * ms)
    if (this.origin === undefined) return this.#reset(request)
    const answer = await this.#forward(request, response, body)
    if (fault === 'drop') {
      // Only when all of it has been applied.
      if (isStream(answer)) answer.destroy()
      else await buffer(answer)
      return request.socket.destroy() && undefined
    }
    if (fault === 'cut') return cut(request, response, answer, Math.floor(random() * bytes))
    if (fault === 'late' || fault === 'hold') {
      const all = await buffer(answer)
      if (fault === 'late') await wait(ms)
      response.writeHead(answer.statusCode!, headersOf(answer)).end(all)
      return
    }
    response.writeHead(answer.statusCode!, headersOf(answer))
    answer.on('error', () => { request.socket.destroy() })
    answer.pipe(response)
  }

  #draw (request: IncomingMessage, random: () => number): FaultRule | undefined {
    const line = `${request.method} ${request.url}`
    const rules = this.rules.filter(({ on = '', accept = '' }) => {
      return new RegExp(on).test(line) && new RegExp(accept).test(request.headers.accept ?? '')
    })
    // One number for all, so that the rates add up to the share of requests that something happens to.
    let drawn = random()
    return rules.find(({ rate }) => {
      drawn -= rate
      return drawn < 0
    })
  }

  #reset (request: IncomingMessage): void {
    request.socket.resetAndDestroy()
  }

  async #forward ({ method, url, headers }: IncomingMessage, response: ServerResponse, body: Buffer): Promise<IncomingMessage> {
    const { connection: _, 'transfer-encoding': __, expect: ___, ...others } = headers
    const request = send(new URL(url!, this.origin), {
      method, agent: this.#agent, headers: { ...others, ...body.length > 0 && { 'content-length': body.length } }
    })
    // The service hears that the client has gone.
    response.once('close', () => { if (!response.writableFinished) request.destroy() })
    request.end(body)
    const [answer] = await once(request, 'response') as [IncomingMessage]
    request.on('error', () => {})
    return answer
  }
}

function isStream ({ headers }: IncomingMessage): boolean {
  return headers['content-type']?.startsWith('text/event-stream') === true
}

function headersOf ({ headers }: IncomingMessage): Record<string, string | string[] | undefined> {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...others } = headers
  return others
}

function refuse (response: ServerResponse, random: () => number): void {
  const [status, code] = random() < 0.5 ? [429, 'rate_limited'] as const : [503, 'overloaded'] as const
  const detail = 'The fault proxy refuses.'
  response.writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': random() < 0.2 ? '1' : '0' })
  const problem = { type: `/docs/errors#${code}`, title: code, status, detail, error: detail, code, retriable: true, written: 'no' }
  response.end(JSON.stringify(problem))
}

async function cut (request: IncomingMessage, response: ServerResponse, answer: IncomingMessage, bytes: number): Promise<void> {
  response.writeHead(answer.statusCode!, headersOf(answer))
  if (!isStream(answer)) {
    const body = await buffer(answer)
    response.write(body.subarray(0, body.length >> 1), () => { request.socket.destroySoon() })
    return
  }
  let left = bytes
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    response.write(chunk.subarray(0, left))
    left -= chunk.length
    if (left <= 0) break
  }
  answer.destroy()
  request.socket.destroySoon()
}

/** Numbers from 0 to 1 that depend on the seed and the number of the request only: mulberry32. */
function randomOf (seed: number, nth: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(nth, 0x85ebca6b)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
