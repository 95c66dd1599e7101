import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { ask, consume, type Answer } from '../../support/http/requests.ts'
import { buffered, type Running } from '../../support/lambda/running.ts'
import { environmentOf, localstack, type Localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { tcpProxy, type TcpProxy } from '../../support/storage/tcp-proxy.ts'

/** A connection that was idle for longer is doubted. */
const frozenMs = 1_100
/** An attempt at the table and one at the bucket are given up after 2 s each. */
const boundMs = 7_000

interface Frozen extends Omit<Running, 'invoke'> {
  readonly s3: TcpProxy
  readonly dynamo: TcpProxy
  /** Sends a request, and waits until the function is frozen again. */
  readonly invoke: (request: () => Promise<Answer>) => Promise<Answer>
}

/** A function whose connections to S3 and DynamoDB go through proxies. */
async function frozen (t: TestContext, given?: Localstack): Promise<Frozen> {
  const store = given ?? await localstack(t)
  const [s3, dynamo] = await Promise.all([tcpProxy(t, store.settings.endpoint), tcpProxy(t, store.settings.endpoint)])
  const { AWS_ENDPOINT_URL: _, ...environment } = environmentOf(store)
  const running = await buffered(t, {
    environment: { ...environment, AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint }
  })
  const invoke = async (request: () => Promise<Answer>): Promise<Answer> => {
    const before = running.freezes()
    const answer = await request()
    await eventually(() => running.freezes() > before)
    return answer
  }
  return { ...running, s3, dynamo, invoke }
}

const json = { 'content-type': 'application/json' }

function append (baseUrl: string, topic: string, payload: number, headers: Record<string, string> = {}): Promise<Answer> {
  const body = JSON.stringify({ payload })
  return ask(baseUrl, { method: 'POST', path: `/topics/${topic}/produce`, headers: { ...json, ...headers }, body })
}

async function assertStored ({ baseUrl, invoke }: Frozen, expected: readonly number[]): Promise<void> {
  let payloads: unknown[] = []
  // A range whose reservation was not answered is passed over after the grace.
  await eventually(async () => {
    const { status, text } = await invoke(() => consume(baseUrl, 't', '?offset=1&limit=1000'))
    assert.equal(status, 200, text)
    const { messages } = JSON.parse(text) as { messages: Array<{ payload: unknown }> }
    payloads = messages.map(({ payload }) => payload)
    return payloads.length >= expected.length
  }, 15_000)
  assert.deepEqual(payloads, expected)
}

async function timed<T> (t: TestContext, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await work()
  const tookMs = Math.round(performance.now() - startedAt)
  t.diagnostic(`${tookMs} ms`)
  assert.ok(tookMs < boundMs, `${tookMs} ms`)
  return result
}

test('a function connects to nothing before its first invocation', async (t) => {
  const connections: string[] = []
  const listen = async (name: string): Promise<string> => {
    const server = createServer((socket) => { connections.push(name); socket.destroy() }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => { server.close() })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const { baseUrl, freezes } = await buffered(t, {
    environment: {
      BUCKET_NAME: 'bucket',
      COUNTERS_TABLE: 'table',
      DATA_DIR: '',
      AWS_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL_S3: await listen('S3'),
      AWS_ENDPOINT_URL_DYNAMODB: await listen('DynamoDB'),
      // Where the SDK looks for credentials, since there are none in the environment.
      AWS_EC2_METADATA_SERVICE_ENDPOINT: await listen('metadata'),
      AWS_CONTAINER_CREDENTIALS_FULL_URI: await listen('credentials'),
      AUTH: 'jwt',
      JWT_ISSUER: 'issuer',
      JWT_AUDIENCE: 'streams',
      JWT_JWKS_URL: await listen('issuer')
    }
  })
  await eventually(() => freezes() === 1)
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
  await eventually(() => freezes() === 2)
  assert.equal(connections.join(), '')
  assert.equal((await ask(baseUrl, { path: '/ready' })).status, 503)
  assert.match(connections.join(), /credentials/)
})

test('connections are reused after a freeze', { skip: withoutLocalstack }, async (t) => {
  const { baseUrl, s3, dynamo, invoke } = await frozen(t)
  for (let n = 1; n <= 5; n++) {
    assert.equal((await invoke(() => append(baseUrl, 't', n))).status, 200)
    await sleep(n === 4 ? frozenMs : 0)
  }
  assert.deepEqual([s3.opened(), dynamo.opened()], [1, 1])
})

const key = { 'idempotency-key': 'key' }

// Most of the time they wait.
suite('connections that died during a freeze', { concurrency: 4, skip: withoutLocalstack }, () => {
  for (const [death, headers, name] of [
    ['closed', {}, 'an append'],
    ['reset', {}, 'an append'],
    ['forgotten', {}, 'an append'],
    ['silent', {}, 'an append'],
    ['silent', key, 'an append with a key'],
    ['deaf', {}, 'an append'],
    ['deaf', key, 'an append with a key']
  ] as const) {
    test(`${death}: ${name} is stored once`, async (t) => {
      const function_ = await frozen(t)
      const { baseUrl, errors, s3, dynamo, invoke } = function_
      assert.equal((await invoke(() => append(baseUrl, 't', 1))).status, 200)
      assert.deepEqual([s3.kill(death), dynamo.kill(death)], [1, 1])
      await sleep(frozenMs)
      const { status, text } = await timed(t, () => invoke(() => append(baseUrl, 't', 2, headers)))
      assert.equal(status, 200, text)
      await assertStored(function_, [1, 2])
      assert.deepEqual(errors, [])
    })
  }

  for (const death of ['closed', 'forgotten', 'silent'] as const) {
    test(`${death}: a page is read, although each of many connections is dead`, async (t) => {
      const store = await localstack(t)
      const [reader, writer] = await Promise.all([frozen(t, store), frozen(t, store)])
      const payloads = Array.from({ length: 21 }, (_, n) => n)
      for (const n of payloads.slice(0, 20)) assert.equal((await append(writer.baseUrl, 't', n)).status, 200)
      await assertStored(reader, payloads.slice(0, 20))
      assert.ok(reader.s3.kill(death) > 3)
      reader.dynamo.kill(death)
      // One GET: each attempt would find another dead connection.
      assert.equal((await append(writer.baseUrl, 't', 20)).status, 200)
      await sleep(frozenMs)
      await timed(t, () => assertStored(reader, payloads))
      assert.deepEqual(reader.errors, [])
    })
  }
})
