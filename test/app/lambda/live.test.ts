import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { LambdaAnswer } from '../../support/lambda/bridge.ts'
import { functionUrlEvent, lambdaContext } from '../../support/lambda/events.ts'
import { lambdaGlobal, ResponseStream } from '../../support/lambda/response-stream.ts'

lambdaGlobal()
Object.assign(process.env, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent', AUTH: 'none', BUCKET_NAME: '', COUNTERS_TABLE: '' })
const { handler, streamHandler } = await import('../../../src/lambda.ts')

const MiB = 1024 * 1024
const left = (ms: number): ReturnType<typeof lambdaContext> => ({ ...lambdaContext(), getRemainingTimeInMillis: () => ms })

async function produce (topic: string, payload: string): Promise<void> {
  const body = Buffer.from(JSON.stringify({ payload }))
  const answer = await handler(functionUrlEvent({
    method: 'POST',
    url: `/topics/${topic}/produce`,
    headers: { 'content-type': 'application/json' },
    body
  }), left(29_000))
  assert.equal((answer as LambdaAnswer).statusCode, 200)
}

const reading = (topic: string, headers: Record<string, string>, query = ''): ReturnType<typeof functionUrlEvent> =>
  functionUrlEvent({ method: 'GET', url: `/topics/${topic}/consume${query}`, headers })

async function buffered (
  topic: string, ms: number, headers: Record<string, string> = {}
): Promise<{ text: string, tookMs: number, ids: string[] }> {
  const began = performance.now()
  const answer = await handler(reading(topic, { accept: 'text/event-stream', ...headers }), left(ms)) as LambdaAnswer
  assert(Buffer.byteLength(JSON.stringify(answer)) < 6_000_000)
  assert.equal(answer.headers['content-type'], 'text/event-stream')
  const text = Buffer.from(answer.body, answer.isBase64Encoded === true ? 'base64' : 'utf8').toString()
  return { text, tookMs: performance.now() - began, ids: idsOf(text) }
}

async function streamed (topic: string, ms: number, headers: Record<string, string> = {}): Promise<string[]> {
  const out = new ResponseStream()
  await Promise.all([streamHandler(reading(topic, { accept: 'text/event-stream', ...headers }), out, left(ms)), once(out, 'finish')])
  assert(out.body.length <= 16 * MiB)
  return idsOf(out.body)
}

/** Of the messages. */
const idsOf = (text: string): string[] => [...text.matchAll(/^id: (\d+)\ndata: /gm)].map(([, id]) => id!)

const upTo = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i + 1))

test('server-sent events, buffered: what is there comes at once, all of it', async () => {
  // More than a page.
  for (let i = 0; i < 10; i++) await produce('there', 'x'.repeat(20_000))
  const { text, tookMs, ids } = await buffered('there', 29_000)
  assert.match(text, /^retry: 1000\nid: 0\n\nid: 1\n/)
  assert.deepEqual(ids, upTo(10))
  assert(tookMs < 2_000, `${tookMs} ms`)
})

test('server-sent events, buffered: a message that comes meanwhile ends the answer', async () => {
  const [message] = await Promise.all([
    buffered('meanwhile', 29_000),
    new Promise((resolve) => { setTimeout(resolve, 300) }).then(() => produce('meanwhile', 'x'))
  ])
  assert.deepEqual(message.ids, ['1'])
  assert(message.tookMs < 3_000, `${message.tookMs} ms`)
})

test('server-sent events, buffered: more than an answer can hold comes in several', async () => {
  for (const size of [3, 2, 1, 4, 1]) await produce('much', 'x'.repeat(size * MiB - 200))
  const ids: string[] = []
  for (let answers = 1; ids.length < 5; answers++) {
    assert(answers <= 4)
    ids.push(...(await buffered('much', 29_000, { 'last-event-id': ids.at(-1) ?? '0' })).ids)
  }
  assert.deepEqual(ids, upTo(5))
})

test('streams and long polls end before the function does, in order', async () => {
  const began = performance.now()
  const out = new ResponseStream()
  await Promise.all([
    buffered('quiet', 3_000),
    streamed('quiet', 3_000),
    streamHandler(reading('quiet', {}, '?wait=20'), out, left(3_000)),
    handler(reading('quiet', {}, '?wait=20'), left(3_000))
      .then((answer) => { assert.equal((answer as LambdaAnswer).body, '{"messages":[],"next_offset":1}') })
  ])
  assert.equal(out.body, '{"messages":[],"next_offset":1}')
  const tookMs = performance.now() - began
  assert(tookMs > 900 && tookMs < 2_500, `${tookMs} ms`)
})

test('a stream ends before Lambda ends it for its length, and can be resumed', async () => {
  for (let i = 0; i < 5; i++) await produce('long', 'x'.repeat(4 * MiB - 200))
  const first = await streamed('long', 60_000)
  assert.deepEqual(first, upTo(4))
  assert.deepEqual(await streamed('long', 2_500, { 'last-event-id': '4' }), ['5'])
})
