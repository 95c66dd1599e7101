import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { createS3SegmentStore, type S3Settings } from '../../src/adapters/s3/segment-store.ts'
import { StoreError } from '../../src/ports/errors.ts'
import type { SegmentObject } from '../../src/ports/segment-store.ts'
import { s3Error, scriptedServer, type ScriptedAnswer } from '../support/scripted-server.ts'

const object: SegmentObject = { body: Buffer.from('{"offset":1}'), contentType: 'application/json', metadata: { writer: 'w1' } }
const seal = { reservedAt: null }
const ok: ScriptedAnswer = { status: 200 }

async function scripted (t: TestContext, answers: readonly ScriptedAnswer[], settings: Partial<S3Settings> = {}) {
  const server = await scriptedServer(t, answers)
  const store = createS3SegmentStore({
    bucket: 'bucket',
    endpoint: server.endpoint,
    region: 'eu-north-1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
    ...settings
  })
  t.after(() => { store.close() })
  return { store, requests: server.requests }
}

/** The failure of a call in one line, `failure effect`; with the message where it matters. */
async function failureOf (call: Promise<unknown>): Promise<{ failure: string, message: string }> {
  const error = await call.then(() => new Error('the call did not fail'), (error: unknown) => error)
  assert.ok(error instanceof StoreError, String(error))
  return { failure: `${error.failure} ${error.effect}`, message: error.message }
}

describe('what a put\'s answer means', () => {
  test('412 is "exists", also after an own attempt that landed and whose answer was lost', async (t) => {
    const { store, requests } = await scripted(t, ['cut', s3Error(412, 'PreconditionFailed')])
    assert.equal(await store.putIfAbsent('t', 1, object, seal), 'exists')
    assert.equal(requests.length, 2)
  })

  test('409 is a conflict that the SDK does not retry', async (t) => {
    const { store, requests } = await scripted(t, [s3Error(409, 'ConditionalRequestConflict')])
    assert.equal((await failureOf(store.putIfAbsent('t', 1, object, seal))).failure, 'conflict none')
    assert.equal(requests.length, 1)
  })

  test('a refusal after a lost answer says nothing of the attempt before it', async (t) => {
    const refusals: Array<[ScriptedAnswer, string]> = [
      [s3Error(409, 'ConditionalRequestConflict'), 'conflict unknown'],
      [s3Error(403, 'AccessDenied'), 'misconfigured unknown']
    ]
    for (const [refusal, failure] of refusals) {
      const { store } = await scripted(t, ['cut', refusal])
      assert.equal((await failureOf(store.putIfAbsent('t', 1, object, seal))).failure, failure)
    }
  })

  test('failures that may pass', async (t) => {
    const answers: Array<[ScriptedAnswer, string]> = [
      [s3Error(503, 'SlowDown'), 'throttled unknown'],
      [s3Error(503, 'ServiceUnavailable'), 'throttled unknown'],
      [s3Error(429, 'TooManyRequests'), 'throttled unknown'],
      [s3Error(500, 'InternalError'), 'unavailable unknown'],
      [s3Error(400, 'RequestTimeout'), 'unavailable unknown'],
      [{ status: 502, body: '<html>a proxy</html>' }, 'unavailable unknown'],
      ['cut', 'unavailable unknown']
    ]
    for (const [answer, failure] of answers) {
      const { store, requests } = await scripted(t, [answer])
      assert.equal((await failureOf(store.putIfAbsent('t', 1, object, seal))).failure, failure, JSON.stringify(answer))
      assert.equal(requests.length, 3, 'the SDK tried three times')
    }
  })

  test('nobody listens', async (t) => {
    const { store } = await scripted(t, [ok], { endpoint: 'http://127.0.0.1:1' })
    assert.equal((await failureOf(store.putIfAbsent('t', 1, object, seal))).failure, 'unavailable unknown')
  })
})

describe('the caller\'s time-out', () => {
  test('ends the wait for a slow server; the put may still take effect', async (t) => {
    const { store, requests } = await scripted(t, ['hang'])
    const started = performance.now()
    const failed = await failureOf(store.putIfAbsent('t', 1, object, { reservedAt: Date.now(), signal: AbortSignal.timeout(200) }))
    assert.equal(failed.failure, 'timeout unknown')
    assert.ok(performance.now() - started < 2_000)
    assert.equal(requests.length, 1)
  })

  test('ends the wait between two attempts', async (t) => {
    const { store } = await scripted(t, [{ ...s3Error(503, 'SlowDown'), headers: { 'x-amz-retry-after': '4000' } }])
    const started = performance.now()
    const failed = await failureOf(store.putIfAbsent('t', 1, object, { reservedAt: null, signal: AbortSignal.timeout(150) }))
    assert.equal(failed.failure, 'timeout unknown')
    assert.ok(performance.now() - started < 2_000)
  })

  test('that was over before sends nothing', async (t) => {
    const { store, requests } = await scripted(t, [ok])
    assert.equal((await failureOf(store.putIfAbsent('t', 1, object, { reservedAt: null, signal: AbortSignal.abort() }))).failure, 'timeout none')
    assert.equal(requests.length, 0)
  })

  test('ends the reading of a body that stalls', async (t) => {
    const { store } = await scripted(t, [{ status: 200, headers: { 'content-length': '100' }, body: 'only the start', then: 'hang' }])
    const started = performance.now()
    assert.equal((await failureOf(store.get('t', 1, { signal: AbortSignal.timeout(200) }))).failure, 'timeout unknown')
    assert.ok(performance.now() - started < 2_000)
  })
})

describe('a body that is not complete is no object', () => {
  const shortened = { status: 200, body: 'only the start', then: 'cut' } as const

  test('by its length', async (t) => {
    const { store } = await scripted(t, [{ ...shortened, headers: { 'content-length': '100' } }])
    assert.equal((await failureOf(store.get('t', 1))).failure, 'unavailable unknown')
  })

  test('by its last chunk', async (t) => {
    const { store } = await scripted(t, [shortened])
    assert.equal((await failureOf(store.get('t', 1))).failure, 'unavailable unknown')
  })
})

describe('settings that are wrong', () => {
  test('are named with what to do', async (t) => {
    const answers: Array<[ScriptedAnswer, RegExp]> = [
      [s3Error(404, 'NoSuchBucket'), /^the bucket "bucket" does not exist: create it, or set BUCKET_NAME .*NoSuchBucket \(404\)/],
      [s3Error(403, 'AccessDenied'), /^the bucket "bucket" may not be used: allow s3:ListBucket .*topics\/\*\. .*said the script/],
      [s3Error(403, 'InvalidAccessKeyId'), /^the AWS credentials are missing or not valid: set AWS_ACCESS_KEY_ID/],
      [s3Error(403, 'SignatureDoesNotMatch'), /^the AWS credentials are missing or not valid/],
      [s3Error(301, 'PermanentRedirect'), /AWS_REGION must be the region of the bucket "bucket"/],
      [s3Error(400, 'AuthorizationHeaderMalformed'), /AWS_REGION must be the region of the bucket "bucket"/]
    ]
    for (const [answer, message] of answers) {
      const { store } = await scripted(t, [answer])
      const failed = await failureOf(store.putIfAbsent('t', 1, object, seal))
      assert.equal(failed.failure, 'misconfigured none', JSON.stringify(answer))
      assert.match(failed.message, message)
      assert.equal((await failureOf(store.get('t', 1))).failure, 'misconfigured none')
      assert.equal((await failureOf(store.list('t', 1, 1))).failure, 'misconfigured none')
    }
  })

  test('check says the same, although its answers have no body', async (t) => {
    for (const [status, message] of [[404, /does not exist/], [403, /may not be used/], [301, /AWS_REGION/], [400, /AWS_REGION/]] as const) {
      const { store } = await scripted(t, [{ status }])
      const failed = await failureOf(store.check())
      assert.equal(failed.failure, 'misconfigured none')
      assert.match(failed.message, message)
    }
  })

  test('no region', async (t) => {
    const before = process.env['AWS_REGION']
    delete process.env['AWS_REGION']
    process.env['AWS_CONFIG_FILE'] = process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/dev/null'
    t.after(() => {
      delete process.env['AWS_CONFIG_FILE']
      delete process.env['AWS_SHARED_CREDENTIALS_FILE']
      if (before !== undefined) process.env['AWS_REGION'] = before
    })
    const { store } = await scripted(t, [ok], { region: undefined })
    const failed = await failureOf(store.check())
    assert.equal(failed.failure, 'misconfigured none')
    assert.match(failed.message, /AWS_REGION must be/)
  })

  test('a store without a clock', async (t) => {
    const { store } = await scripted(t, [{ status: 200, date: null, body: '<ListBucketResult/>' }])
    const failed = await failureOf(store.list('t', 1, 1))
    assert.equal(failed.failure, 'misconfigured unknown')
    assert.match(failed.message, /no Date header/)
  })
})

test('objects that could not be deleted are an error, although the answer as a whole is a success', async (t) => {
  for (const [code, failure] of [['InternalError', 'unavailable unknown'], ['SlowDown', 'throttled unknown'], ['AccessDenied', 'misconfigured unknown']] as const) {
    const { store } = await scripted(t, [{
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<DeleteResult><Error><Key>topics/t/1</Key><Code>${code}</Code><Message>said the script</Message></Error></DeleteResult>`
    }])
    const failed = await failureOf(store.remove('t', [1, 2]))
    assert.equal(failed.failure, failure)
    assert.match(failed.message, /said the script \(1 of 2 keys\)/)
  }
})

test('every request is counted by its operation, the SDK\'s own retries included', async (t) => {
  const attempts: string[] = []
  const { store } = await scripted(t, [s3Error(503, 'SlowDown'), ok, s3Error(404, 'NoSuchKey'), ok], {
    onAttempt: (operation) => { attempts.push(operation) }
  })
  await store.putIfAbsent('t', 1, object, seal)
  assert.equal(await store.get('t', 2), undefined)
  await store.check()
  assert.deepEqual(attempts, ['PutObject', 'PutObject', 'GetObject', 'HeadBucket'])
})

// The SDK asks "may I send the body?" before puts of 2 MiB and more: one more round trip, and a connection of its own each.
test('a large put is sent at once, on a connection that is kept', async (t) => {
  const { store, requests } = await scripted(t, [ok])
  await store.putIfAbsent('t', 1, { ...object, body: Buffer.alloc(3 * 1024 * 1024) }, seal)
  const [request] = requests
  assert.deepEqual({ expect: request?.headers.expect, connection: request?.headers.connection, size: request?.body.length },
    { expect: undefined, connection: 'keep-alive', size: 3 * 1024 * 1024 })
})
