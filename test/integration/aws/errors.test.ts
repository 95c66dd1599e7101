import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { isAws } from '../../../src/adapters/aws/client.ts'
import { errorTable, findError, sources, type ErrorRow } from '../../../src/adapters/aws/error-table.ts'
import { toStoreError } from '../../../src/adapters/aws/errors.ts'
import { createDynamoClient } from '../../../src/adapters/dynamodb/client.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../../src/adapters/s3/segment-store.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentObject } from '../../../src/ports/segment-store.ts'
import { OPEN } from '../../support/storage/items.ts'
import { dynamoError, s3Error, scriptedServer, type ScriptedAnswer } from '../../support/storage/scripted-server.ts'

const object: SegmentObject = { body: Buffer.from('{"offset":1}'), contentType: 'application/json', metadata: { writer: 'w1' } }
const reached = { region: 'eu-north-1', credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' } }
const failures = new Set(['throttled', 'unavailable', 'timeout', 'conflict', 'expired', 'misconfigured'])

/** What a put, or a reservation, says of an answer: `failure effect`, after how many requests. */
async function failureOfPut (t: TestContext, answer: ScriptedAnswer): Promise<string> {
  const { endpoint, requests } = await scriptedServer(t, [answer])
  const store = createS3SegmentStore({ ...reached, bucket: 'bucket', endpoint })
  t.after(() => { store.close() })
  return describeFailure(store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() }), requests)
}

async function failureOfReservation (t: TestContext, answer: ScriptedAnswer): Promise<string> {
  const { endpoint, requests } = await scriptedServer(t, [answer])
  const client = createDynamoClient({ ...reached, endpoint })
  t.after(() => { client.destroy() })
  return describeFailure(createDynamoTopicStore({ client, table: 'table' }).reserve('t', { count: 1 }, OPEN, { now: 1 }), requests)
}

async function describeFailure (call: Promise<unknown>, requests: readonly unknown[]): Promise<string> {
  const error = await call.then(() => new Error('the call did not fail'), (error: unknown) => error)
  assert.ok(error instanceof StoreError, String(error))
  return `${error.failure} ${error.effect} after ${requests.length}`
}

const failureOf = ({ kind }: Pick<ErrorRow, 'kind'>): string => failures.has(kind) ? kind : 'misconfigured'

describe('each row of the table of AWS errors, sent once', () => {
  for (const row of errorTable) {
    const { name, status } = row
    test(`${name ?? 'any other name'} (${status}): ${row.kind}, ${row.effect}`, async (t) => {
      assert.ok(row.source in sources)
      // The servers here are not of AWS: what a 503 of another implementation says of the effect is not believed.
      const effect = status === 503 ? 'unknown' : row.effect
      const put = await failureOfPut(t, name === undefined ? { status, body: '<html>a proxy</html>' } : s3Error(status, name))
      assert.equal(put, `${failureOf(row)} ${effect} after 1`)
      // No reservation is pinned to a time: there an old signature means a wrong clock, which the next attempt has corrected.
      const kind = row.kind === 'expired' ? 'unavailable' : failureOf(row)
      const reservation = await failureOfReservation(t, name === undefined ? { status, body: '{}' } : dynamoError(status, name))
      assert.equal(reservation, `${kind} ${effect} after 1`)
    })
  }

  test('no name is in it twice', () => {
    const names = errorTable.map(({ name, status }) => name ?? status)
    assert.equal(new Set(names).size, names.length)
  })
})

describe('what the table does not have', () => {
  const unknown: Array<[what: string, answer: ScriptedAnswer, failure: string]> = [
    ['a 500 with a new name', s3Error(500, 'SomethingNew'), 'unavailable unknown'],
    ['a 502 of a proxy', { status: 502, body: '<html>a proxy</html>' }, 'unavailable unknown'],
    ['a status that nobody knows', { status: 599 }, 'unavailable unknown'],
    ['a connection that ends', 'cut', 'unavailable unknown'],
    // The name, which would tell, is lost with the body.
    ...[307, 400, 403, 404, 409, 500].map((status): [string, ScriptedAnswer, string] =>
      [`a ${status} whose body is cut`, { ...s3Error(status, 'NoSuchBucket'), then: 'cut' }, 'unavailable unknown']),
    ['another refusal', s3Error(422, 'SomethingNew'), 'misconfigured unknown'],
    ['a known name with another status', s3Error(500, 'AccessDenied'), 'misconfigured unknown']
  ]
  for (const [what, answer, failure] of unknown) {
    test(`${what} is ${failure}`, async (t) => {
      assert.equal(await failureOfPut(t, answer), `${failure} after 1`)
    })
  }

  test('a refused reservation whose body is cut is unavailable unknown', async (t) => {
    const answer: ScriptedAnswer = { ...dynamoError(400, 'ProvisionedThroughputExceededException'), then: 'cut' }
    assert.equal(await failureOfReservation(t, answer), 'unavailable unknown after 1')
  })
})

test('a refusal whose body stalls is a time-out', async (t) => {
  const { endpoint } = await scriptedServer(t, [{ ...s3Error(404, 'NoSuchKey'), then: 'hang' }])
  const store = createS3SegmentStore({ ...reached, bucket: 'bucket', endpoint })
  t.after(() => { store.close() })
  const began = performance.now()
  await assert.rejects(store.get('t', 1, { signal: AbortSignal.timeout(500) }), { failure: 'timeout', effect: 'unknown' })
  assert.ok(performance.now() - began < 10_000)
})

// MinIO says SlowDown of writes that reached only some of its disks, and may be read later.
test('SlowDown is a refusal when AWS says it, and uncertain elsewhere', async (t) => {
  assert.equal(await failureOfPut(t, s3Error(503, 'SlowDown')), 'throttled unknown after 1')
  for (const [endpoint, effect] of [
    [undefined, 'none'], ['https://s3.eu-north-1.amazonaws.com', 'none'], ['https://s3.cn-north-1.amazonaws.com.cn', 'none'],
    ['https://bucket.vpce-1-a.s3.us-east-1.vpce.amazonaws.com', 'none'],
    ['http://minio:9000', 'unknown'],
    ['https://amazonaws.com.example.org', 'unknown']
  ] as const) {
    assert.deepEqual(findError('SlowDown', 503, isAws({ endpoint })), { kind: 'throttled', effect }, endpoint)
  }
})

describe('before anything is sent', () => {
  const failed = { call: 'PutObject', remedies: { missing: '', denied: '', settings: 'wrong settings', archived: '', encryption: '' } }
  const noCredentials = Object.assign(new Error('none found'), { name: 'CredentialsProviderError' })
  const throttledSts = Object.assign(new Error('slow down'), { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } })
  const deniedSts = Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } })
  const errors: Array<[what: string, error: Error, answeredBefore: boolean, failure: string, message: RegExp]> = [
    ['no credentials', noCredentials, false, 'misconfigured', /^the AWS credentials are missing/],
    ['no credentials any more', noCredentials, true, 'unavailable', /none found/],
    ['a throttled AssumeRole', throttledSts, true, 'unavailable', /slow down/],
    ['a refused AssumeRole', deniedSts, true, 'misconfigured', /^the AWS credentials are missing or not valid/],
    ['no region', new Error('Region is missing'), false, 'misconfigured', /^wrong settings\. .*Region is missing/],
    [
      'a metadata service that does not answer',
      Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' }),
      true,
      'unavailable',
      /no route/
    ]
  ]
  for (const [what, error, answeredBefore, failure, message] of errors) {
    test(`${what}: ${failure}, and nothing was written`, () => {
      const { failure: found, effect, message: text } = toStoreError(error, { ...failed, answeredBefore })
      assert.deepEqual([found, effect], [failure, 'none'])
      assert.match(text, message)
    })
  }
})

// The SDK took each answer for one about the wrong clock, and sent the request again.
test('with a local clock that is 10 minutes off, an answer is still an answer', async (t) => {
  const theirs = Date.now() + 10 * 60_000
  for (const [answer, failure] of [
    [s3Error(409, 'ConditionalRequestConflict'), 'conflict none after 1'], [s3Error(403, 'AccessDenied'), 'misconfigured none after 1']
  ] as const) {
    assert.equal(await failureOfPut(t, { ...answer, date: theirs }), failure)
  }
})

test('a Retry-After does not hold a call up', async (t) => {
  const began = performance.now()
  assert.equal(await failureOfPut(t, { ...s3Error(503, 'SlowDown'), headers: { 'retry-after': '60' } }), 'throttled unknown after 1')
  assert.ok(performance.now() - began < 30_000)
})
