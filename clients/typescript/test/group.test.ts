import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import {
  type ConsumeOptions, type Message, type ProcessOptions, RejectMessage, StreamsClient, StreamsError, type StandardSchema, type Topic
} from '../src/index.ts'
import { startService } from './support/service.ts'

async function topicOf (client: StreamsClient, messages: number): Promise<Topic<number>> {
  const topic = client.topic<number>('jobs')
  await topic.appendBatch(Array.from({ length: messages }, (_, payload) => ({ payload })))
  return topic
}

test('a consumer that stops finishes what was begun, and gives back the rest at once, not counted', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 10)
  const group = topic.group('workers')
  const stop = new AbortController()
  const handled: number[] = []
  await group.consume(async ({ payload }, { signal }) => {
    await wait(100)
    stop.abort()
    await wait(100)
    assert.equal(signal.aborted, false)
    handled.push(payload)
  }, { signal: stop.signal, concurrency: 2, prefetch: 5, leaseMs: 60_000 })
  assert.deepEqual(handled, [0, 1])
  const { committedOffset, inFlight, retrying } = await group.describe()
  assert.deepEqual({ committedOffset, inFlight, retrying }, { committedOffset: 3, inFlight: 0, retrying: 5 })
  const { messages, lease } = await group.receive({ limit: 5 })
  assert.deepEqual(messages.map(({ payload }) => payload), [2, 3, 4, 5, 6])
  assert.deepEqual(lease!.redelivered, [], 'they count as never delivered')
})

test('a consumer that stops while it waits leaves no lease behind', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 1)
  const group = topic.group('workers')
  const stop = new AbortController()
  const consuming = group.consume(() => {}, { signal: stop.signal, leaseMs: 60_000 })
  while ((await group.describe().catch(() => undefined))?.committedOffset !== 2) await wait(20)
  const startedAt = performance.now()
  stop.abort()
  await Promise.all([consuming, topic.append(1)])
  assert.ok(performance.now() - startedAt < 3_000)
  assert.equal((await group.describe()).inFlight, 0)
  assert.deepEqual((await group.receive()).messages.map(({ payload }) => payload), [1])
})

test('a lease is extended as long as its handler takes', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 1)
  const stop = new AbortController()
  let calls = 0
  await topic.group('workers').consume(async (_message, { signal }) => {
    calls++
    await wait(2_500)
    assert.equal(signal.aborted, false)
    stop.abort()
  }, { signal: stop.signal, leaseMs: 1_000, concurrency: 2 })
  assert.equal(calls, 1)
  assert.equal((await topic.group('workers').describe()).lag, 0)
})

test('a handler hears that its lease is lost', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 3)
  const group = topic.group('workers')
  const stop = new AbortController()
  const lost: number[][] = []
  const reasons: unknown[] = []
  await group.consume(async (_message, { signal, attempt }) => {
    if (attempt > 1 || lost.length > 0) return
    await group.seek('earliest')
    await new Promise((resolve) => { signal.addEventListener('abort', resolve, { once: true }) })
    reasons.push((signal.reason as StreamsError).code)
    stop.abort()
  }, { signal: stop.signal, leaseMs: 1_000, prefetch: 5, onLeaseLost (offsets) { lost.push([...offsets]) } })
  assert.deepEqual(reasons, ['lease_lost'])
  assert.deepEqual(lost[0], [1, 2, 3])
})

test('a handler that fails, one that takes too long, and one that rejects', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 4)
  const group = topic.group('workers')
  await group.create({ maxAttempts: 2 })
  const stop = new AbortController()
  const errors: string[] = []
  const dead: string[] = []
  const attempts: string[] = []
  await group.consume(async ({ payload }, { attempt, signal }) => {
    attempts.push(`${payload} ${attempt}`)
    if (payload === 0) throw new Error(`ü${'ü'.repeat(100)}`)
    if (payload === 1) throw new RejectMessage('no such customer')
    if (payload === 2 && attempt === 1) {
      await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
      await wait(50)
    }
  }, {
    signal: stop.signal,
    handlerTimeoutMs: 300,
    concurrency: 4,
    backoff: { baseMs: 10 },
    onError (error, { offset }) {
      errors.push(`${offset} ${error instanceof StreamsError ? error.code : (error as Error).message.slice(0, 20)}`)
    },
    onDeadLetter ({ offset }) {
      if (dead.push(String(offset)) === 2) setTimeout(() => { stop.abort() }, 800)
    }
  })
  assert.deepEqual(attempts.toSorted(), ['0 1', '0 2', '1 1', '2 1', '2 2', '3 1'])
  assert.deepEqual(errors.toSorted(), [`1 ü${'ü'.repeat(19)}`, `1 ü${'ü'.repeat(19)}`, '2 no such customer', '3 handler_timeout'])
  assert.deepEqual(dead.toSorted(), ['1', '2'])
  const letters = await Array.fromAsync(client.topic('jobs.dlq').read())
  assert.ok(letters.some(({ headers }) => Object.values(headers ?? {}).includes('no such customer')))
  assert.equal((await group.describe()).lag, 0)
  assert.deepEqual(await group.redrive(), { redriven: 2, skipped: 0, trimmed: [], more: false })
})

test('a time limit that no timer can have is none', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 2)
  for (const handlerTimeoutMs of [Infinity, 2 ** 31]) {
    const stop = new AbortController()
    const errors: unknown[] = []
    await topic.group(`workers-${handlerTimeoutMs}`).consume(async () => {
      await wait(50)
      stop.abort()
    }, { signal: stop.signal, handlerTimeoutMs, onError (error) { errors.push(error) } })
    assert.deepEqual(errors, [])
  }
})

test('options of a consumer that make no sense are refused', async () => {
  const group = new StreamsClient({ url: 'http://127.0.0.1:1' }).topic('jobs').group('workers')
  const consume = (options: ConsumeOptions): Promise<void> => group.consume(() => {}, { signal: AbortSignal.abort(), ...options })
  for (const concurrency of [0, 1.5, NaN, Infinity]) {
    const message = `concurrency: expected a whole number from 1, got ${concurrency}`
    await assert.rejects(consume({ concurrency }), { name: 'RangeError', message })
  }
  await assert.rejects(consume({ prefetch: -1 }), { name: 'RangeError', message: 'prefetch: expected a whole number from 0, got -1' })
  await consume({ concurrency: 2_000, prefetch: 0 })
})

test('a payload that does not fit the schema becomes a dead letter, and stops nobody', async (t) => {
  const { client } = await startService(t)
  const raw = await topicOf(client, 2)
  await client.topic<unknown>('jobs').append('not a number')
  await raw.append(3)
  const schema: StandardSchema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => typeof value === 'number' ? { value } : { issues: [{ message: 'expected a number' }] }
    }
  }
  const stop = new AbortController()
  const got: number[] = []
  const dead: number[] = []
  await client.topic('jobs', { schema }).group('workers').consume(({ payload }) => {
    if (got.push(payload) === 3 && dead.length === 1) stop.abort()
  }, {
    signal: stop.signal,
    onDeadLetter ({ offset }) {
      dead.push(offset)
      if (got.length === 3) stop.abort()
    }
  })
  assert.deepEqual([got, dead], [[0, 1, 3], [3]])
})

test('an error that stays ends the consumer', async (t) => {
  const { service, client } = await startService(t)
  const topic = await topicOf(client, 1)
  const refused = topic.group('no such name!').consume(() => {})
  await assert.rejects(refused, (error) => error instanceof StreamsError && error.code === 'invalid_group')
  await service.kill()
  const stop = new AbortController()
  const consuming = topic.group('workers').consume(() => { stop.abort() }, { signal: stop.signal })
  await wait(500)
  await service.begin()
  await consuming
})

test('several outputs of a message, to several topics, once each', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 3)
  const run = async (): Promise<void> => {
    const stop = new AbortController()
    let left = 3
    await topic.group('splitter').process(({ payload }) => {
      if (--left === 0) stop.abort()
      if (payload === 1) return undefined
      return [
        { topic: 'a', payload: [payload], key: 'k' },
        { topic: 'a', payload: { at: Math.random() } },
        { topic: 'b', payload, headers: { h: 'x' } }
      ]
    }, { signal: stop.signal, concurrency: 3 })
  }
  await run()
  await topic.group('splitter').seek('earliest')
  await run()
  const a = await Array.fromAsync(client.topic('a').read())
  const b = await Array.fromAsync(client.topic('b').read())
  const shown = a.map(({ payload, key }) => Array.isArray(payload) ? `${JSON.stringify(payload)} ${key}` : '')
  assert.deepEqual(shown.toSorted(), ['', '', '[0] k', '[2] k'])
  assert.deepEqual(b.map(({ payload, headers }) => `${String(payload)} ${headers?.['h']}`).toSorted(), ['0 x', '2 x'])
})

test('a deliberate replay: without a name the first outputs stand, under a name of its own there are new ones', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 2)
  const group = topic.group('billing')
  const conflicts: string[] = []
  const onConflict = ({ offset }: Message, { code }: StreamsError): void => { conflicts.push(`${offset} ${code}`) }
  const process = async (text: string, options: ProcessOptions = {}): Promise<void> => {
    const stop = new AbortController()
    await group.process(({ payload, offset }) => {
      if (offset === 2) stop.abort()
      return { topic: 'bills', payload: `${text} ${payload}` }
    }, { signal: stop.signal, onConflict, ...options })
    await group.seek('earliest')
  }
  await process('wrong')
  await process('mended')
  assert.deepEqual(conflicts, ['1 idempotency_conflict', '2 idempotency_conflict'])
  await process('mended', { run: '2' })
  await process('mended', { run: '2' })
  assert.equal(conflicts.length, 2)
  const bills = await Array.fromAsync(client.topic<string>('bills').read())
  assert.deepEqual(bills.map(({ payload }) => payload), ['wrong 0', 'wrong 1', 'mended 0', 'mended 1'])
  for (const run of ['', 'a b', 'ü']) await assert.rejects(process('mended', { run }), /run: expected ASCII characters without spaces, got/)
})

test('what a callback throws ends the consumer, which gives back the rest', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 5)
  const group = topic.group('workers')
  await group.create({ maxAttempts: 1 })
  const failing = new Error('the log is full')
  const fail = (): never => { throw failing }
  const handler = ({ payload }: { payload: number }): void => { if (payload === 0) throw new Error('no') }
  await assert.rejects(group.consume(handler, { onError: fail, concurrency: 2 }), failing)
  await group.seek('earliest')
  await assert.rejects(group.consume(handler, { onDeadLetter: fail, concurrency: 2 }), failing)
  assert.equal((await group.describe()).inFlight, 0)
})

test('an error in an acknowledgement that nobody expects ends the consumer, which gives back the rest', async (t) => {
  const { service, client } = await startService(t)
  await topicOf(client, 3)
  const defect = new TypeError('a defect')
  const acknowledged = Promise.withResolvers<void>()
  const received = Promise.withResolvers<void>()
  let receives = 0
  const failing = new StreamsClient({
    url: service.url,
    hooks: {
      async onRequest ({ operation }) {
        if (operation === 'receive' && ++receives === 2) received.resolve()
        if (operation !== 'ack') return
        acknowledged.resolve()
        throw defect
      }
    }
  })
  const consuming = failing.topic('jobs').group('workers').consume(async ({ offset }) => {
    // From then on, acknowledgements go by themselves, as the next receive waits for messages.
    if (offset === 1) await received.promise
    if (offset === 2) await acknowledged.promise.then(() => wait(50))
  }, { prefetch: 4, leaseMs: 60_000 })
  await assert.rejects(consuming, defect)
  const { messages } = await client.topic('jobs').group('workers').receive()
  assert.deepEqual(messages.map(({ offset }) => offset), [3])
})

test('a callback whose promise rejects ends the consumer, too', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 1)
  const failing = new Error('the log is full')
  const onError = (): unknown => Promise.reject(failing)
  await assert.rejects(topic.group('workers').consume(() => { throw new Error('no') }, { onError }), failing)
})

test('a worker outlives a time without tokens', async (t) => {
  const { client, service } = await startService(t)
  const topic = await topicOf(client, 3)
  const stop = new AbortController()
  let failures = 0
  const token = async (): Promise<string> => {
    if (handled.length === 1 && failures++ < 6) throw new Error('the issuer is down')
    return 'secret'
  }
  const handled: number[] = []
  const worker = new StreamsClient({ url: service.url, token, retry: { baseMs: 1, maxMs: 20 } })
  await worker.topic<number>('jobs').group('workers').consume(async ({ payload }) => {
    await wait(30)
    if (handled.push(payload) === 3) stop.abort()
  }, { signal: stop.signal })
  assert.deepEqual(handled, [0, 1, 2])
  assert.equal((await topic.group('workers').describe()).lag, 0)
})

test('a consumer that runs for long collects no listeners', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 300)
  // By signal: as its consumer adds and removes them.
  const live = new Map<AbortSignal, number>()
  for (const [name, change] of [['addEventListener', 1], ['removeEventListener', -1]] as const) {
    const original = Object.getOwnPropertyDescriptor(EventTarget.prototype, name)!.value as (...args: unknown[]) => void
    t.mock.method(EventTarget.prototype, name, function (this: EventTarget, ...args: unknown[]) {
      if (this instanceof AbortSignal) live.set(this, (live.get(this) ?? 0) + change)
      original.apply(this, args)
    })
  }
  const stop = new AbortController()
  let handled = 0
  await topic.group('workers').consume(async () => {
    await wait(1)
    if (++handled === 300) stop.abort()
  }, { signal: stop.signal, concurrency: 2, prefetch: 100 })
  assert.ok(live.size > 5)
  assert.ok(Math.max(...live.values()) < 10, `${Math.max(...live.values())} listeners on one target`)
})

test('managing a group, and a consumer that reads by itself', async (t) => {
  const { client } = await startService(t)
  const topic = await topicOf(client, 5)
  const group = topic.group('billing')
  assert.equal((await group.create({ mode: 'keyed', leaseMs: 5_000, start: 3 })).created, true)
  const { created, mode, leaseMs, maxAttempts, committedOffset, lag } = await group.create({ maxAttempts: 7 })
  assert.deepEqual([created, mode, leaseMs, maxAttempts, committedOffset, lag], [false, 'keyed', 5_000, 7, 3, 3])
  assert.deepEqual(await Array.fromAsync(topic.groups()), ['billing'])
  assert.deepEqual((await topic.describe({ groups: true })).groups, [{ group: 'billing', committedOffset: 3, lag: 3 }])
  assert.deepEqual(await group.seek(4, { expected: 3 }), { committedOffset: 4, endedLeases: 0 })
  await assert.rejects(group.seek(5, { expected: 3 }), (error) => error instanceof StreamsError && error.problem['committed_offset'] === 4)
  const { messages, lease } = await group.receive({ limit: 1, consumer: 'me', leaseMs: 2_000 })
  assert.equal(messages[0]!.offset, 4)
  assert.equal((await group.describe()).leases[0]!.consumer, 'me')
  assert.ok((await group.extend(lease!.id, { leaseMs: 9_000 })).expiresInMs > 8_000)
  assert.deepEqual(await group.nack({ leaseId: lease!.id }, { counted: false }), { nacked: 1, returned: [], dead: 0 })
  const again = await group.receive({ ack: [{ leaseId: lease!.id }], limit: 1 })
  assert.equal(again.messages[0]!.offset, 4)
  assert.equal((again.acked![0] as { code: string }).code, 'lease_lost')
  await assert.rejects(group.delete(), (error) => error instanceof StreamsError && error.code === 'group_busy')
  await group.delete({ force: true })
  await assert.rejects(group.describe(), (error) => error instanceof StreamsError && error.code === 'group_not_found')
})

test('managing topics', async (t) => {
  const { client } = await startService(t)
  assert.deepEqual([await client.health(), await client.ready()], [{ status: 'ok' }, { status: 'ok' }])
  const topic = client.topic<number>('orders')
  const { created, config } = await topic.create({ retentionMs: 60_000, rate: { messages: 1_000 } })
  assert.equal(created, true)
  assert.deepEqual(config, { retentionMs: 60_000, retentionBytes: null, maxMessageBytes: null, rate: { messages: 1_000 } })
  assert.deepEqual(await topic.append(1, { expectedOffset: 1, order: 'b' }), { topic: 'orders', offset: 1 })
  await assert.rejects(topic.append(2, { order: 'a' }), (error) => error instanceof StreamsError && error.problem['order'] === 'b')
  assert.deepEqual(await topic.append(3, { idempotencyKey: 'same' }), { topic: 'orders', offset: 2 })
  assert.deepEqual(await topic.append(3, { idempotencyKey: 'same' }), { topic: 'orders', offset: 2, duplicate: true })
  const batch = await topic.appendBatch([{ payload: 4 }, { payload: 5 }], { close: true })
  assert.deepEqual(batch, { topic: 'orders', offset: 3, lastOffset: 4, count: 2, closed: true })
  assert.deepEqual(await topic.close({ expectedOffset: 5 }), { topic: 'orders', end: 5, closed: true })
  assert.deepEqual(await topic.trim(2), { topic: 'orders', earliest: 2 })
  for (const name of ['a', 'b', 'c']) await client.topic(name).create()
  assert.deepEqual(await Array.fromAsync(client.topics()), ['a', 'b', 'c', 'orders'])
  await topic.delete()
  await assert.rejects(topic.describe(), (error) => error instanceof StreamsError && error.code === 'topic_not_found')
})
