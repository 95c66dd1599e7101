import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type FollowOptions, type RetryInfo, StreamsClient, StreamsError, type Topic } from '../src/index.ts'
import { scripted } from './support/scripted.ts'
import { startService } from './support/service.ts'

/** Follows until `count` messages came, or the loop ends. */
async function follow (topic: Topic<number>, options: FollowOptions, count = Infinity): Promise<number[]> {
  const got: number[] = []
  for await (const { payload } of topic.follow(options)) {
    got.push(payload)
    if (got.length === count) break
  }
  return got
}

for (const transport of ['sse', 'poll'] as const) {
  test(`following by ${transport}: from the end, from a time, and to the end of a closed topic`, async (t) => {
    const { service, client } = await startService(t)
    const topic = client.topic<number>('orders')
    await topic.append(0)
    await wait(5)
    const since = new Date()
    await topic.append(1)
    const latest = follow(topic, { from: 'latest', transport })
    while (service.proxy.requests < 4) await wait(10)
    await wait(100)
    await topic.append(2)
    await topic.append(3, { close: true })
    assert.deepEqual(await latest, [2, 3])
    assert.deepEqual(await follow(topic, { from: since, transport }), [1, 2, 3])
    assert.deepEqual(await follow(topic, { from: 3, transport }), [2, 3])
    assert.deepEqual(await follow(topic, { transport }), [0, 1, 2, 3])
    assert.deepEqual(await follow(topic, { from: 'latest', transport }), [])
  })
}

test('what is written while the connection is lost is not passed over, though the follower began at the end', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.append(0)
  service.proxy.rules = [{ fault: 'reset', rate: 1, accept: 'event-stream' }]
  const latest = follow(topic, { from: 'latest' }, 2)
  await wait(300)
  await topic.append(1)
  service.proxy.rules = []
  await topic.append(2)
  assert.deepEqual(await latest, [1, 2])
})

test('a signal ends the loop without an error, while it waits and while it is handled', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.appendBatch([{ payload: 0 }, { payload: 1 }])
  for (const transport of ['sse', 'poll'] as const) {
    const waiting = new AbortController()
    const following = follow(topic, { signal: waiting.signal, transport })
    setTimeout(() => { waiting.abort() }, 300)
    assert.deepEqual(await following, [0, 1])
    assert.deepEqual(await follow(topic, { signal: AbortSignal.abort(), transport }), [])
  }
})

test('nothing comes any more after the signal', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.appendBatch(Array.from({ length: 100 }, (_, payload) => ({ payload })))
  for (const transport of ['sse', 'poll'] as const) {
    const stop = new AbortController()
    const got: number[] = []
    for await (const { payload } of topic.follow({ signal: stop.signal, transport })) if (got.push(payload) === 3) stop.abort()
    assert.deepEqual(got, [0, 1, 2])
  }
})

test('a loop that is left closes its stream', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.append(0)
  for (let n = 0; n < 20; n++) assert.deepEqual(await follow(topic, {}, 1), [0])
  // With one that stays open, the server would not end at once.
  const startedAt = performance.now()
  await service.kill()
  assert.ok(performance.now() - startedAt < 2_000)
})

test('a stream that is silent for too long is opened again', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  const following = follow(topic, { silentMs: 100, transport: 'sse' }, 1)
  await wait(1_000)
  assert.ok(service.proxy.requests > 3, `${service.proxy.requests} requests`)
  await topic.append(5)
  assert.deepEqual(await following, [5])
})

test('a handler that is slow is not the silence of the stream', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.appendBatch([{ payload: 0 }, { payload: 1 }])
  const before = service.proxy.requests
  let count = 0
  const appending: Array<Promise<unknown>> = []
  for await (const message of topic.follow({ silentMs: 500 })) {
    await wait(700)
    assert.equal(message.payload, count++)
    // Each comes when the stream has waited for it.
    if (count === 2 || count === 3) setTimeout(() => { appending.push(topic.append(count)) }, 50)
    if (count === 4) break
  }
  await Promise.all(appending)
  assert.equal(service.proxy.requests - before, 4, 'the position, one stream, two appends')
})

test('what is not a stream is read by long polls', async (t) => {
  const headers = { 'next-offset': '2', 'earliest-offset': '1', 'end-offset': '2', 'topic-closed': 'true' }
  const lines = '{"offset":1,"payload":7,"timestamp":1}\n'
  const { url, arrived } = await scripted(t, { headers, body: lines }, { body: '<h1>Hello</h1>' }, { headers, body: lines })
  assert.deepEqual(await follow(new StreamsClient({ url }).topic<number>('orders'), {}), [7])
  assert.deepEqual(arrived.map(({ headers: { accept } }) => accept), ['application/x-ndjson', 'text/event-stream', 'application/x-ndjson'])
})

test('a part of a stream that comes twice does not give a message twice', async (t) => {
  const position = { headers: { 'next-offset': '1', 'earliest-offset': '1', 'end-offset': '3' }, body: '' }
  const event = (offset: number): string => `id: ${offset}\ndata: {"offset":${offset},"payload":${offset},"timestamp":1}\n\n`
  const body = `id: 0\n\n${event(1)}${event(2)}${event(1)}${event(2)}${event(3)}event: closed\nid: 3\ndata: {"next_offset":4}\n\n`
  const { url } = await scripted(t, position, { headers: { 'content-type': 'text/event-stream' }, body })
  assert.deepEqual(await follow(new StreamsClient({ url }).topic<number>('orders'), {}), [1, 2, 3])
})

test('pauses begin anew after each success', async (t) => {
  const page = (offset: number, closed = false) => ({
    headers: { 'next-offset': `${offset}`, 'earliest-offset': '1', 'end-offset': `${offset}`, 'topic-closed': `${closed}` }, body: ''
  })
  const { url } = await scripted(t, page(1), 'close', page(2), 'close', page(3, true))
  const attempts: number[] = []
  const client = new StreamsClient({
    url, retry: { baseMs: 1, maxMs: 1, attempts: 1 }, hooks: { onRetry ({ attempt }) { attempts.push(attempt) } }
  })
  await follow(client.topic<number>('orders'), { transport: 'poll' })
  assert.deepEqual(attempts, [1, 1])
})

test('an event that says why the stream ends', async (t) => {
  const position = { headers: { 'next-offset': '1', 'earliest-offset': '1', 'end-offset': '1' }, body: '' }
  const event = (problem: object): string => `retry: 1\nid: 0\n\nevent: problem\ndata: ${JSON.stringify(problem)}\n\n`
  const headers = { 'content-type': 'text/event-stream' }
  const { url } = await scripted(t, position,
    { headers, body: event({ code: 'storage_unavailable', status: 503, retriable: true, detail: 'later' }) },
    { headers, body: event({ code: 'segment_corrupt', status: 500, retriable: false, detail: 'damaged' }) })
  await assert.rejects(follow(new StreamsClient({ url }).topic<number>('orders'), {}), (error) => {
    return error instanceof StreamsError && error.code === 'segment_corrupt' && error.message === 'damaged'
  })
})

test('long polls that are answered at once, without messages, are no hot loop', async (t) => {
  const { url, arrived } = await scripted(t, { headers: { 'next-offset': '1', 'earliest-offset': '1', 'end-offset': '1' }, body: '' })
  const topic = new StreamsClient({ url }).topic<number>('orders')
  const stop = new AbortController()
  const polling = follow(topic, { from: 1, transport: 'poll', signal: stop.signal })
  const reading = Array.fromAsync(topic.read({ from: 1, until: 5, signal: stop.signal }))
  await wait(500)
  stop.abort()
  assert.deepEqual(await polling, [])
  await assert.rejects(reading, { name: 'AbortError' })
  assert.ok(arrived.length <= 3, `${arrived.length} requests`)
})

test('a stream that only says why it ends is asked for after growing pauses', async (t) => {
  const headers = { 'content-type': 'text/event-stream' }
  const body = (data: string): string => `retry: 1\nid: 0\n\nevent: problem\ndata: ${data}\n\n`
  const later = { headers, body: body('{"code":"storage_unavailable","status":503,"retriable":true}') }
  const closed = { headers, body: 'id: 1\ndata: {"offset":1,"payload":7,"timestamp":1}\n\nevent: closed\nid: 1\ndata: {}\n\n' }
  const { url } = await scripted(t, later, { headers, body: body('Bad Gateway') }, later, closed)
  const retries: string[] = []
  const hooks = { onRetry: ({ attempt, error }: RetryInfo) => { retries.push(`${attempt} ${error.code}`) } }
  const client = new StreamsClient({ url, retry: { baseMs: 1, maxMs: 1 }, hooks })
  assert.deepEqual(await follow(client.topic<number>('orders'), { from: 1 }), [7])
  assert.deepEqual(retries, ['1 storage_unavailable', '2 invalid_answer', '3 storage_unavailable'])
})

test('an offset beyond the end is an error that says where the topic is', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.append(0)
  await assert.rejects(follow(topic, { from: 100 }), (error) => {
    assert.ok(error instanceof StreamsError)
    return error.code === 'offset_out_of_range' && error.problem['end'] === 2 && error.problem['earliest'] === 1
  })
})

test('reading: pages, a range, the end as it was, and what was trimmed', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.appendBatch(Array.from({ length: 100 }, (_, payload) => ({ payload })))
  const read = async (options: Parameters<typeof topic.read>[0]): Promise<number[]> => {
    const got: number[] = []
    for await (const { payload } of topic.read(options)) {
      got.push(payload)
      // Others go on writing.
      if (got.length < 5) await topic.append(-1)
    }
    return got
  }
  const before = service.proxy.requests
  assert.deepEqual(await read({ pageSize: 30 }), Array.from({ length: 100 }, (_, n) => n))
  assert.equal(service.proxy.requests - before, 4 + 4)
  assert.deepEqual(await read({ from: 11, until: 14 }), [10, 11, 12])
  const { end } = await topic.describe()
  const waiting = Array.fromAsync(topic.read({ from: end - 1, until: end + 1 }))
  await wait(100)
  await topic.append(200)
  assert.deepEqual((await waiting).map(({ payload }) => payload), [-1, 200], 'it waited for what was not there')
  await topic.trim(50)
  const trimmed: number[][] = []
  const got = await Array.fromAsync(topic.read({ from: 10, until: 52, onTrimmed (...range) { trimmed.push(range) } }))
  assert.deepEqual([got.map(({ payload }) => payload), trimmed], [[49, 50], [[10, 50]]])
  await assert.rejects(read({ signal: AbortSignal.abort(new Error('enough')) }), /enough/)
  const controller = new AbortController()
  await assert.rejects(async () => {
    for await (const { offset } of topic.read({ signal: controller.signal })) if (offset === 55) controller.abort(new Error('enough'))
  }, /enough/)
})
