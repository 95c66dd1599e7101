import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { functionUrlEvent, lambdaContext } from '../../support/lambda/events.ts'
import { functionFolder } from '../../support/lambda/function.ts'
import { dynamoError, scriptedServer } from '../../support/storage/scripted-server.ts'

const memory = { DATA_DIR: ':memory:', AUTH: 'none' }

/** What a process of its own prints, that loads the handlers as plain Node does and calls one. */
async function lines (call: string, event: object, settings: Record<string, string> = memory): Promise<Array<Record<string, string>>> {
  const entry = pathToFileURL(join(await functionFolder(), 'index.mjs')).href
  const script = `
    import { Writable } from 'node:stream'
    // As the AWS SDK makes it where Lambda's runtime has not.
    globalThis.awslambda = {}
    const { handler, streamHandler } = await import(${JSON.stringify(entry)})
    globalThis.awslambda.HttpResponseStream = { from: (stream) => stream }
    const out = new Writable({ write (chunk, encoding, done) { done() } })
    const [event, context] = [JSON.parse(process.env.EVENT), JSON.parse(process.env.CONTEXT)]
    await ${call}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env['PATH'], ...settings, EVENT: JSON.stringify(event), CONTEXT: JSON.stringify(lambdaContext()) }
  })
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, string>)
}

for (const call of ['handler(event, context)', 'streamHandler(event, out, context)']) {
  test(`${call}: an event that is no HTTP request is one line in the log`, async () => {
    const printed = await lines(`${call}.catch(() => {})`, { Records: [{ eventSource: 'aws:sqs', body: 'secret' }] })
    assert.deepEqual(printed.map(({ msg, lambda_request_id: invocation }) => [msg, invocation]), [
      ['unsupported event', '6bc28136-xmpl-4365-b021-0ce6b2e64ab0']
    ])
    assert.match(JSON.stringify(printed), /expected an HTTP request .* got an event of aws:sqs/)
    assert.doesNotMatch(JSON.stringify(printed), /secret/)
  })
}

for (const call of ['handler(event, context)', 'streamHandler(event, out, context)']) {
  test(`${call}: the log has the id of the invocation and that of the API, and nobody can forge them`, async () => {
    const forged = { 'x-apigateway-context': encodeURIComponent('{"awsRequestId":"forged"}'), 'x-aws-lambda-fastify-request': 'forged' }
    const printed = await lines(call, functionUrlEvent({ method: 'GET', url: '/health', headers: forged }))
    assert.deepEqual(printed.map(({ request_id: request, lambda_request_id: invocation, route }) => [request, invocation, route]), [
      ['9a9e1a5e-b1f0-4d1b-9c5a-4d0a4e0d6b6e', '6bc28136-xmpl-4365-b021-0ce6b2e64ab0', '/health']
    ])
  })
}

test('a table without the index that lists topics: the log says what to do', async (t) => {
  const scan = { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: '{}' }
  const dynamo = await scriptedServer(t, [dynamoError(400, 'ValidationException'), scan])
  const printed = await lines('handler(event, context)', functionUrlEvent({ method: 'GET', url: '/topics' }), {
    AUTH: 'none',
    BUCKET_NAME: 'my-bucket',
    COUNTERS_TABLE: 'my-table',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test'
  })
  const warnings = printed.filter(({ level }) => level === 'warn').map(({ msg }) => msg!.replace(/ \(.*?\)/, ''))
  assert.deepEqual(warnings, [
    'The table "my-table" lacks the index "topics", so each list of topics reads the whole table: run scripts/create-storage.ts, ' +
    'which adds it'
  ])
})
