import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as send, type Agent, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAgents } from '../../../src/adapters/aws/agents.ts'
import { eventually } from '../../support/eventually.ts'
import { tcpProxy } from '../../support/storage/tcp-proxy.ts'

/** Longer than a connection that was idle gets. */
const slowMs = 2_500

async function service (t: TestContext) {
  // Answers after as many ms as the path says.
  const server = createServer((request, response) => {
    request.resume()
    setTimeout(() => { response.end('{}') }, Number(request.url!.slice(1)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await tcpProxy(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const { httpAgent } = createAgents({ keepAlive: true, maxSockets: 10 })
  t.after(() => {
    httpAgent.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { ...proxy, httpAgent }
}

async function ask (endpoint: string, agent: Agent, ms: number, body = ''): Promise<void> {
  const request = send(`${endpoint}/${ms}`, { agent, method: 'POST', headers: { 'content-length': body.length } }).end(body)
  const [response] = await once(request, 'response') as [IncomingMessage]
  await once(response.resume(), 'end')
}

suite('connections to AWS that were idle', { concurrency: true }, () => {
  test('one without an answer fails, and the other idle ones are not used any more', async (t) => {
    const { endpoint, httpAgent, kill, open, opened } = await service(t)
    await Promise.all([50, 50, 50].map((ms) => ask(endpoint, httpAgent, ms)))
    assert.equal(kill('silent'), 3)
    await sleep(1_100)
    const startedAt = performance.now()
    const message = /^no answer within 2000 ms on a connection that had been idle for \d+ ms$/
    await assert.rejects(ask(endpoint, httpAgent, 0), { code: 'ETIMEDOUT', message })
    assert.ok(performance.now() - startedAt < slowMs)
    await eventually(() => open() === 0)
    await ask(endpoint, httpAgent, 0)
    assert.equal(opened(), 4)
  })

  test('one that lives is reused', async (t) => {
    const { endpoint, httpAgent, opened } = await service(t)
    await ask(endpoint, httpAgent, 0)
    await sleep(1_100)
    await ask(endpoint, httpAgent, 500)
    assert.equal(opened(), 1)
  })

  test('a new one, one in use, and a large request may take longer', async (t) => {
    const { endpoint, httpAgent, opened } = await service(t)
    await ask(endpoint, httpAgent, slowMs)
    await ask(endpoint, httpAgent, slowMs)
    await sleep(1_100)
    await ask(endpoint, httpAgent, slowMs, 'x'.repeat(100_000))
    assert.equal(opened(), 1)
  })
})
