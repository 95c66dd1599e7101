import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSettings } from '../../../src/app/config.ts'
import { memoryApp } from '../../support/http/app.ts'
import { ask, assertProblem, consume } from '../../support/http/requests.ts'
import { startServer } from '../../support/processes/server.ts'

const refusal = (host: string): string => `host: expected localhost, 127.0.0.1, [::1] or a name from the setting ALLOWED_HOSTS, got "${host}"`

// What a page does whose own name points to 127.0.0.1.
test('a server on a loopback address is not read or written under a foreign name', async (t) => {
  const { baseUrl } = await startServer(t, { DATA_DIR: ':memory:', ALLOWED_HOSTS: '' })
  const host = `evil.example:${new URL(baseUrl).port}`
  const body = '{"payload":1}'
  assertProblem(await ask(baseUrl, { method: 'POST', path: '/topics/a/produce', headers: { host, 'content-type': 'application/json' }, body }), 'misdirected_request', refusal(host))
  assertProblem(await ask(baseUrl, { path: '/topics/a/consume', headers: { host } }), 'misdirected_request', refusal(host))
  for (const path of ['/docs', '/nothing']) assert.equal((await ask(baseUrl, { path, headers: { host } })).status, 421)
  assert.match((await consume(baseUrl, 'a')).text, /^\{"messages":\[\],/)
})

test('the names of the loopback interface are served with any port, and those in ALLOWED_HOSTS', async (t) => {
  const { app } = memoryApp(t, { servedHosts: loadSettings({ ALLOWED_HOSTS: 'Streams.example.com, [fe80::1]' }).servedHosts })
  const statusOf = async (host: string): Promise<number> => (await app.inject({ url: '/health', headers: { host } })).statusCode
  for (const host of ['localhost', 'localhost:9000', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:9000', '[::1]:9000', '[::1]', 'streams.example.com', 'STREAMS.example.com:443', '[fe80::1]']) {
    assert.equal(await statusOf(host), 200, host)
  }
  for (const host of ['example.com', 'localhost.evil.example', 'localhost:9000.evil.example', 'localhost@evil.example', '127.0.0.10', '[::2]:9000', 'localhost ']) {
    assert.equal(await statusOf(host), 421, host)
  }
})

test('which names are served, by address and setting', () => {
  const served = (environment: Record<string, string>): readonly string[] | undefined => loadSettings(environment).servedHosts
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  assert.deepEqual(served({}), [...loopback, '127.0.0.1'])
  assert.deepEqual(served({ HOST: '::1' }), [...loopback, '[::1]'])
  assert.deepEqual(served({ HOST: '127.0.0.2', ALLOWED_HOSTS: 'a,b' }), [...loopback, '127.0.0.2', 'a', 'b'])
  assert.equal(served({ HOST: '0.0.0.0' }), undefined)
  assert.deepEqual(served({ HOST: '0.0.0.0', ALLOWED_HOSTS: 'a' }), [...loopback, '0.0.0.0', 'a'])
})
