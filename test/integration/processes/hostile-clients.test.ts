import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { listeningApp } from '../../support/http/app.ts'
import { ask, produce } from '../../support/http/requests.ts'
import { type ServerProcess, startServer } from '../../support/processes/server.ts'

/* Clients that hold what they get, or come from everywhere. The server goes on answering, and what they can hold is bounded. */

interface Open { readonly socket: Socket, received: string, closed: boolean }

function open (t: TestContext, baseUrl: string, bytes = ''): Open {
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  const made: Open = { socket, received: '', closed: false }
  socket.on('data', (data: Buffer) => { made.received += data.toString('latin1') }).on('error', () => {})
    .on('close', () => { made.closed = true })
  if (bytes !== '') socket.write(bytes)
  t.after(() => { socket.destroy() })
  return made
}

const isHealthy = async ({ baseUrl }: Pick<ServerProcess, 'baseUrl'>): Promise<void> => {
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
}

function rssOf ({ child }: ServerProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024
}

const MiB = 1024 * 1024
const skip = process.platform === 'linux' ? false : 'needs /proc, and all addresses of 127.0.0.0/8'

for (const [what, head] of [
  ['headers', 'GET /health HTTP/1.1\r\nhost: x\r\nx-slow: '],
  ['a body', 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n'],
  ['chunks', 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n']
] as const) {
  // Each byte is traffic, so only the time for the whole request ends it. Node looks every 5 s.
  test(`slowloris: ${what} that come byte by byte get 408, and the connection ends`, async (t) => {
    const { baseUrl } = await listeningApp(t, { limits: { requestTimeoutMs: 500 } })
    const slow = Array.from({ length: 50 }, () => open(t, baseUrl, head))
    const timer = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write(what === 'chunks' ? '1\r\n \r\n' : ' ')
    }, 50)
    t.after(() => { clearInterval(timer) })
    await isHealthy({ baseUrl })
    await eventually(() => slow.every(({ closed }) => closed), 15_000)
    for (const { received } of slow) assert.match(received, /^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"request_timeout"/s)
  })
}

test('thousands of idle connections: those beyond the bound are closed, and a free place is used', { skip }, async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:', MAX_CONNECTIONS: '2000', LOG_LEVEL: 'warn' })
  const before = rssOf(server)
  const all: Open[] = []
  for (let i = 0; i < 3_000; i++) {
    all.push(open(t, server.baseUrl))
    if (i % 200 === 0) await sleep(20)
  }
  await eventually(() => all.filter(({ closed }) => closed).length === 1_000, 20_000)
  const kept = all.filter(({ closed }) => !closed)
  kept[0]!.socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  await eventually(() => kept[0]!.received.startsWith('HTTP/1.1 200'))
  assert(rssOf(server) - before < 100 * MiB, `${Math.round((rssOf(server) - before) / MiB)} MiB`)
  for (const { socket } of kept.slice(1)) socket.destroy()
  await eventually(async () => (await ask(server.baseUrl, { path: '/health' }).catch(() => undefined))?.status === 200)
  assert(server.lines.some((line) => line.includes('"msg":"connections refused"')))
})

test('a flood of long polls: as many wait as allowed, and others are served', { skip }, async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:', MAX_FOLLOWERS: '100', LOG_LEVEL: 'warn' })
  const polls = Array.from({ length: 1_000 }, () => open(t, server.baseUrl, 'GET /topics/a/consume?wait=20 HTTP/1.1\r\nhost: x\r\n\r\n'))
  await eventually(() => polls.filter(({ received }) => received !== '').length === 900, 20_000)
  for (const { received } of polls.filter(({ received }) => received !== '')) {
    assert.match(received, /^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n.*"code":"too_many_followers"/s)
  }
  await isHealthy(server)
  assert.equal((await produce(server.baseUrl, 'a', '{"payload":1}')).status, 200)
  await eventually(() => polls.every(({ received }) => received !== ''))
  assert.equal(polls.filter(({ received }) => received.startsWith('HTTP/1.1 200')).length, 100)
})

test('many addresses: each has its own rate, and memory is bounded', { skip }, async (t) => {
  const server = await startServer(t, {
    DATA_DIR: ':memory:', RATE_LIMIT_ADDRESS: '1', TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'error', HOST: '0.0.0.0'
  })
  const { port } = new URL(server.baseUrl)
  const from = (localAddress: string): Promise<number> => new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, localAddress, path: '/topics', headers: { host: 'x' }, agent: false }, (answer) => {
      answer.resume().on('end', () => { resolve(answer.statusCode!) })
    })
    sent.on('error', reject).end()
  })
  for (let i = 2; i < 102; i++) assert.deepEqual([await from(`127.0.${i}.1`), await from(`127.0.${i}.1`)], [200, 429])

  // More than are remembered, of a proxy. That no more are remembered is shown in rate-limiter.test.ts.
  const before = rssOf(server)
  await Promise.all(Array.from({ length: 16 }, async (_, n) => {
    const proxy = open(t, `http://127.0.0.1:${port}`)
    for (let i = 0; i < 6_000; i += 30) {
      const addresses = Array.from({ length: 30 }, (_, j) => `2001:db8:${n}:${(i + j).toString(16)}::1`)
      proxy.received = ''
      proxy.socket.write(addresses.map((address) => `GET /x HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${address}\r\n\r\n`).join(''))
      await eventually(() => proxy.received.split('HTTP/1.1 404').length === 31, 20_000)
    }
  }))
  assert(rssOf(server) - before < 100 * MiB, `${Math.round((rssOf(server) - before) / MiB)} MiB`)
  await isHealthy(server)
})
