import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpSuite } from '../../http/http.suite.ts'
import { eventually } from '../../support/eventually.ts'
import { follow } from '../../support/http/events.ts'
import { ask, produce } from '../../support/http/requests.ts'
import { buffered, streaming } from '../../support/lambda/running.ts'
import { startLambda } from '../../support/lambda/runtime.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

for (const [name, start] of Object.entries({ buffered, streaming })) {
  httpSuite(`Lambda runtime loop, ${name}`, async (t) => {
    const { baseUrl, errors, freezes } = await start(t)
    t.after(() => {
      assert.deepEqual(errors, [])
      assert(freezes() > 100, `${freezes()} freezes`)
    })
    return { baseUrl }
  }, { paths: 'normalized', oneAtATime: true })

  httpSuite(`Lambda runtime loop, ${name}, on LocalStack`, async (t) => {
    const { baseUrl, errors } = await start(t, { environment: environmentOf(await localstack(t)) })
    t.after(() => { assert.deepEqual(errors, []) })
    return { baseUrl }
  }, { paths: 'normalized', contractOnly: true, skip: withoutLocalstack })
}

test('when the process is frozen after an answer, nothing is left to do: the log is out, nothing was polled for', async (t) => {
  const { baseUrl, lines, freezes } = await buffered(t, { timeoutMs: 3_000 })
  const sse = { path: '/topics/t/consume', headers: { accept: 'text/event-stream' } }
  assert.equal((await ask(baseUrl, sse)).text, 'retry: 1000\nid: 0\n\n')
  await eventually(() => freezes() === 2)
  await new Promise((resolve) => { setTimeout(resolve, 500) })
  assert.deepEqual(lines.map((line) => (JSON.parse(line) as { route: string }).route), ['/topics/:topic/consume'])
  assert.equal((await produce(baseUrl, 't', '{"payload":1}')).text, '{"topic":"t","offset":1}')
  assert.match((await ask(baseUrl, sse)).text, /^retry: 1000\nid: 0\n\nid: 1\ndata: \{.*\}\n\n$/)
  await eventually(() => lines.length === 3)
})

test('a stream ends in order before the function times out, and the next one goes on behind it', async (t) => {
  const { baseUrl, errors } = await streaming(t, { timeoutMs: 4_000 })
  await produce(baseUrl, 't', '{"payload":1}')
  const began = performance.now()
  const reader = await follow(t, baseUrl, 't')
  await reader.until(({ ended }) => ended)
  const tookMs = performance.now() - began
  assert(tookMs > 1_500 && tookMs < 3_500, `${tookMs} ms`)
  assert.equal(reader.lastEventId, '1')
  await produce(baseUrl, 't', '{"payload":2}')
  const next = await follow(t, baseUrl, 't', '', { 'last-event-id': reader.lastEventId })
  assert.deepEqual((await next.atLeast(1)).map(({ id }) => id), ['2'])
  assert.deepEqual(errors, [])
})

test('Lambda does not tell a function that its client has gone: the stream ends in its time, and leaves nothing behind', async (t) => {
  const { baseUrl, errors, lines } = await streaming(t, { timeoutMs: 4_000 })
  const reader = await follow(t, baseUrl, 't')
  await reader.until(({ retry }) => retry !== undefined)
  reader.close()
  assert.equal((await produce(baseUrl, 't', '{"payload":1}')).text, '{"topic":"t","offset":1}')
  assert.deepEqual(errors, [])
  await eventually(() => lines.length === 2)
})

test('a stream of one function brings what another appends (LocalStack)', { skip: withoutLocalstack }, async (t) => {
  const environment = environmentOf(await localstack(t))
  const [reads, writes] = await Promise.all([streaming(t, { environment }), buffered(t, { environment })])
  const reader = await follow(t, reads.baseUrl, 't')
  for (let n = 1; n <= 5; n++) assert.equal((await produce(writes.baseUrl, 't', `{"payload":${n}}`)).status, 200)
  assert.deepEqual((await reader.atLeast(5)).map(({ id }) => id), ['1', '2', '3', '4', '5'])
  assert.deepEqual([reads.errors, writes.errors], [[], []])
})

test('a function with a data folder does not start, and says why', async (t) => {
  await assert.rejects(startLambda(t, { environment: { DATA_DIR: temporaryFolder(t) } }), /DATA_DIR/)
})
