import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask, produce } from '../../support/http/requests.ts'
import { lambdaBridge, streamingBridge } from '../../support/lambda/bridge.ts'
import { functionUrlEvent, httpApiEvent, restEvent } from '../../support/lambda/events.ts'
import { makeFunctionFolder } from '../../support/lambda/function.ts'
import { startLambda } from '../../support/lambda/runtime.ts'

const built = (name: string): string => readFileSync(fileURLToPath(new URL(`../../../console/dist/${name}`, import.meta.url)), 'utf8')

test('a function that was built with the console serves it, behind each front, and the API beside it', async (t) => {
  const { folder, remove } = await makeFunctionFolder({ withConsole: true })
  t.after(remove)
  const page = built('index.html')
  const [, script] = /"(assets\/main-[^"]+\.js)"/.exec(page)!

  for (const [front, handler, toEvent] of [
    ['an HTTP API', 'index.handler', httpApiEvent], ['a REST API', 'index.handler', restEvent],
    ['a REST API that streams', 'index.streamHandler', restEvent], ['a function URL that streams', 'index.streamHandler', functionUrlEvent]
  ] as const) {
    const runtime = await startLambda(t, { handler, folder })
    const { baseUrl } = handler === 'index.handler'
      ? await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, toEvent)
      : await streamingBridge(t, runtime.invokeStreaming, toEvent)
    const moved = await fetch(`${baseUrl}/console`, { redirect: 'manual' })
    assert.deepEqual([moved.status, moved.headers.get('location')], [302, './console/'], front)
    const answer = await fetch(`${baseUrl}/console/`)
    assert.equal(await answer.text(), page, front)
    assert.match(answer.headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self'/, front)
    // It goes compressed, and fetch says of which bytes it made the text.
    const code = await fetch(`${baseUrl}/console/${script!}`, { headers: { 'accept-encoding': 'br' } })
    assert.equal(code.headers.get('content-encoding'), 'br', front)
    assert.equal(await code.text(), built(script!), front)
    assert.equal((await produce(baseUrl, 'orders', '{"payload":1}')).status, 200, front)
    assert.deepEqual(runtime.errors, [], front)
  }
})

test('the function does not serve it by default', async (t) => {
  const runtime = await startLambda(t)
  const { baseUrl } = await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, functionUrlEvent)
  assert.equal((await ask(baseUrl, { path: '/console' })).status, 404)
})
