import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { ask, produce } from '../../support/http/requests.ts'
import { lambdaBridge, streamingBridge } from '../../support/lambda/bridge.ts'
import { parseEmf, type EmfLine } from '../../support/lambda/emf.ts'
import { functionUrlEvent } from '../../support/lambda/events.ts'
import { startLambda } from '../../support/lambda/runtime.ts'

const numbers = ({ _aws, service, ...members }: EmfLine): Record<string, unknown> => members

for (const handler of ['index.handler', 'index.streamHandler']) {
  test(`${handler} writes the metrics of each invocation as one line of the embedded metric format`, async (t) => {
    const runtime = await startLambda(t, { handler })
    const { baseUrl } = handler === 'index.handler'
      ? await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, functionUrlEvent)
      : await streamingBridge(t, runtime.invokeStreaming, functionUrlEvent)
    assert.equal((await produce(baseUrl, 'orders', '{"payload":1}')).status, 200)
    await eventually(() => runtime.metricLines.length === 1)
    assert.equal((await produce(baseUrl, 'orders', '{"messages":[{"payload":1},{"payload":2}]}')).status, 200)
    await eventually(() => runtime.metricLines.length === 2)
    assert.equal((await ask(baseUrl, { path: '/topics/orders/consume?offset=9' })).status, 400)
    await eventually(() => runtime.metricLines.length === 3)
    const lines = runtime.metricLines.map(parseEmf)
    assert.deepEqual(lines.map(({ service }) => service), ['streams', 'streams', 'streams'])
    assert.deepEqual(lines.map((line) => line['streams_appends_total.ok']), [1, 1, undefined])
    assert.deepEqual(lines.map((line) => line['streams_messages_appended_total']), [1, 2, undefined])
    assert.deepEqual(lines.map((line) => line['streams_http_errors_total.offset_out_of_range']), [undefined, undefined, 1])
    assert.deepEqual(Object.keys(numbers(lines[1]!)).sort(), [
      'streams_append_duration_seconds', 'streams_appends_total.ok', 'streams_message_bytes_appended_total',
      'streams_messages_appended_total', 'streams_store_call_duration_seconds', 'streams_store_calls_total.ok'
    ])
    assert.deepEqual(runtime.errors, [])
  })
}

test('a request that does nothing writes no line', async (t) => {
  const runtime = await startLambda(t)
  const { baseUrl } = await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, functionUrlEvent)
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
  await eventually(() => runtime.freezes() === 1)
  assert.deepEqual(runtime.metricLines, [])
})

test('with METRICS=off no line is written', async (t) => {
  const runtime = await startLambda(t, { environment: { METRICS: 'off' } })
  const { baseUrl } = await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, functionUrlEvent)
  assert.equal((await produce(baseUrl, 'orders', '{"payload":1}')).status, 200)
  await eventually(() => runtime.freezes() === 1)
  assert.deepEqual(runtime.metricLines, [])
  assert.equal((await ask(baseUrl, { path: '/metrics' })).status, 404)
})
