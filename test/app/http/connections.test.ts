import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { NamedSegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { listeningApp } from '../../support/http/app.ts'
import { follow } from '../../support/http/events.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, assertProblem, consume, exchange, problem, produce } from '../../support/http/requests.ts'
import { type Faults, withFaults } from '../../support/storage/faults.ts'

function parsed (received: string): { statusLine: string, headers: string[], body: unknown } {
  const [head = '', body = ''] = received.split('\r\n\r\n')
  const [statusLine = '', ...headers] = head.split('\r\n')
  return { statusLine, headers, body: JSON.parse(body) }
}

test('what is not HTTP gets a problem, and the connection ends', async (t) => {
  const { logger, lines } = logLines()
  const { baseUrl } = await listeningApp(t, { logger })
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET /health HTTP/9.9\r\n\r\n',
    'FOO /health HTTP/1.1\r\n\r\n',
    'GET /health HTTP/1.1\r\nbad header\r\n\r\n',
    'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'
  ]) {
    const { statusLine, headers, body } = parsed(await exchange(baseUrl, bytes))
    assert.equal(statusLine, 'HTTP/1.1 400 Bad Request', bytes)
    assert(headers.includes('content-type: application/problem+json'))
    for (const header of ['connection: close', 'cache-control: no-store', 'x-content-type-options: nosniff']) {
      assert(headers.includes(header))
    }
    assert.deepEqual(body, problem('malformed_request', 'The request is not valid HTTP.'))
    const { time, parser, request_id: id, ...line } = lines().at(-1)!
    assert(headers.includes(`x-request-id: ${String(id)}`), String(id))
    assert.deepEqual(line, { level: 'info', msg: 'request refused before routing', status: 400, code: 'malformed_request' })
    assert.match(parser as string, /^HPE_/)
  }
})

test('headers that are too large', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const { statusLine, body } = parsed(await exchange(baseUrl, `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`))
  assert.equal(statusLine, 'HTTP/1.1 431 Request Header Fields Too Large')
  assert.deepEqual(body, problem('request_headers_too_large', 'header: expected at most 16384 bytes together, got more'))
})

test('a body that is too large is answered, however it comes', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const tooLarge = 'body: expected at most 4194304 bytes, got more'
  const headers = { 'content-type': 'application/json' }
  assertProblem(await ask(baseUrl, {
    method: 'POST',
    path: '/topics/a/produce',
    headers,
    body: Buffer.alloc(10 * 1024 * 1024, 0x20)
  }), 'body_too_large', tooLarge)
  const chunked = await fetch(`${baseUrl}/topics/a/produce`, {
    method: 'POST',
    headers,
    duplex: 'half',
    body: new ReadableStream({
      start (controller) {
        for (let i = 0; i < 6; i++) controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20))
        controller.close()
      }
    })
  })
  assert.equal(chunked.status, 413)
  assert.deepEqual(await chunked.json(), problem('body_too_large', tooLarge, 'no'))
})

test('who is still sending a body that is too large gets the answer, not a reset', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const { hostname, port } = new URL(baseUrl)
  // Sends all of it before it looks for an answer, as simple clients do.
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).pause()
  let received = ''
  socket.on('data', (chunk) => { received += chunk.toString() }).pause()
  const ended = once(socket, 'end')
  const failed = once(socket, 'error')
  socket.write('POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5242880\r\n\r\n')
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => { setTimeout(resolve, 50) })
    socket.write(Buffer.alloc(1024 * 1024, 0x20))
  }
  socket.resume()
  assert.equal(await Promise.race([ended.then(() => 'ended'), failed.then(() => 'reset')]), 'ended')
  socket.destroy()
  assert.equal(parsed(received).statusLine, 'HTTP/1.1 413 Payload Too Large')
})

test('a body that never ends is not taken in for ever', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const sent = `POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${10 ** 12}\r\n\r\n`
  const start = performance.now()
  const { statusLine, headers } = parsed(await exchange(baseUrl, sent))
  assert.equal(statusLine, 'HTTP/1.1 413 Payload Too Large')
  assert(headers.some((header) => header.toLowerCase() === 'connection: close'))
  assert(performance.now() - start < 10_000)
})

test('a connection stays open after a body that was wrong but complete', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const wrong = 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{'
  const last = 'GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  const received = await exchange(baseUrl, wrong + last)
  assert.match(received, /^HTTP\/1\.1 400 .*"malformed_json".*HTTP\/1\.1 200 .*\{"status":"ok"\}$/s)
})

test('methods that only a real server sees', async (t) => {
  const { baseUrl } = await listeningApp(t)
  for (const method of ['PROPFIND', 'PURGE', 'TRACE', 'QUERY', 'SEARCH', 'M-SEARCH']) {
    const answer = await ask(baseUrl, { method, path: '/health' })
    assertProblem(answer, 'method_not_allowed', `method: expected GET, HEAD, got ${method}`)
    assert.equal(answer.headers['allow'], 'GET, HEAD')
  }
  assertProblem(await ask(baseUrl, { method: 'OPTIONS', path: '*' }), 'method_not_allowed', 'method: expected GET, HEAD, got OPTIONS')
})

test('a page of 1,000 is the largest there is', async (t) => {
  const { baseUrl, log } = await listeningApp(t)
  for (const count of [600, 500]) await log.append('a', [...Array(count).keys()].map((n) => ({ payload: String(n) })))
  const { text } = await ask(baseUrl, { path: '/topics/a/consume?limit=1100' })
  const { messages, next_offset: next } = JSON.parse(text) as { messages: unknown[], next_offset: number }
  assert.deepEqual([messages.length, next], [1000, 1001])
})

const later = (ms: number) => async <T>(call: () => Promise<T>): Promise<T> => {
  await new Promise((resolve) => { setTimeout(resolve, ms) })
  return call()
}

/** A connection is stalled soon after a request has taken all its time. */
const soonStalled: Partial<Limits> = {
  readTimeoutMs: 500,
  waitMaxMs: 500,
  groupAnswerMs: 500,
  stalledConnectionMs: 700,
  tokenReadTimeoutMs: 100,
  memoryWaitMs: 100,
  appendTimeoutMs: 500,
  resolveBySealMs: 100,
  putTimeoutMs: 100,
  holeGraceMs: 250,
  reserveTimeoutMs: 100,
  getTimeoutMs: 199,
  heartbeatMs: 300,
  streamRetryMs: 100
}

// The time of a long poll is the sum of a lookup of the offset, a read, and a wait, each with a time-out of its own. While it is
// under way the connection has no traffic, and would be closed as one whose client has stalled.
test('a long poll over a slow storage is answered before its connection counts as stalled', async (t) => {
  const { baseUrl } = await listeningApp(t, { topics: withFaults(createMemoryTopicStore(), { read: later(180) }), limits: soonStalled })
  for (const query of ['?wait=0.5', '?offset=latest&wait=0.5']) {
    const answer = await consume(baseUrl, 't', query)
    assert.equal(answer.text, '{"messages":[],"next_offset":1}', query)
  }
})

// Each of the two may take as long as a read.
test('the search for a time and the beginning of a stream from it together take no longer than a read', async (t) => {
  const topics: Faults<TopicStore> = {}
  const segments: Faults<NamedSegmentStore> = {}
  const { baseUrl } = await listeningApp(t, {
    topics: withFaults(createMemoryTopicStore(), topics),
    segments: withFaults(createMemorySegmentStore(), segments),
    limits: { ...soonStalled, segmentCacheBytes: 0 }
  })
  for (let n = 1; n <= 3; n++) await produce(baseUrl, 't', `{"payload":${n}}`)
  // Three calls for the search, and as many for the page.
  topics.read = segments.list = segments.get = later(150)
  const stream = { path: '/topics/t/consume?timestamp=1', headers: { accept: 'text/event-stream' } }
  assertProblem(await ask(baseUrl, stream), 'storage_unavailable', 'The storage did not answer in time.')

  topics.read = segments.list = segments.get = later(1)
  const reader = await follow(t, baseUrl, 't', '?timestamp=1')
  assert.deepEqual((await reader.atLeast(3)).map(({ id }) => id), ['1', '2', '3'])
})
