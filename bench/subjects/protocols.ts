import { request } from 'node:http'
import type { Server } from '../lib/children.ts'
import { post } from '../lib/load.ts'
import type { PageSeen } from '../lib/page-reader.ts'

/** How to append and read: what differs between our interface and the peer's. */
export interface Protocol {
  /** Makes the topic where that takes a request of its own. */
  create (server: Server, topic: string): Promise<void>
  /** The request that appends one message; `payload` is JSON. */
  append (topic: string, payload: string): Buffer
  /** The request that appends several at once. */
  appendBatch (topic: string, payloads: readonly string[]): Buffer
  /** The first page, and from its answer the next one; undefined at the end. */
  firstPage (topic: string): string
  nextPage (topic: string, page: PageSeen): string | undefined
  /** The payloads in a page. */
  payloadsOf (body: string): unknown[]
  /** Path of the live stream from the end on, and the header that it takes. */
  tail (topic: string): { readonly path: string, readonly headers: Record<string, string> }
}

export const ours: Protocol = {
  // It comes into being with its first message; a reader of `latest` needs that, too.
  async create (server, topic) {
    await send(server, 'POST', `/topics/${topic}/produce`, '{"payload":null}')
  },
  append: (topic, payload) => post(`/topics/${topic}/produce`, `{"payload":${payload}}`),
  appendBatch: (topic, payloads) =>
    post(`/topics/${topic}/produce`, `{"messages":[${payloads.map((payload) => `{"payload":${payload}}`).join(',')}]}`),
  firstPage: (topic) => `/topics/${topic}/consume?offset=2&limit=1000`,
  nextPage (topic, { start, end }) {
    const next = /"next_offset":(\d+)/.exec(end)?.[1]
    if (next === undefined) throw new Error(`a page without next_offset: …${end}`)
    return start.includes('"messages":[]') ? undefined : `/topics/${topic}/consume?offset=${next}&limit=1000`
  },
  payloadsOf: (body) => (JSON.parse(body) as { messages: Array<{ payload: unknown }> }).messages.map(({ payload }) => payload),
  tail: (topic) => ({ path: `/topics/${topic}/consume?offset=latest`, headers: { accept: 'text/event-stream' } })
}

/** Durable Streams, JSON mode: a body that is an array is as many messages as it has elements. */
export const durableStreams: Protocol = {
  async create (server, topic) {
    await send(server, 'PUT', `/v1/stream/${topic}`)
  },
  append: (topic, payload) => post(`/v1/stream/${topic}`, payload),
  appendBatch: (topic, payloads) => post(`/v1/stream/${topic}`, `[${payloads.join(',')}]`),
  firstPage: (topic) => `/v1/stream/${topic}?offset=-1`,
  nextPage (topic, { headers }) {
    return headers['stream-up-to-date'] === 'true' ? undefined : `/v1/stream/${topic}?offset=${headers['stream-next-offset']}`
  },
  payloadsOf: (body) => JSON.parse(body) as unknown[],
  tail: (topic) => ({ path: `/v1/stream/${topic}?live=sse&offset=now`, headers: {} })
}

/** One request outside of what is measured. */
export async function send (server: Server, method: string, path: string, body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    request({ port: server.port, host: '127.0.0.1', method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
        const whole = Buffer.concat(chunks).toString()
        if ((answer.statusCode ?? 500) < 300) resolve(whole)
        else reject(new Error(`${method} ${path} was answered with ${answer.statusCode}: ${whole.slice(0, 500)}`))
      })
    }).on('error', reject).end(body)
  })
}
