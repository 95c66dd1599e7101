import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSettings } from '../../../src/app/config.ts'
import { memoryApp } from '../../support/http/app.ts'

test('the names of the loopback interface are served with any port, and those in ALLOWED_HOSTS', async (t) => {
  const { app } = memoryApp(t, { servedHosts: loadSettings({ ALLOWED_HOSTS: 'Streams.example.com, [fe80::1]' }).servedHosts })
  const statusOf = async (host: string): Promise<number> => (await app.inject({ url: '/health', headers: { host } })).statusCode
  for (const host of [
    'localhost', 'localhost:9000', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:9000', '[::1]:9000', '[::1]', 'streams.example.com',
    'STREAMS.example.com:443', '[fe80::1]'
  ]) {
    assert.equal(await statusOf(host), 200, host)
  }
  for (const host of [
    'example.com', 'localhost.evil.example', 'localhost:9000.evil.example', 'localhost@evil.example', '127.0.0.10', '[::2]:9000',
    'localhost '
  ]) {
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
