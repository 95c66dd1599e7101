import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { functionUrlEvent, lambdaContext } from '../../support/lambda/events.ts'

/** What a process of its own prints, that loads the handlers as plain Node does and calls one. */
async function lines (call: string, event: object): Promise<Array<Record<string, string>>> {
  const script = `
    import { Writable } from 'node:stream'
    // As the AWS SDK makes it where Lambda's runtime has not.
    globalThis.awslambda = {}
    const { handler, streamHandler } = await import(${JSON.stringify(new URL('../../../src/lambda.ts', import.meta.url).href)})
    globalThis.awslambda.HttpResponseStream = { from: (stream) => stream }
    const out = new Writable({ write (chunk, encoding, done) { done() } })
    const [event, context] = [JSON.parse(process.env.EVENT), JSON.parse(process.env.CONTEXT)]
    await ${call}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env['PATH'], DATA_DIR: ':memory:', EVENT: JSON.stringify(event), CONTEXT: JSON.stringify(lambdaContext()) }
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
