import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test, type TestContext } from 'node:test'
import { functionUrlEvent } from '../../support/lambda/events.ts'
import { listen, startLambda, type LambdaRuntime } from '../../support/lambda/runtime.ts'
import { GroupWorkload } from '../../support/processes/group-workload.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'

const ENVIRONMENTS = 4
const size = { messages: 1_500, keys: 500, poisonEvery: 500, workers: 6, limit: 50, leaseMs: 3_000 }

test('workers share a topic through environments of a function that are frozen after each answer, and two workers are killed', {
  skip: withoutLocalstack, timeout: 300_000
}, async (t) => {
  const options = { environment: environmentOf(await localstack(t)) }
  const environments = await Promise.all(Array.from({ length: ENVIRONMENTS }, () => startLambda(t, options)))
  const workload = new GroupWorkload({ ...size, urls: [await functionUrl(t, environments)] })
  await workload.start(t)
  await workload.progress(0.2)
  workload.killWorker(0)
  await workload.progress(0.5)
  workload.killWorker(1)
  const { redelivered, lost } = await workload.check()
  t.diagnostic(`${redelivered} of ${size.messages} messages were delivered more than once; ${lost} leases were lost`)
  assert.ok(environments.every(({ freezes }) => freezes() > 0), 'each environment was frozen')
  assert.deepEqual(environments.flatMap(({ errors }) => errors), [])
})

/** The URL of the function: a request waits for an environment that is free, which then works on it alone. */
async function functionUrl (t: TestContext, environments: readonly LambdaRuntime[]): Promise<string> {
  const free = [...environments]
  const waiting: Array<(environment: LambdaRuntime) => void> = []
  const release = (environment: LambdaRuntime): void => {
    const next = waiting.shift()
    if (next === undefined) free.push(environment)
    else next(environment)
  }
  const { port } = await listen(t, (request, response) => {
    (async () => {
      const { method = '', url = '', headers } = request
      const body = await bodyOf(request)
      const environment = free.shift() ?? await new Promise<LambdaRuntime>((resolve) => { waiting.push(resolve) })
      try {
        const names = ['content-type', 'idempotency-key'].filter((name) => headers[name] !== undefined)
        const sent = Object.fromEntries(names.map((name) => [name, String(headers[name])]))
        const event = functionUrlEvent({ method, url, headers: sent, body })
        const answer = JSON.parse(await environment.invoke(event)) as Answer
        response.writeHead(answer.statusCode, answer.headers)
        response.end(Buffer.from(answer.body, answer.isBase64Encoded ? 'base64' : 'utf8'))
      } finally {
        release(environment)
      }
    })().catch(() => { response.destroy() })
  })
  return `http://127.0.0.1:${port}`
}

interface Answer {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: string
  readonly isBase64Encoded: boolean
}

async function bodyOf (request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
