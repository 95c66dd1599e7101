import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { loadSettings } from '../../../src/app/config.ts'
import { wire } from '../../../src/wiring.ts'
import { scriptedServer } from '../../support/storage/scripted-server.ts'

/** Where the checks of both stores go with these settings. @returns the paths that each server was asked for */
async function asked (t: TestContext, name: (servers: Record<'general' | 's3' | 'dynamo', string>) => Record<string, string>) {
  const [general, s3, dynamo] = await Promise.all(Array.from({ length: 3 }, () => scriptedServer(t, [{ status: 404 }])))
  const environment = { BUCKET_NAME: 'my-bucket', COUNTERS_TABLE: 'my-table', AWS_REGION: 'eu-central-1' }
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
  Object.assign(process.env, credentials)
  t.after(() => { for (const variable of Object.keys(credentials)) delete process.env[variable] })
  const named = name({ general: general!.endpoint, s3: s3!.endpoint, dynamo: dynamo!.endpoint })
  const wiring = await wire(loadSettings({ ...environment, ...named }), () => {})
  await Promise.allSettled(wiring.checks.map(({ check }) => check({ signal: AbortSignal.timeout(10_000) })))
  await wiring.close()
  return [general!, s3!, dynamo!].map(({ requests }) => requests.map(({ url }) => decodeURIComponent(url).replace(/\?.*/, '')).sort())
}

const bucket = '/my-bucket/topics/#check'

test('each service has its own endpoint, if that is set', async (t) => {
  assert.deepEqual(await asked(t, ({ general, s3, dynamo }) => ({
    AWS_ENDPOINT_URL: general, AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL_DYNAMODB: dynamo
  })), [[], [bucket], ['/']])
})

test('the other one has the common endpoint', async (t) => {
  assert.deepEqual(await asked(t, ({ general, s3 }) => ({ AWS_ENDPOINT_URL: general, AWS_ENDPOINT_URL_S3: s3 })), [['/'], [bucket], []])
  assert.deepEqual(await asked(t, ({ general }) => ({ AWS_ENDPOINT_URL: general })), [['/', bucket], [], []])
})

// With the bucket in the host name, a name such as "minio" would have to resolve with each bucket before it.
test('the bucket is in the path at an endpoint of its own, too', async (t) => {
  assert.deepEqual(await asked(t, ({ s3, dynamo }) => ({
    AWS_ENDPOINT_URL_S3: s3.replace('127.0.0.1', 'localhost'), AWS_ENDPOINT_URL_DYNAMODB: dynamo
  })), [[], [bucket], ['/']])
})
