import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientOptions, jsonText, type RetryInfo, StreamsClient, StreamsError } from '../src/index.ts'
import { problem, scripted } from './support/scripted.ts'
import { startService } from './support/service.ts'

const stored = { body: { topic: 'orders', offset: 7 } }

function clientOf (url: string, options: Partial<ClientOptions> = {}): StreamsClient {
  return new StreamsClient({ url, retry: { baseMs: 1, maxMs: 2 }, timeoutMs: 3_000, ...options })
}

function failsWith (expected: Partial<Omit<StreamsError, 'withWritten'>>) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof StreamsError, String(error))
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, error[name as 'code']])), expected)
    return true
  }
}

test('an append whose answer is lost is sent again with the same key and the same body', async (t) => {
  const { url, arrived } = await scripted(t, 'close', problem(503, 'storage_unavailable', { written: 'unknown' }), stored)
  assert.deepEqual(await clientOf(url).topic('orders').append({ a: 1 }, { key: 'k' }), { topic: 'orders', offset: 7 })
  assert.equal(arrived.length, 3)
  assert.deepEqual(new Set(arrived.map(({ method, url, body }) => `${method} ${url} ${body}`)), new Set([
    'POST /topics/orders/produce {"payload":{"a":1},"key":"k"}'
  ]))
  assert.equal(new Set(arrived.map(({ headers }) => headers['idempotency-key'])).size, 1)
})

test('without a key, an append whose outcome is not known is not sent again', async (t) => {
  const { url, arrived } = await scripted(t, 'close')
  const topic = clientOf(url).topic('orders')
  await assert.rejects(topic.append(1, { idempotencyKey: false }), failsWith({ code: 'no_answer', written: 'unknown', retriable: true }))
  assert.equal(arrived.length, 1)
})

test('without a key, an append that was not written is sent again', async (t) => {
  const { url, arrived } = await scripted(t, problem(503, 'overloaded', { written: 'no' }), stored)
  assert.equal((await clientOf(url).topic('orders').append(1, { idempotencyKey: false })).offset, 7)
  assert.equal(arrived[1]!.headers['idempotency-key'], undefined)
})

test('an error after an attempt without an answer does not say that nothing was written', async (t) => {
  const { url } = await scripted(t, 'close', problem(404, 'topic_not_found', { written: 'no' }))
  await assert.rejects(clientOf(url).topic('orders').append(1), failsWith({ code: 'topic_not_found', written: 'unknown' }))
})

test('an error that stays is thrown at once, with all that the service said', async (t) => {
  const { url, arrived } = await scripted(t, problem(409, 'offset_mismatch', { end: 12, written: 'no' }, { 'x-request-id': 'r-1' }))
  await assert.rejects(clientOf(url).topic('orders').append(1, { expectedOffset: 3 }), (error) => {
    failsWith({
      name: 'StreamsError',
      message: 'it is offset_mismatch',
      code: 'offset_mismatch',
      status: 409,
      retriable: false,
      written: 'no',
      requestId: 'r-1'
    })(error)
    return (error as StreamsError).problem['end'] === 12
  })
  assert.equal(arrived.length, 1)
  assert.equal(arrived[0]!.body, '{"payload":1,"expected_offset":3}')
})

test('a retry waits as long as Retry-After says, and tells the hook', async (t) => {
  const retries: RetryInfo[] = []
  const { url } = await scripted(t, problem(429, 'rate_limited', { written: 'no' }, { 'retry-after': '1' }), stored)
  const startedAt = performance.now()
  await clientOf(url, { hooks: { onRetry (retry) { retries.push(retry) } } }).topic('orders').append(1)
  assert.ok(performance.now() - startedAt >= 990)
  assert.deepEqual(retries.map(({ operation, attempt, error: { code } }) => ({ operation, attempt, code })), [
    { operation: 'produce', attempt: 1, code: 'rate_limited' }
  ])
})

test('a pause that is longer than the time left is not waited for', async (t) => {
  const { url } = await scripted(t, problem(503, 'overloaded', { written: 'no' }, { 'retry-after': '60' }))
  const startedAt = performance.now()
  await assert.rejects(clientOf(url).topic('orders').append(1), failsWith({ code: 'overloaded', retryAfterMs: 60_000 }))
  assert.ok(performance.now() - startedAt < 1_000)
})

test('a pause that no timer can have is not cut short', async (t) => {
  const { url, arrived } = await scripted(t, problem(503, 'overloaded', { written: 'no' }))
  const stop = new AbortController()
  const client = clientOf(url, { retry: { baseMs: 1e15, maxMs: 1e15 }, timeoutMs: Infinity })
  setTimeout(() => { stop.abort() }, 100)
  await assert.rejects(client.health({ signal: stop.signal }), { name: 'AbortError' })
  assert.equal(arrived.length, 1)
})

test('a page of a proxy is an error that may pass', async (t) => {
  const { url, arrived } = await scripted(t, { status: 502, body: '<h1>Bad Gateway</h1>' }, { body: '<h1>Welcome</h1>' }, stored)
  assert.equal((await clientOf(url).topic('orders').append(1)).offset, 7)
  assert.equal(arrived.length, 3)
  const once = await scripted(t, { body: '<h1>Welcome</h1>' })
  const append = clientOf(once.url).topic('orders').append(1, { idempotencyKey: false })
  await assert.rejects(append, failsWith({ code: 'invalid_answer', written: 'unknown' }))
  const other = await scripted(t, { status: 404, body: 'nothing here' })
  await assert.rejects(clientOf(other.url).topic('orders').describe(), failsWith({ code: 'invalid_answer', status: 404, retriable: false }))
})

test('a page of a proxy is asked for again where messages were expected, also with a codec', async (t) => {
  const headers = { 'next-offset': '1', 'earliest-offset': '1', 'end-offset': '1' }
  const received = { body: { messages: [], lease: null, committed_offset: 1, lag: 0 } }
  const { url, arrived } = await scripted(t, { body: '<h1>Welcome</h1>' }, { headers, body: '' }, { body: '<h1>Welcome</h1>' }, received)
  const topic = clientOf(url).topic('orders', { codec: jsonText })
  assert.equal((await topic.page()).nextOffset, 1)
  assert.equal((await topic.group('mailers').receive()).lag, 0)
  assert.equal(arrived.length, 4)
})

test('a redirect is not followed, as it would send the token elsewhere, and make a POST a GET', async (t) => {
  const elsewhere = await scripted(t, stored)
  const { url, arrived } = await scripted(t, { status: 301, headers: { location: `${elsewhere.url}/v1` } })
  await assert.rejects(clientOf(url, { token: 'secret' }).topic('orders').append(1), failsWith({
    code: 'invalid_answer',
    status: 301,
    retriable: false,
    written: 'no',
    message: `url: expected the service, got a redirect to ${elsewhere.url}/v1`
  }))
  assert.deepEqual([arrived.length, elsewhere.arrived.length], [1, 0])
})

test('a pause that nobody could want is not waited for, nor taken for none', async (t) => {
  const { url } = await scripted(t, problem(503, 'overloaded', {}, { 'retry-after': '99999999' }))
  await assert.rejects(clientOf(url).health(), failsWith({ retryAfterMs: 600_000 }))
})

test('bodies are compressed on request, and answers of a service on this machine are not', async (t) => {
  const { url, arrived } = await scripted(t, stored)
  const long = 'x'.repeat(1_000)
  await clientOf(url).topic('orders').append(long)
  assert.deepEqual([arrived[0]!.headers['content-encoding'], arrived[0]!.headers['accept-encoding']], [undefined, 'identity'])
  const { service } = await startService(t)
  const topic = clientOf(service.url, { compression: 'gzip' }).topic<string>('orders')
  const sizes: Array<string | undefined> = []
  const proxied = new StreamsClient({
    url: service.url,
    compression: 'gzip',
    async fetch (input, init) {
      const { body, headers } = init!
      const size = typeof body === 'string' ? body.length : (body as ArrayBuffer).byteLength < 100
      sizes.push(`${size} ${(headers as Headers).get('content-encoding')}`)
      return fetch(input, init)
    }
  })
  await proxied.topic('orders').append(long)
  await proxied.topic('orders').append('short')
  assert.deepEqual(sizes, ['true gzip', '19 null'])
  assert.deepEqual((await topic.page()).messages.map(({ payload }) => payload), [long, 'short'])
})

test('what an observer throws does not fail the request, and does not get lost', async (t) => {
  const { url, arrived } = await scripted(t, 'close', stored)
  const uncaught: unknown[] = []
  // The runner has its own listener.
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => { uncaught.push(error.message) })
  t.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const hooks = { onRetry () { throw new Error('retry') }, onResponse () { throw new Error('response') } }
  assert.equal((await clientOf(url, { hooks }).topic('orders').append(1)).offset, 7)
  await new Promise((resolve) => { setTimeout(resolve, 20) })
  assert.deepEqual([uncaught, arrived.length], [['retry', 'response'], 2])
})

test('attempts and the whole call have time limits', async (t) => {
  const { url, arrived } = await scripted(t, 'hang', stored)
  assert.equal((await clientOf(url, { attemptTimeoutMs: 100 }).topic('orders').append(1)).offset, 7)
  assert.equal(arrived.length, 2)
  const silent = await scripted(t, 'hang')
  const appending = clientOf(silent.url).topic('orders').append(1, { timeoutMs: 50 })
  await assert.rejects(appending, failsWith({ code: 'timeout', written: 'unknown' }))
})

test('a signal ends a call and its pauses with its reason', async (t) => {
  const { url } = await scripted(t, problem(503, 'overloaded'))
  const reason = new Error('enough')
  const controller = new AbortController()
  const asking = clientOf(url, { retry: { baseMs: 60_000 }, timeoutMs: 600_000 }).topic('orders').describe({ signal: controller.signal })
  setTimeout(() => { controller.abort(reason) }, 50)
  await assert.rejects(asking, reason)
  await assert.rejects(clientOf(url).health({ signal: AbortSignal.abort(reason) }), reason)
})

test('no retries when they are off', async (t) => {
  const { url, arrived } = await scripted(t, problem(503, 'overloaded'))
  await assert.rejects(clientOf(url, { retry: false }).health(), failsWith({ code: 'overloaded' }))
  assert.equal(arrived.length, 1)
})

test('a deletion whose answer was lost is done, though the second finds nothing', async (t) => {
  const { url } = await scripted(t, 'close', problem(404, 'topic_not_found'))
  await clientOf(url).topic('orders').delete()
  const other = await scripted(t, problem(404, 'topic_not_found'))
  await assert.rejects(clientOf(other.url).topic('orders').delete(), failsWith({ code: 'topic_not_found' }))
})

test('a token that cannot be had may be had later, and nothing is sent without it', async (t) => {
  const { url, arrived } = await scripted(t, stored)
  const failing = new Error('the issuer is down')
  const failures = [async () => { throw failing }, () => { throw failing }]
  const token = async (): Promise<string> => await failures.pop()?.() ?? 'secret'
  // Also what must not be sent twice.
  assert.equal((await clientOf(url, { token }).topic('orders').append(1, { idempotencyKey: false })).offset, 7)
  assert.deepEqual(arrived.map(({ headers }) => headers.authorization), ['Bearer secret'])
  await assert.rejects(clientOf(url, { token: () => { throw failing }, timeoutMs: 50 }).topic('orders').append(1), failsWith({
    code: 'no_token', message: 'token: the issuer is down', retriable: true, written: 'no', cause: failing, status: undefined
  }))
  // Nothing was deleted meanwhile.
  const gone = await scripted(t, problem(404, 'topic_not_found'))
  failures.push(() => { throw failing })
  await assert.rejects(clientOf(gone.url, { token }).topic('orders').delete(), failsWith({ code: 'topic_not_found' }))
})

test('what a hook throws, and what cannot be a header, is thrown as it is', async () => {
  const failing = new Error('no hook today')
  await assert.rejects(clientOf('http://127.0.0.1:1', { hooks: { onRequest: async () => { throw failing } } }).health(), failing)
  await assert.rejects(clientOf('http://127.0.0.1:1', { token: 'a…' }).health(), TypeError)
})

test('the token, headers and hooks of the client are on every request', async (t) => {
  const { url, arrived } = await scripted(t, 'close', stored)
  let asked = 0
  const seen: string[] = []
  const client = new StreamsClient({
    url: `${url}/stage/`,
    token: async () => `t${++asked}`,
    headers: { 'x-team': 'billing' },
    retry: { baseMs: 1 },
    hooks: {
      onRequest ({ headers, operation, attempt }) {
        headers.set('traceparent', '00-1-2-01')
        seen.push(`${operation} ${attempt}`)
      },
      onResponse ({ status, url }) { seen.push(`${status} ${new URL(url).pathname}`) },
      messageHeaders: () => ({ traceparent: '00-1-2-01', a: 'common' })
    }
  })
  await client.topic('a b').append(1, { headers: { a: 'own' } })
  assert.deepEqual(seen, ['produce 1', 'produce 2', '200 /stage/topics/a%20b/produce'])
  const { authorization, traceparent, 'x-team': team } = arrived[1]!.headers
  assert.deepEqual([authorization, traceparent, team], ['Bearer t2', '00-1-2-01', 'billing'])
  assert.equal(arrived[0]!.body, '{"payload":1,"headers":{"traceparent":"00-1-2-01","a":"own"}}')
})
