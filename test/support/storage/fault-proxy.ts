import { once } from 'node:events'
import { Agent, createServer, request as send, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Random } from '../../simulation/engine/random.ts'
import { dynamoError, s3Error } from './scripted-server.ts'

/**
 * What a network and a service do to a request:
 * - `reset`: the connection is reset before the request gets anywhere.
 * - `refuse`: SlowDown, ThrottlingException or an internal error; not applied.
 * - `conflict`: 409 to a conditional put; not applied.
 * - `late request`: applied, but only after the caller has stopped waiting.
 * - `late answer`: applied at once, the answer comes after the caller has stopped waiting.
 * - `drop`: applied, and then the connection ends without an answer.
 * - `cut`: applied, and the connection ends in the middle of the answer's body. Answers without a body are spared.
 */
export type WireFault = 'reset' | 'refuse' | 'conflict' | 'late request' | 'late answer' | 'drop' | 'cut'
export type WireFaultRates = Readonly<Partial<Record<WireFault, number>>>

export interface WireRequest {
  readonly service: 's3' | 'dynamodb'
  /** As the SDK names it, for what the adapters use; otherwise the HTTP method. */
  readonly operation: string
  /** How many requests of this operation on this key have come, this one included. */
  readonly nth: number
}

export interface FaultProxyOptions {
  /** Where requests go. */
  readonly origin: string
  readonly seed: string
  /** How likely each fault is for such a request. */
  readonly rates: (request: WireRequest) => WireFaultRates
  /** Bounds of what the late ones wait for, ms: more than the time-outs of who calls. */
  readonly lateMs?: readonly [low: number, high: number]
}

export interface FaultProxy {
  readonly endpoint: string
  /** While it is false, everything passes as it is. */
  faultsOn: boolean
  /** How often each fault happened, by service and fault: `s3 drop`. */
  readonly happened: ReadonlyMap<string, number>
  /** Requests that arrived, faulty or not. */
  readonly requests: number
  /** Resolves when nothing is on its way any more, the requests that nobody waits for included. */
  drained (): Promise<void>
}

interface Arrived extends Omit<WireRequest, 'nth'> {
  readonly url: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

interface Answer { readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: Buffer }

/**
 * A proxy between the AWS adapters and an emulator, for the faults that the emulator never has. The draw for the n-th
 * request of an operation on a key depends on the seed and on nothing else, so that a seed repeats its faults as far as
 * the timing lets it.
 */
export async function faultProxy (t: TestContext, options: FaultProxyOptions): Promise<FaultProxy> {
  const wire = new Wire(options)
  const server = createServer((request, response) => { wire.pass(request, response) })
  // Nor does the proxy let go of a caller's idle connection.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
    wire.close()
  })
  wire.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return wire
}

class Wire implements FaultProxy {
  endpoint = ''
  faultsOn = true
  requests = 0
  readonly happened = new Map<string, number>()
  readonly #options: FaultProxyOptions
  /** Lets go of idle connections before the origin does, which would be a fault that nobody asked for. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 1_000 })
  readonly #seen = new Map<string, number>()
  readonly #onTheWay = new Set<Promise<void>>()

  constructor (options: FaultProxyOptions) {
    this.#options = options
  }

  pass (request: IncomingMessage, response: ServerResponse): void {
    this.requests++
    // Without a listener the caller's hanging up, which is the point of half the faults, would end the process.
    response.on('error', () => {})
    const passing = this.#pass(request, response)
      // The caller hung up while sending, or the origin broke the connection: it hears no more than that.
      .catch(() => { request.socket.destroy() })
      .finally(() => { this.#onTheWay.delete(passing) })
    this.#onTheWay.add(passing)
  }

  close (): void {
    this.#agent.destroy()
  }

  async drained (): Promise<void> {
    while (this.#onTheWay.size > 0) await Promise.all(this.#onTheWay)
  }

  async #pass (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrived = await read(request)
    const nth = this.#count(arrived)
    const random = new Random(this.#options.seed, keyOf(arrived), nth)
    const fault = this.#draw({ ...arrived, nth }, random)
    if (fault === undefined || fault === 'cut') {
      const answer = await this.#forward(arrived)
      if (fault === undefined || answer.body.length < 2 || arrived.method === 'HEAD') return give(response, answer)
      this.#note(arrived, fault)
      return cut(request, response, answer)
    }
    this.#note(arrived, fault)
    switch (fault) {
      case 'reset':
        request.socket.resetAndDestroy()
        return
      case 'refuse':
        return give(response, refusal(arrived, random))
      case 'conflict':
        return give(response, said(s3Error(409, 'ConditionalRequestConflict')))
      case 'drop':
        await this.#forward(arrived)
        request.socket.destroy()
        return
      case 'late request':
        await this.#late(random)
        return give(response, await this.#forward(arrived))
      case 'late answer': {
        const answer = await this.#forward(arrived)
        await this.#late(random)
        return give(response, answer)
      }
    }
  }

  #draw (arrived: Arrived & WireRequest, random: Random): WireFault | undefined {
    if (!this.faultsOn) return undefined
    const rates = this.#options.rates(arrived)
    // One number for all, so that the rates add up to the share of requests that something happens to.
    let drawn = random.next()
    for (const fault of Object.keys(rates) as WireFault[]) {
      if (fault === 'conflict' && arrived.headers['if-none-match'] === undefined) continue
      drawn -= rates[fault] ?? 0
      if (drawn < 0) return fault
    }
    return undefined
  }

  #count (arrived: Arrived): number {
    const key = keyOf(arrived)
    const nth = (this.#seen.get(key) ?? 0) + 1
    this.#seen.set(key, nth)
    return nth
  }

  #note ({ service }: Arrived, fault: WireFault): void {
    const name = `${service} ${fault}`
    this.happened.set(name, (this.happened.get(name) ?? 0) + 1)
  }

  #late (random: Random): Promise<void> {
    const [low, high] = this.#options.lateMs ?? [1_000, 2_000]
    return wait(random.int(low, high))
  }

  async #forward ({ method, url, headers, body }: Arrived): Promise<Answer> {
    const { connection: _, 'transfer-encoding': __, ...others } = headers
    // `Host` stays as it was signed.
    const request = send(new URL(url, this.#options.origin), {
      method,
      headers: { ...others, 'content-length': body.length },
      agent: this.#agent
    })
    request.end(body)
    const [answer] = await once(request, 'response') as [IncomingMessage]
    return { status: answer.statusCode!, headers: answer.headers, body: await buffer(answer) }
  }
}

function keyOf ({ service, operation, url, body }: Arrived): string {
  // Without the bucket or the table, whose names are other ones in each run.
  const on = service === 's3' ? url.replace(/^\/[^/?]*/, '') : /"pk":\{"S":"[^"]*"/.exec(body.toString())?.[0]
  return `${service} ${operation} ${on}`
}

async function read (request: IncomingMessage): Promise<Arrived> {
  const { method = '', url = '/', headers } = request
  const target = headers['x-amz-target']
  const body = await buffer(request)
  const about = { method, url, headers, body }
  return typeof target === 'string'
    ? { ...about, service: 'dynamodb', operation: target.replace(/^.*\./, '') }
    : { ...about, service: 's3', operation: s3Operation(method, new URL(url, 'http://s3')) }
}

function s3Operation (method: string, { pathname, searchParams }: URL): string {
  const onKey = /^\/[^/]+\/./.test(pathname)
  if (method === 'PUT' && onKey) return 'PutObject'
  if (method === 'GET' && onKey) return 'GetObject'
  if (method === 'GET' && searchParams.has('list-type')) return 'ListObjectsV2'
  if (method === 'POST' && searchParams.has('delete')) return 'DeleteObjects'
  return method
}

function refusal ({ service }: Arrived, random: Random): Answer {
  if (service === 's3') return said(s3Error(503, 'SlowDown'))
  return said(random.chance(0.5) ? dynamoError(400, 'ThrottlingException') : dynamoError(500, 'InternalServerError'))
}

/** An answer of the proxy's own, with a `Date` as everything from the services has. */
function said ({ status, headers, body = '' }: ReturnType<typeof s3Error>): Answer {
  return { status, headers: { ...headers, date: new Date().toUTCString() }, body: Buffer.from(body) }
}

function give (response: ServerResponse, answer: Answer): void {
  head(response, answer)
  response.end(answer.body)
}

/** Half of the body under the length of all of it; then the connection ends, once that half is on its way. */
function cut (request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  head(response, answer)
  response.write(answer.body.subarray(0, answer.body.length >> 1), () => { request.socket.destroySoon() })
}

/** The origin's headers, its `Date` first of all: the adapters take the service's clock from there. */
function head (response: ServerResponse, { status, headers, body }: Answer): void {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': chunked, ...others } = headers
  response.sendDate = false
  response.writeHead(status, body.length > 0 || chunked !== undefined ? { ...others, 'content-length': body.length } : others)
}
