import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { StreamsClient, StreamsError, type Topic } from '../src/index.ts'
import { problem, scripted } from './support/scripted.ts'
import { startService } from './support/service.ts'

async function numbersIn (topic: Topic<number>): Promise<number[]> {
  const numbers: number[] = []
  for await (const { payload } of topic.read()) numbers.push(payload)
  return numbers
}

function hasCode (code: string | readonly string[], written?: 'no' | 'unknown') {
  const codes = [code].flat()
  return (error: unknown): boolean => {
    assert.ok(error instanceof StreamsError, String(error))
    assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(' or ')}`)
    assert.equal(error.written, written)
    return true
  }
}

/** The last attempt of a delivery whose time ends is cut by a fault, or by the end of the time. */
const isLost = hasCode(['no_answer', 'timeout'], 'unknown')

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

test('messages are gathered by number, by size and by time', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  const appends = async (options: Parameters<typeof topic.producer>[0], count: number): Promise<number> => {
    const before = service.proxy.requests
    await using producer = topic.producer(options)
    for (const n of upTo(count)) producer.send(n)
    await producer.flush()
    return service.proxy.requests - before
  }
  assert.equal(await appends({ batchMessages: 10 }, 100), 10)
  assert.equal(await appends({ batchChars: 140, lingerMs: 50 }, 100), 10)
  assert.equal(await appends({ lingerMs: 50 }, 100), 1)
  const producer = topic.producer({ lingerMs: 2_000 })
  const startedAt = performance.now()
  await producer.append(1)
  assert.ok(performance.now() - startedAt >= 1_999, 'a message lingers')
  const flushedAt = performance.now()
  const lingering = producer.append(2)
  await producer.flush()
  assert.ok(performance.now() - flushedAt < 1_900, 'a flush does not linger')
  assert.equal((await lingering).offset, 302)
  await producer.close()
})

test('an atomic batch of a producer stays together', async (t) => {
  const { client } = await startService(t)
  await using producer = client.topic<number>('orders').producer({ batchMessages: 3 })
  const [first, batch, last] = await Promise.all([
    producer.append(0), producer.appendBatch([{ payload: 1 }, { payload: 2 }, { payload: 3 }]), producer.append(4)
  ])
  assert.deepEqual([first, batch, last], [{ offset: 1 }, { offset: 2, lastOffset: 4 }, { offset: 5 }])
  await assert.rejects(producer.appendBatch([]), /messages: expected at least one/)
  await assert.rejects(producer.flush(), /messages: expected at least one/)
})

test('without a limit, a batch lingers until it is full or flushed', async (t) => {
  const { url, arrived } = await scripted(t, { body: { offset: 1 } })
  const warnings: string[] = []
  const warned = ({ name }: Error): void => { warnings.push(name) }
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const producer = new StreamsClient({ url }).topic<number>('orders').producer({ lingerMs: Infinity, batchMessages: 3 })
  producer.send(1)
  await wait(50)
  assert.equal(arrived.length, 0)
  for (const n of [2, 3, 4]) producer.send(n)
  await wait(50)
  await producer.close()
  const sent = arrived.map(({ body }) => (JSON.parse(body) as { messages: object[] }).messages.length)
  assert.deepEqual(sent, [3, 1])
  assert.deepEqual(warnings, [], 'no timer ends at once, again and again')
})

test('ready waits while too much is on its way', async (t) => {
  const { service, client } = await startService(t)
  service.proxy.rules = [{ fault: 'late', rate: 1, ms: 200 }]
  const producer = client.topic<number>('orders').producer({ bufferMessages: 10, lingerMs: 0 })
  let most = 0
  for (const n of upTo(30)) {
    await producer.ready
    producer.send(n)
    most = Math.max(most, producer.buffered)
  }
  await producer.close()
  assert.equal(most, 10)
  assert.equal(producer.buffered, 0)
})

test('a message that the topic refuses fails alone, and the others keep their order', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number | string>('orders')
  await topic.create({ maxMessageBytes: 1_000 })
  service.proxy.rules = [{ fault: 'refuse', rate: 0.2, on: 'POST' }]
  const producer = topic.producer({ batchMessages: 20 })
  const results = await Promise.allSettled(upTo(200).map((n) => producer.append(n === 57 || n === 130 ? 'x'.repeat(2_000) : n)))
  assert.deepEqual(results.flatMap(({ status }, n) => status === 'rejected' ? [n] : []), [57, 130])
  const refused = results[57]!
  assert.ok(refused.status === 'rejected' && hasCode('message_too_large', 'no')(refused.reason))
  await assert.rejects(producer.close(), hasCode('message_too_large', 'no'))
  assert.deepEqual(await numbersIn(topic as Topic<number>), upTo(200).filter((n) => n !== 57 && n !== 130))
})

/** Loses the first answer to each body with `marker`. */
function losing (marker: string): typeof globalThis.fetch {
  const seen = new Set<unknown>()
  return async (url, init) => {
    const response = await fetch(url, init)
    const body = init?.body
    if (typeof body !== 'string' || !body.includes(marker) || seen.has(body)) return response
    seen.add(body)
    await response.text()
    throw new TypeError('cut')
  }
}

for (const [what, payload, key, code, written, others] of [
  ['the request', 2, 'x'.repeat(5_000), 'invalid_request', 'no', [1, 3]],
  // Its config may have been another one when the answer was lost.
  ['the topic', 'x'.repeat(5_000), 'k', 'message_too_large', 'unknown', []]
] as const) {
  test(`a message that does not fit ${what} stops nobody, also if the first answer is lost`, async (t) => {
    const { client } = await startService(t, { client: { fetch: losing('xxx') } })
    const topic = client.topic<number | string>('orders')
    await topic.create({ maxMessageBytes: 1_000 })
    const producer = topic.producer({ batchMessages: 3 })
    await producer.append(0)
    const batch = [producer.append(1), producer.append(payload, { key }), producer.append(3)]
    const behind = [4, 5, 6, 7].map((n) => producer.append(n))
    await assert.rejects(batch[1]!, hasCode(code, written))
    const results = await Promise.allSettled([...batch, ...behind, producer.append(8)])
    const expected = [...others, 4, 5, 6, 7, 8]
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, expected.length)
    await assert.rejects(producer.close(), hasCode(code, written))
    assert.deepEqual(await numbersIn(topic as Topic<number>), [0, ...expected])
  })
}

test('a token that cannot be had for a while fails no message', async (t) => {
  let left = 5
  const token = async (): Promise<string> => {
    if (left-- > 0) throw new Error('the issuer is down')
    return 'secret'
  }
  const { client } = await startService(t, { client: { token } })
  const topic = client.topic<number>('orders')
  const producer = topic.producer({ batchMessages: 2 })
  assert.deepEqual((await Promise.all(upTo(6).map((n) => producer.append(n)))).map(({ offset }) => offset), [1, 2, 3, 4, 5, 6])
  await producer.close()
})

test('with stopOnError, nothing is stored after a message that failed', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number | string>('orders')
  await topic.create({ maxMessageBytes: 1_000 })
  const producer = topic.producer({ batchMessages: 10, stopOnError: true })
  const results = await Promise.allSettled(upTo(100).map((n) => producer.append(n === 57 ? 'x'.repeat(2_000) : n)))
  const stored = await numbersIn(topic as Topic<number>)
  assert.ok(stored.length <= 57)
  assert.deepEqual(stored, upTo(stored.length))
  assert.deepEqual(results.map(({ status }) => status === 'fulfilled'), upTo(100).map((n) => n < stored.length))
  await assert.rejects(producer.ready, hasCode('message_too_large', 'no'))
  await assert.rejects(producer.append(1), hasCode('message_too_large', 'no'))
})

test('an instance that starts later goes on, even if its clock is behind', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number>('orders')
  const ahead = topic.producer({ id: 'billing', epoch: Number.MAX_SAFE_INTEGER - 10 })
  await ahead.append(0)
  const behind = topic.producer({ id: 'billing' })
  assert.deepEqual(await behind.append(1), { offset: 2 })
  await assert.rejects(ahead.append(2), hasCode('producer_fenced', 'no'))
  await behind.append(3)
  const given = topic.producer({ id: 'billing', epoch: 5 })
  await assert.rejects(given.append(4), hasCode('producer_fenced', 'no'))
  assert.deepEqual(await numbersIn(topic), [0, 1, 3])
})

test('a service that has lost all it knew is written to under a new epoch', async (t) => {
  const { service, client } = await startService(t, { settings: { DATA_DIR: ':memory:' } })
  const topic = client.topic<number>('orders')
  const producer = topic.producer()
  for (const n of upTo(3)) await producer.append(n)
  await service.kill()
  await service.begin()
  await producer.append(3)
  await producer.append(4)
  await producer.close()
  assert.deepEqual(await numbersIn(topic), [3, 4])
})

test('a message that cannot be delivered in time fails; those after it are stored when the service is back', async (t) => {
  const { service, client } = await startService(t)
  const topic = client.topic<number>('orders')
  const producer = topic.producer({ deliveryTimeoutMs: 1_000, batchMessages: 1 })
  await producer.append(0)
  service.proxy.rules = [{ fault: 'reset', rate: 1 }]
  const lost = [producer.append(1), producer.append(2)]
  for (const promise of lost) await assert.rejects(promise, isLost)
  service.proxy.rules = []
  await producer.append(3)
  await assert.rejects(producer.close(), isLost)
  // An attempt whose time was over may come to the proxy when it lets requests through again.
  assert.match((await numbersIn(topic)).join(), /^0,(1,(2,)?)?3$/)
})

test('errors that nobody awaits do not end the process, and flush tells of the first, once', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<number>('orders')
  await topic.create()
  await topic.close()
  const producer = topic.producer()
  producer.send(1)
  await wait(100)
  await assert.rejects(producer.flush(), hasCode('topic_closed', 'no'))
  await assert.rejects(producer.append(2), hasCode('topic_closed', 'no'))
  await assert.rejects(producer.close(), hasCode('topic_closed', 'no'))
})

test('a signal stops a producer at once', async (t) => {
  const { url } = await scripted(t, 'hang')
  const controller = new AbortController()
  const { signal } = controller
  const producer = new StreamsClient({ url }).topic<number>('orders').producer({ signal, lingerMs: 0, bufferMessages: 2 })
  const appends = [producer.append(1), producer.append(2), producer.ready]
  await wait(50)
  const reason = new Error('enough')
  controller.abort(reason)
  for (const append of appends) await assert.rejects(append, reason)
  await assert.rejects(producer.close(), reason)
})

test('a signal that comes as the last batch is stored leaves nobody waiting', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const client = new StreamsClient({
    url: 'http://service',
    // An answer that has arrived when the signal comes.
    async fetch () {
      controller.abort(reason)
      return Response.json({ offset: 1 })
    }
  })
  const producer = client.topic<number>('orders').producer({ signal: controller.signal, batchMessages: 1 })
  const [first, second] = [producer.append(1), producer.append(2)]
  assert.deepEqual(await first, { offset: 1 })
  await assert.rejects(second, reason)
  await assert.rejects(producer.close(), reason)
})

test('a program that waits for nothing but ready leaves the connection its turn', async () => {
  let sent = 0
  let sentAtFirstTurn: number | undefined
  const client = new StreamsClient({
    url: 'http://service',
    async fetch () {
      // As a connection, which writes when the program has nothing to do.
      await new Promise((resolve) => { setImmediate(resolve) })
      sentAtFirstTurn ??= sent
      return Response.json({ offset: 1 })
    }
  })
  const producer = client.topic<number>('orders').producer({ batchMessages: 10 })
  for (; sent < 1_000; sent++) {
    await producer.ready
    producer.send(sent)
  }
  assert.ok(sentAtFirstTurn! <= 30, `${sentAtFirstTurn} messages before the first was on its way`)
  await producer.close()
})

test('a batch that failed does not take their pauses from those before it', async () => {
  const attempts = [0, 0, 0]
  const client = new StreamsClient({
    url: 'http://service',
    retry: { baseMs: 200, maxMs: 200 },
    async fetch (_url, init) {
      const { seq } = (JSON.parse(init!.body as string) as { producer: { seq: number } }).producer
      attempts[seq]!++
      if (seq === 0) return Response.json({ offset: 1 })
      const [status, code] = seq === 1 ? [503, 'storage_unavailable'] : [400, 'invalid_request']
      return Response.json({ code, status, retriable: status === 503, written: 'no' }, { status })
    }
  })
  const producer = client.topic<number>('orders').producer({ batchMessages: 1, deliveryTimeoutMs: 1_000 })
  await producer.append(0)
  const [before, failed] = [producer.append(1), producer.append(2)]
  await assert.rejects(failed, hasCode('invalid_request', 'no'))
  await assert.rejects(before, hasCode('storage_unavailable', 'no'))
  assert.ok(attempts[1]! < 100, `${attempts[1]} attempts in a second`)
  await producer.close().catch(() => {})
})

test('if no time is left after a pause, the error of the last attempt is told', async () => {
  const client = new StreamsClient({
    url: 'http://service',
    retry: { baseMs: 0, maxMs: 0 },
    async fetch () {
      return Response.json({ code: 'storage_unavailable', status: 503, retriable: true, written: 'no' }, { status: 503 })
    },
    // A process that stands still for longer than its message may take.
    hooks: { onRetry () { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600) } }
  })
  const producer = client.topic<number>('orders').producer({ lingerMs: 0, deliveryTimeoutMs: 500 })
  await assert.rejects(producer.append(1), hasCode('storage_unavailable', 'no'))
  await producer.close().catch(() => {})
})

test('a message that was never sent is not there', async (t) => {
  const { url, arrived } = await scripted(t, { body: { offset: 1 } }, 'hang')
  const producer = new StreamsClient({ url }).topic<number>('orders').producer({ batchMessages: 1, inFlight: 1, deliveryTimeoutMs: 1_000 })
  await producer.append(0)
  const [sent, waiting] = [producer.append(1), producer.append(2)]
  await assert.rejects(sent, hasCode('timeout', 'unknown'))
  await assert.rejects(waiting, hasCode('timeout', 'no'))
  assert.equal(arrived.length, 2)
  await producer.close().catch(() => {})
})

test('a flush waits for what was appended before, not for what comes later', async (t) => {
  const { service, client } = await startService(t)
  const producer = client.topic<number>('orders').producer()
  await producer.flush()
  let stored = false
  const appended = [producer.append(1).then((answer) => {
    stored = true
    return answer
  })]
  const flushed = producer.flush().then(() => { assert.ok(stored) })
  await appended[0]
  service.proxy.rules = [{ fault: 'late', rate: 1, ms: 500 }]
  appended.push(producer.append(2))
  await flushed
  assert.equal(producer.buffered, 1)
  const both = Promise.all([producer.flush(), producer.flush()])
  assert.deepEqual((await Promise.all(appended)).map(({ offset }) => offset), [1, 2])
  await both
  await producer.close()
})

test('after close nothing is taken', async (t) => {
  const { url } = await scripted(t, { body: { offset: 1 } })
  const producer = new StreamsClient({ url }).topic<number>('orders').producer()
  producer.send(1)
  await producer.close()
  await assert.rejects(producer.append(2), hasCode('producer_closed', 'no'))
  assert.throws(() => { producer.send(2) }, hasCode('producer_closed', 'no'))
  await producer.close().catch(() => {})
})

test('a batch that may be stored although the one before failed is not sent again', async (t) => {
  // The first is acknowledged; the second is never answered; the third had an attempt without an answer.
  const gap = problem(409, 'producer_gap', { retriable: true, written: 'no', expected_seq: 1 })
  const { url, arrived } = await scripted(t, { body: { offset: 1 } }, 'hang', 'close', gap)
  const client = new StreamsClient({ url, retry: { baseMs: 1, maxMs: 1 }, attemptTimeoutMs: 4_000 })
  const producer = client.topic<number>('orders').producer({ batchMessages: 1, deliveryTimeoutMs: 2_000 })
  await producer.append(0)
  const second = producer.append(1)
  while (arrived.length < 2) await wait(5)
  const third = producer.append(2)
  await assert.rejects(second, hasCode('timeout', 'unknown'))
  await assert.rejects(third, isLost)
  assert.ok(arrived.every(({ body }) => /"epoch":0/.test(body)), 'nothing was sent under another epoch')
  await producer.close().catch(() => {})
})

test('a program that keeps the state of a producer itself goes on in another process', async (t) => {
  const { service, client } = await startService(t)
  const appendBatch = (from: StreamsClient, seq: number, payload: number) => (
    from.topic<number>('orders').appendBatch([{ payload }], { producer: { id: 'p', epoch: 3, seq } }))
  await appendBatch(client, 0, 10)
  service.proxy.rules = [{ fault: 'drop', rate: 1, on: 'produce' }]
  const dying = new StreamsClient({ url: service.url, retry: false })
  await assert.rejects(appendBatch(dying, 1, 11), hasCode('no_answer', 'unknown'))
  service.proxy.rules = []
  assert.deepEqual(await appendBatch(client, 1, 11), { topic: 'orders', offset: 2, lastOffset: 2, count: 1, duplicate: true })
  await appendBatch(client, 2, 12)
  assert.deepEqual(await numbersIn(client.topic<number>('orders')), [10, 11, 12])
})

test('options out of bounds are refused', () => {
  const topic = new StreamsClient({ url: 'http://127.0.0.1:1' }).topic('orders')
  assert.throws(() => topic.producer({ inFlight: 6 }), /inFlight: expected a whole number from 1 to 5, got 6/)
  assert.throws(() => topic.producer({ batchMessages: 0 }), RangeError)
})
