import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  bytes: Buffer
  text: string
  ofAppend?: boolean
}

export interface Ask {
  method?: string
  /** Sent as it is: nobody removes `..` or encodes anything. */
  path: string
  headers?: Record<string, string>
  body?: string | Buffer
}

/** One request on a connection of its own, with nothing added that was not asked for. */
export function ask (baseUrl: string, { method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> {
  const { hostname, port } = new URL(baseUrl)
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request({ hostname, port, method, path, headers: { ...length, ...headers }, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: answer.statusCode!,
          headers: answer.headers,
          bytes,
          text: bytes.toString('utf8'),
          ofAppend: method === 'POST' && /\/topics\/[^/]*\/(produce|close)(\?|$)/.test(path)
        })
      })
    })
    sent.on('error', reject).end(body)
  })
}

/** The bytes that come back for these bytes, until the other side ends the connection. */
export function exchange (baseUrl: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(baseUrl)
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.on('data', (chunk) => { received += chunk.toString('latin1') }).on('error', reject).on('close', () => resolve(received))
  })
}

const json = { 'content-type': 'application/json' }

export function produce (baseUrl: string, topic: string, body: string | Buffer): Promise<Answer> {
  return ask(baseUrl, { method: 'POST', path: `/topics/${topic}/produce`, headers: json, body })
}

export function consume (baseUrl: string, topic: string, query = ''): Promise<Answer> {
  return ask(baseUrl, { path: `/topics/${topic}/consume${query}` })
}

/** A request with a JSON body, as those that manage topics have. */
export function send (baseUrl: string, method: string, path: string, body?: object): Promise<Answer> {
  return ask(baseUrl, { method, path, ...body === undefined ? {} : { headers: json, body: JSON.stringify(body) } })
}

const titles: Record<string, [number, string, boolean]> = {
  malformed_request: [400, 'The request is not valid HTTP', false],
  missing_body: [400, 'The request has no body', false],
  malformed_json: [400, 'The body is not valid JSON', false],
  invalid_encoding: [400, 'The body is not valid UTF-8', false],
  invalid_request: [400, 'A field of the request is not valid', false],
  offset_out_of_range: [400, 'The offset is beyond the end of the topic', false],
  invalid_topic: [400, 'The topic name is not valid', false],
  invalid_group: [400, 'The name of the consumer group is not valid', false],
  invalid_group_config: [400, 'The settings of the consumer group contradict each other', false],
  unauthorized: [401, 'The request has no valid credentials', false],
  forbidden: [403, 'The credentials do not allow this', false],
  producer_fenced: [403, 'Another instance of the producer has begun a higher epoch', false],
  not_found: [404, 'There is nothing at this path', false],
  topic_not_found: [404, 'The topic does not exist', false],
  group_not_found: [404, 'The consumer group does not exist', false],
  token_not_found: [404, 'The access token does not exist', false],
  method_not_allowed: [405, 'The path does not take this method', false],
  request_timeout: [408, 'The request did not arrive in time', true],
  producer_gap: [409, 'The append before this one is missing', true],
  producer_seq_old: [409, 'The seq was used before, and its outcome is not known any more', false],
  offset_mismatch: [409, 'The topic does not end at the expected offset', false],
  topic_closed: [409, 'The topic is closed', false],
  out_of_order: [409, 'The order is not above the last one', false],
  idempotency_unknown: [409, 'It is not known whether the append with this key was written', false],
  lease_lost: [409, 'The lease has ended, and its messages are delivered again', false],
  group_busy: [409, 'Messages of the consumer group are pending', true],
  offset_conflict: [409, 'The committed offset is not the expected one', false],
  body_too_large: [413, 'The body is too large', false],
  message_too_large: [413, 'A message is larger than the topic allows', false],
  unsupported_media_type: [415, 'The content type is not supported', false],
  misdirected_request: [421, 'The server is not served under this host name', false],
  idempotency_conflict: [422, 'The same producer seq or key came with other messages', false],
  rate_limited: [429, 'More comes in a second than is allowed', true],
  request_headers_too_large: [431, 'The request headers are too large', false],
  internal: [500, 'Internal server error', false],
  not_implemented: [501, 'The request needs what this server does not implement', false],
  segment_corrupt: [500, 'A stored segment is damaged', false],
  group_corrupt: [500, 'The stored consumer group cannot be read', false],
  auth_unavailable: [503, 'The issuer of tokens did not answer', true],
  overloaded: [503, 'More messages wait than can be written in time', true],
  server_busy: [503, 'The server has too much in memory', true],
  too_many_followers: [503, 'Too many requests wait for messages', true],
  storage_throttled: [503, 'The storage asked to slow down', true],
  storage_unavailable: [503, 'The storage did not answer', true],
  storage_misconfigured: [503, 'The storage is not set up for this service', false],
  append_timeout: [503, 'The message could not be written in time', true],
  append_contended: [503, 'Readers sealed the offsets before the message was written', true],
  group_contended: [503, 'Too many others changed the consumer group at the same time', true],
  shutting_down: [503, 'The server is shutting down', true],
  storage_full: [507, 'The storage is full', true]
}

/** What a problem has beside the members that all have: of a failed append the value of `written`, else any. */
type Extra = 'no' | 'unknown' | object

/** The whole body of an error answer. */
export function problem (code: string, detail: string, extra: Extra = {}): Record<string, unknown> {
  const [status, title, retriable] = titles[code]!
  return {
    type: `/docs/errors#${code}`,
    title,
    status,
    detail,
    code,
    error: detail,
    retriable,
    ...typeof extra === 'string' ? { written: extra } : extra
  }
}

/** @param extra of a failed append by default `no`, as where nothing was tried */
export function assertProblem (
  answer: Answer, code: string, detail: string, extra: Extra | undefined = answer.ofAppend === true ? 'no' : undefined
): void {
  const expected = problem(code, detail, extra)
  assert.match(answer.headers['content-type'] as string, /^application\/problem\+json(; charset=utf-8)?$/)
  assert.deepEqual(JSON.parse(answer.text), expected)
  assert.equal(answer.status, expected['status'])
}
