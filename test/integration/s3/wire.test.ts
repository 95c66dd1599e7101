import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { checksums, createS3SegmentStore, type S3Settings } from '../../../src/adapters/s3/segment-store.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentObject } from '../../../src/ports/segment-store.ts'
import { s3Error, scriptedServer, type ScriptedAnswer, type ScriptedRequest } from '../../support/storage/scripted-server.ts'

const object: SegmentObject = { body: Buffer.from('{"offset":1}'), contentType: 'application/json', metadata: { writer: 'w1' } }
const seal = { reservedAtMs: null }
const ok: ScriptedAnswer = { status: 200, headers: { etag: '"e1"' } }

function list (content = '<IsTruncated>false</IsTruncated>'): ScriptedAnswer & object {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: `<ListBucketResult>${content}</ListBucketResult>` }
}

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
  test('412 is "exists"', async (t) => {
    const { store, requests } = await scripted(t, [s3Error(412, 'PreconditionFailed')])
    assert.equal(await store.putIfAbsent('t', 1, object, seal), 'exists')
    assert.equal(requests.length, 1)
  })

  test('a success without an ETag is not that of a store', async (t) => {
    for (const answer of [{ status: 200, body: '<html>log in first</html>' }, { status: 204 }]) {
      const { store } = await scripted(t, [answer])
      const { failure, message } = await failureOf(store.putIfAbsent('t', 1, object, seal))
      assert.equal(failure, 'misconfigured unknown')
      assert.match(message, /the answer has no ETag/)
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
    const failed = await failureOf(store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now(), signal: AbortSignal.timeout(200) }))
    assert.equal(failed.failure, 'timeout unknown')
    assert.ok(performance.now() - started < 2_000)
    assert.equal(requests.length, 1)
  })

  test('that was over before sends nothing', async (t) => {
    const { store, requests } = await scripted(t, [ok])
    assert.equal((await failureOf(store.putIfAbsent('t', 1, object, { reservedAtMs: null, signal: AbortSignal.abort() }))).failure,
      'timeout none')
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
      [s3Error(403, 'InvalidObjectState'), /^objects of the bucket "bucket" were moved to an archive: restore those below topics\//],
      [s3Error(400, 'KMS.DisabledException'), /^the key that the bucket "bucket" is encrypted with can't be used/],
      [s3Error(501, 'NotImplemented'), /a service that speaks S3 with conditional puts/],
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
    for (const [status, message] of [
      [404, /does not exist/], [403, /may not be used/], [301, /AWS_REGION/], [400, /AWS_REGION/]
    ] as const) {
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
    for (const answer of [{ ...list(), date: null }, { ...list(), date: null, headers: { date: 'yesterday' } }]) {
      const { store } = await scripted(t, [answer])
      const failed = await failureOf(store.list('t', 1, 1))
      assert.equal(failed.failure, 'misconfigured unknown')
      assert.match(failed.message, /no valid Date header/)
    }
  })
})

test('objects that could not be deleted are an error, although the answer as a whole is a success', async (t) => {
  for (const [code, failure] of [
    ['InternalError', 'unavailable unknown'], ['SlowDown', 'throttled unknown'], ['AccessDenied', 'misconfigured unknown']
  ] as const) {
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

test('every request is counted by its operation', async (t) => {
  const attempts: string[] = []
  const { store } = await scripted(t, [s3Error(503, 'SlowDown'), ok, s3Error(404, 'NoSuchKey'), list()], {
    onAttempt: (operation) => { attempts.push(operation) }
  })
  await assert.rejects(store.putIfAbsent('t', 1, object, seal))
  await store.putIfAbsent('t', 1, object, seal)
  assert.equal(await store.get('t', 2), undefined)
  await store.list('t', 1, 1)
  assert.deepEqual(attempts, ['PutObject', 'PutObject', 'GetObject', 'ListObjectsV2'])
})

describe('a list', () => {
  const foreign = '<Contents><Key>topics/t/README</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>'
  const ours =
    '<Contents><Key>topics/t/00000000000000000007.json</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>3</Size></Contents>'
  const truncated = (token?: string): string =>
    `<IsTruncated>true</IsTruncated>${token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`}`

  test('goes on behind pages without a key of ours, empty ones included', async (t) => {
    const { store, requests } = await scripted(t, [
      list(truncated('a')), list(truncated('b') + foreign), list(`<IsTruncated>false</IsTruncated>${ours}`)
    ])
    const { entries, truncated: more } = await store.list('t', 1, 10)
    assert.deepEqual([entries, more], [[{ lastOffset: 7, size: 3, lastModified: Date.parse('2026-01-01T00:00:00Z') }], false])
    const tokens = requests.map(({ url }) => new URL(url, 'http://s3').searchParams.get('continuation-token'))
    assert.deepEqual(tokens, [null, 'a', 'b'])
  })

  const refused: Array<[what: string, answers: readonly ScriptedAnswer[], message: RegExp]> = [
    ['that is truncated and says not where to go on', [list(truncated())], /truncated without a new NextContinuationToken/],
    ['whose place to go on does not move', [list(truncated('a')), list(truncated('a'))], /truncated without a new NextContinuationToken/],
    ['that does not say whether it is complete', [{ status: 200 }], /answers a list without IsTruncated/],
    [
      'without dates',
      [list(`<IsTruncated>false</IsTruncated>${ours.replace(/<LastModified>.*<\/LastModified>/, '')}`)],
      /lists objects without LastModified/
    ],
    [
      'with a date that is none',
      [list(`<IsTruncated>false</IsTruncated>${ours.replace('2026-01-01T00:00:00Z', 'yesterday')}`)],
      /TypeError \(200\) Invalid RFC3339/
    ]
  ]
  for (const [what, answers, message] of refused) {
    test(`${what} is refused`, async (t) => {
      const { store, requests } = await scripted(t, answers)
      const failed = await failureOf(store.list('t', 1, 10))
      assert.equal(failed.failure, 'misconfigured unknown')
      assert.match(failed.message, message)
      assert.equal(requests.length, answers.length)
    })
  }
})

describe('the first check tries what the log rests on', () => {
  const key = 'topics/#check'
  const exists = s3Error(412, 'PreconditionFailed')
  const found = list(
    `<IsTruncated>false</IsTruncated><Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>2</Size></Contents>`
  )
  const shown = (requests: readonly ScriptedRequest[]): string[] => requests.map(({ method, url, headers }) => {
    const { pathname, searchParams } = new URL(url, 'http://s3')
    return [method, searchParams.get('prefix') ?? decodeURIComponent(pathname), headers['if-none-match']].filter(Boolean).join(' ')
  })

  test('with one object in the life of a bucket', async (t) => {
    const first = await scripted(t, [ok, exists, found])
    await first.store.check()
    assert.deepEqual(shown(first.requests), [`PUT /bucket/${key} *`, `PUT /bucket/${key} *`, `GET ${key}`])
    const second = await scripted(t, [exists, found, ok])
    await second.store.check()
    await second.store.check()
    assert.deepEqual(shown(second.requests), [`PUT /bucket/${key} *`, `GET ${key}`, 'HEAD /bucket/'])
  })

  test('two processes that put it at the same moment', async (t) => {
    const { store, requests } = await scripted(t, [s3Error(409, 'ConditionalRequestConflict'), found])
    await store.check()
    assert.equal(requests.length, 2)
  })

  const refused: Array<[what: string, answers: readonly ScriptedAnswer[], message: RegExp]> = [
    [
      'replaces objects in spite of If-None-Match',
      [ok],
      /^the store of the bucket "bucket" does not keep If-None-Match: \* \(a second put of one key must fail with 412\)/
    ],
    ['does not know If-None-Match', [s3Error(501, 'NotImplemented')], /a service that speaks S3 with conditional puts/],
    ['answers puts without an ETag', [{ status: 200 }], /has no ETag/],
    ['does not list what is there', [exists, list()], /does not list an object that is there/],
    [
      'lists without dates',
      [exists, list(`<IsTruncated>false</IsTruncated><Contents><Key>${key}</Key></Contents>`)],
      /lists objects without LastModified/
    ],
    ['has no clock', [exists, { ...found, date: null }], /no valid Date header/]
  ]
  for (const [what, answers, message] of refused) {
    test(`and refuses a store that ${what}`, async (t) => {
      const { store } = await scripted(t, answers)
      const failed = await failureOf(store.check())
      assert.match(failed.failure, /^misconfigured/)
      assert.match(failed.message, message)
    })
  }
})

// Object Lock takes no put without a checksum; other implementations may not know the header.
test('a put has a checksum on AWS, and none elsewhere', async (t) => {
  const { store, requests } = await scripted(t, [ok])
  await store.putIfAbsent('t', 1, object, seal)
  assert.equal(requests[0]?.headers['x-amz-checksum-crc32'], undefined)
  assert.equal(checksums({}), 'WHEN_SUPPORTED')
  assert.equal(checksums({ endpoint: 'https://s3.eu-north-1.amazonaws.com' }), 'WHEN_SUPPORTED')
  assert.equal(checksums({ endpoint: 'http://minio:9000' }), 'WHEN_REQUIRED')
})

// The SDK asks "may I send the body?" before puts of 2 MiB and more: one more round trip, and a connection of its own each.
test('a large put is sent at once, on a connection that is kept', async (t) => {
  const { store, requests } = await scripted(t, [ok])
  await store.putIfAbsent('t', 1, { ...object, body: Buffer.alloc(3 * 1024 * 1024) }, seal)
  const [request] = requests
  assert.deepEqual({ expect: request?.headers.expect, connection: request?.headers.connection, size: request?.body.length },
    { expect: undefined, connection: 'keep-alive', size: 3 * 1024 * 1024 })
})
