import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { listeningApp } from '../../support/http/app.ts'
import { type Answer, ask, consume, exchange, problem, produce } from '../../support/http/requests.ts'
import { type ServerProcess, startServer } from '../../support/processes/server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/*
 * What one client can make the server hold. Timings are in the benchmark (under-attack); here are the bounds: memory
 * stays under one, the server goes on answering, and everything comes back.
 */

const MiB = 1024 * 1024
/** Far less than the default, so that a server without the bound is far above it. */
const bufferedBytesMax = 32 * MiB
/** What a server of its own takes besides: its code, garbage not yet collected, buffers that the allocator keeps. */
const overheadBytes = 200 * MiB

interface Target extends ServerProcess {
  readonly rss: () => number
  readonly send: (bytes: string) => Socket
}

async function target (t: TestContext, DATA_DIR = ':memory:'): Promise<Target> {
  const server = await startServer(t, { DATA_DIR, MAX_BUFFERED_BYTES: String(bufferedBytesMax), LOG_LEVEL: 'error', ALLOWED_HOSTS: 'x' })
  await produce(server.baseUrl, 'big', `{"payload":"${'x'.repeat(4 * MiB - 100)}"}`)
  const { hostname, port } = new URL(server.baseUrl)
  return {
    ...server,
    rss: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))![1]) * 1024,
    send (bytes) {
      const socket = connect(Number(port), hostname).pause()
      socket.on('error', () => {})
      t.after(() => { socket.destroy() })
      socket.write(bytes)
      return socket
    }
  }
}

/** Health answers all the time, and memory stays under its bound. */
async function watch ({ baseUrl, rss }: Target, ms: number, mayHold = bufferedBytesMax): Promise<void> {
  const before = performance.now()
  let most = 0
  while (performance.now() - before < ms) {
    assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
    most = Math.max(most, rss())
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  assert(most < mayHold + overheadBytes, `${Math.round(most / MiB)} MiB`)
}

const skip = process.platform === 'linux' ? false : 'needs /proc'
const page = 'GET /topics/big/consume HTTP/1.1\r\nhost: x\r\n\r\n'

for (const count of [30, 700, 1_500]) {
  test(`${count} requests for 4 MiB on one connection that nobody reads`, { skip }, async (t) => {
    const server = await target(t)
    server.send(page.repeat(count))
    await watch(server, 1_500)
    assert.equal((await consume(server.baseUrl, 'big')).status, 200)
  })
}

test('50,000 long polls on one connection', { skip }, async (t) => {
  const server = await target(t)
  const socket = server.send('GET /topics/none/consume?wait=20 HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50_000)).resume()
  await eventually(() => socket.destroyed)
  await watch(server, 500)
})

test('300 connections that ask for 4 MiB and read nothing make room for one that does', { skip }, async (t) => {
  const server = await target(t)
  for (let i = 0; i < 300; i++) server.send(page)
  await watch(server, 3_000)
  await eventually(async () => (await consume(server.baseUrl, 'big')).status === 200, 40_000)
})

test('150 uploads that stall make room for one that does not', { skip }, async (t) => {
  const server = await target(t)
  const head = `POST /topics/t/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${4 * MiB}\r\n\r\n`
  for (let i = 0; i < 150; i++) server.send(head + 'x'.repeat(4 * MiB - 100))
  await watch(server, 3_000)
  await eventually(async () => (await produce(server.baseUrl, 't', `{"payload":"${'x'.repeat(MiB)}"}`)).status === 200, 40_000)
})

test('compressed bodies that become 4 MiB each', { skip }, async (t) => {
  const { zstdCompressSync } = await import('node:zlib')
  const server = await target(t, temporaryFolder(t))
  const body = zstdCompressSync(`{"payload":"${'x'.repeat(4 * MiB - 100)}"}`)
  const headers = { 'content-type': 'application/json', 'content-encoding': 'zstd' }
  const send = (): Promise<Answer> => ask(server.baseUrl, { method: 'POST', path: '/topics/none/produce', headers, body })
  const answers = Promise.all(Array.from({ length: 100 }, send))
  // Each is there several times while it is decompressed, parsed and stored.
  await watch(server, 1_000, 8 * bufferedBytesMax)
  const statuses = new Set((await answers).map(({ status }) => status))
  assert.deepEqual([...statuses].filter((status) => status !== 200 && status !== 503), [])
})

test('a connection with more requests waiting than allowed is closed', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const poll = 'GET /topics/a/consume?wait=20 HTTP/1.1\r\nhost: x\r\n\r\n'
  assert.equal(await exchange(baseUrl, poll + poll.repeat(33)), '')
})

test('pipelined requests are answered one after the other, in their order', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const body = (n: number): string => `{"payload":${n}}`
  const post = (n: number): string =>
    `POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body(n).length}\r\n\r\n${body(n)}`
  const posts = Array.from({ length: 10 }, (_, n) => post(n)).join('')
  const received = await exchange(baseUrl, posts + 'GET /topics/a/consume HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  assert.deepEqual([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), Array(11).fill('200'))
  assert.deepEqual([...received.matchAll(/"payload":(\d+)/g)].map(([, n]) => Number(n)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('requests that wait for an answer under way are forgotten when their connection goes', async (t) => {
  const { baseUrl, log } = await listeningApp(t)
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  const post = 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"payload":1}'
  socket.write('GET /topics/b/consume?wait=20 HTTP/1.1\r\nhost: x\r\n\r\n' + post)
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  socket.destroy()
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  assert.equal((await log.read('a', { from: 1, limit: 1, maxBytes: 1 })).count, 0)
})

test('nonsense behind a request is answered after the request', async (t) => {
  const { baseUrl, log } = await listeningApp(t, { limits: { lingerMs: 100 } })
  const post = 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"payload":1}'
  assert.match(await exchange(baseUrl, post + 'nonsense\r\n\r\n'), /^HTTP\/1\.1 200 OK.*"offset":1\}HTTP\/1\.1 400 Bad Request/s)
  assert.equal((await log.read('a', { from: 1, limit: 1, maxBytes: 1 })).count, 1)
  const received = await exchange(baseUrl, 'GET /health HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n')
  assert.match(received, /^HTTP\/1\.1 200 OK.*\{"status":"ok"\}HTTP\/1\.1 400 Bad Request/s)
})

test('a reader that takes its page slowly is not cut off while there is room', async (t) => {
  const { baseUrl } = await listeningApp(t)
  await produce(baseUrl, 'big', `{"payload":"${'x'.repeat(4 * MiB - 100)}"}`)
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname).pause()
  socket.write(page.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
  await new Promise((resolve) => { setTimeout(resolve, 7_000) })
  let received = 0
  socket.on('data', (chunk) => { received += chunk.length }).resume()
  await once(socket, 'close')
  assert(received > 4 * MiB)
})

for (const [what, request, code, detail] of [
  [
    'two hosts',
    'GET /health HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n',
    'malformed_request',
    'host: expected one header of that name, got more'
  ],
  [
    'a transfer coding that is not known',
    'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
      'transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'not_implemented',
    'transfer-encoding: expected chunked, got "gzip, chunked"'
  ],
  [
    'CONNECT',
    'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n',
    'method_not_allowed',
    'method: expected DELETE, GET, HEAD, POST, PUT, got CONNECT'
  ]
] as const) {
  test(`${what}: refused`, async (t) => {
    const { baseUrl } = await listeningApp(t)
    const [head = '', body = ''] = (await exchange(baseUrl, request.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))).split('\r\n\r\n')
    const expected = problem(code, detail, request.startsWith('POST') ? 'no' : undefined)
    assert.deepEqual(JSON.parse(body), expected)
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${String(expected['status'])} `))
    assert.match(head, /^x-request-id: .+$/m)
  })
}
