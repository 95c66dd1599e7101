import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import type { StoreCheck } from '../../../src/app/routes/service/readiness.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { NamedSegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { listeningApp } from '../../support/http/app.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, assertProblem, consume, produce } from '../../support/http/requests.ts'
import { answerLost, failing, type Faults, hanging, withFaults } from '../../support/storage/faults.ts'

const limits: Partial<Limits> = {
  appendTimeoutMs: 700,
  resolveBySealMs: 250,
  putTimeoutMs: 80,
  holeGraceMs: 300,
  reserveTimeoutMs: 150,
  readTimeoutMs: 300,
  getTimeoutMs: 100,
  retryDelayMs: 5
}

const body = '{"payload":1}'

async function breakable (
  t: TestContext, more: Partial<Limits> = {}
): Promise<{ baseUrl: string, segments: Faults<NamedSegmentStore>, topics: Faults<TopicStore> }> {
  const segments: Faults<NamedSegmentStore> = {}
  const topics: Faults<TopicStore> = {}
  const { baseUrl } = await listeningApp(t, {
    segments: withFaults(createMemorySegmentStore(), segments),
    topics: withFaults(createMemoryTopicStore(), topics),
    // What was just appended would be read from the cache.
    limits: { ...limits, segmentCacheBytes: 0, ...more }
  })
  return { baseUrl, segments, topics }
}

const reached = 'The storage could not be reached.'
const inTime = 'The storage did not answer in time.'
const slowDown = 'The storage asked to slow down.'
const notSetUp = 'The storage refused the request: it is not set up for this service.'

const failures: Array<[name: string, fault: () => Promise<never>, code: string, detail: string, retryAfter: string]> = [
  ['is down', failing('unavailable', 'unknown'), 'storage_unavailable', reached, '1'],
  ['is slower than the time-out', hanging, 'storage_unavailable', inTime, '1'],
  ['throttles', failing('throttled', 'none'), 'storage_throttled', slowDown, '1'],
  ['has no table, or no rights', failing('misconfigured', 'none'), 'storage_misconfigured', notSetUp, '30']
]

/** Where no time-out is waited for, the times are long enough for three attempts on a busy machine. */
const unhurried: Partial<Limits> = { appendTimeoutMs: 20_000, reserveTimeoutMs: 5_000, readTimeoutMs: 20_000, getTimeoutMs: 5_000 }

for (const [name, fault, code, detail, retryAfter] of failures) {
  const more = fault === hanging ? {} : unhurried
  test(`produce while the topics' store ${name}: nothing was written`, async (t) => {
    const { baseUrl, topics } = await breakable(t, more)
    topics.reserve = fault
    const answer = await produce(baseUrl, 'a', body)
    assertProblem(answer, code, detail, 'no')
    assert.equal(answer.headers['retry-after'], retryAfter)
    delete topics.reserve
    assert.equal((await produce(baseUrl, 'a', body)).status, 200)
    assert.equal(messages(await consume(baseUrl, 'a')), 1)
  })

  test(`consume while the topics' store ${name}`, async (t) => {
    const { baseUrl, topics } = await breakable(t, more)
    topics.read = fault
    const answer = await consume(baseUrl, 'a')
    assertProblem(answer, code, detail)
    assert.equal(answer.headers['retry-after'], retryAfter)
    assertProblem(await consume(baseUrl, 'a', '?offset=latest'), code, detail)
  })

  test(`consume while the segments' store ${name}`, async (t) => {
    const { baseUrl, segments } = await breakable(t, more)
    await produce(baseUrl, 'a', body)
    segments.list = segments.get = fault
    const answer = await consume(baseUrl, 'a')
    assertProblem(answer, code, detail)
    assert.equal(answer.headers['retry-after'], retryAfter)
  })
}

test('produce while no put gets an answer, the seal neither: unknown whether it is written', async (t) => {
  const { baseUrl, segments } = await breakable(t)
  segments.putIfAbsent = hanging
  const answer = await produce(baseUrl, 'a', body)
  assertProblem(answer, 'storage_unavailable', 'The storage did not answer in time; the message may have been written.', 'unknown')
  assert.equal(answer.headers['retry-after'], '1')
})

test('produce while puts get no answer but the seal does: nothing was written, and nothing will be', async (t) => {
  const { baseUrl, segments } = await breakable(t)
  segments.putIfAbsent = (call, [,, object]) => 'sealed' in object.metadata ? call() : hanging()
  assertProblem(await produce(baseUrl, 'a', body), 'append_timeout', 'The message could not be written in time.', 'no')
  delete segments.putIfAbsent
  assert.equal((await produce(baseUrl, 'a', body)).text, '{"topic":"a","offset":2}')
  assert.equal(messages(await consume(baseUrl, 'a')), 1)
})

test('produce while the storage is full: refused after one try, as are those behind it; readers at the hole get no message', async (t) => {
  const puts: string[] = []
  const { baseUrl, segments } = await breakable(t, { holeGraceMs: 200 })
  assert.equal((await produce(baseUrl, 'a', body)).status, 200)
  segments.putIfAbsent = (_call, [,, object]) => {
    puts.push('sealed' in object.metadata ? 'seal' : 'message')
    return failing('full', 'none')()
  }
  const answer = await produce(baseUrl, 'a', body)
  assertProblem(answer, 'storage_full', 'No space is left in the storage. Reading goes on.', 'no')
  assert.equal(answer.headers['retry-after'], '30')
  assert.deepEqual(puts, ['message', 'seal'])
  for (const { status } of await Promise.all([produce(baseUrl, 'a', body), produce(baseUrl, 'a', body)])) assert.equal(status, 507)

  await new Promise((resolve) => { setTimeout(resolve, 300) })
  puts.length = 0
  assert.equal((await consume(baseUrl, 'a', '?offset=2')).text, '{"messages":[],"next_offset":2}')
  assert.deepEqual(puts, ['seal'], 'it tried')
  assert.equal(messages(await consume(baseUrl, 'a')), 1)

  delete segments.putIfAbsent
  assert.equal((await produce(baseUrl, 'a', body)).status, 200)
  await new Promise((resolve) => { setTimeout(resolve, 300) })
  assert.equal(messages(await consume(baseUrl, 'a')), 2)
})

test('consume at a tail hole whose time has to be corrected, while the storage is full', async (t) => {
  const { baseUrl, topics } = await breakable(t)
  topics.read = async () => ({ currentOffset: 1, earliest: 1, moves: 0, producers: new Map() })
  topics.correctReservedAt = failing('full', 'none')
  assert.equal((await consume(baseUrl, 'a')).text, '{"messages":[],"next_offset":1}')
})

test('produce when the answer to the put is lost: acknowledged, and there once', async (t) => {
  const { baseUrl, segments } = await breakable(t)
  let first = true
  segments.putIfAbsent = (call) => {
    if (!first) return call()
    first = false
    return answerLost(call)
  }
  assert.equal((await produce(baseUrl, 'a', body)).text, '{"topic":"a","offset":1}')
  assert.equal(messages(await consume(baseUrl, 'a')), 1)
})

test('consume of a damaged segment says so, and does not skip it', async (t) => {
  const { baseUrl, segments } = await breakable(t)
  const logged = 'The segment of topic a that ends at offset 1 is damaged: its checksum does not match.'
  await produce(baseUrl, 'a', body)
  segments.get = async (call) => ({ ...(await call())!, metadata: { first: '1', count: '1', crc32: '00000000' } })
  assertProblem(await consume(baseUrl, 'a'), 'segment_corrupt', logged)
})

test('produce after the log was closed', async (t) => {
  const { baseUrl, log } = await listeningApp(t)
  await log.close()
  const answer = await produce(baseUrl, 'a', body)
  assertProblem(answer, 'shutting_down', 'The server is shutting down.', 'no')
  assert.equal(answer.headers['retry-after'], '1')
})

test('a mistake of our own: the answer says nothing of it, the log all', async (t) => {
  const { logger, lines } = logLines()
  const log = { append: () => { throw new TypeError('secret.internals is not a function') }, close: async () => {} } as unknown as Log
  const { baseUrl } = await listeningApp(t, { log, logger })
  assertProblem(await produce(baseUrl, 'a', body), 'internal', 'The request could not be completed.', 'unknown')
  const error = lines().find(({ level }) => level === 'error') as { msg: string, code: string, err: { stack: string } }
  assert.equal(error.msg, 'internal error')
  assert.equal(error.code, 'internal')
  assert.match(error.err.stack, /caused by: TypeError: secret\.internals is not a function\n +at .*storage-failures\.test/)
})

test('a failed append leaves its cause in the log', async (t) => {
  const { logger, lines } = logLines()
  const topics = withFaults(createMemoryTopicStore(), { reserve: failing('unavailable', 'none') })
  const { baseUrl } = await listeningApp(t, { topics, logger, limits })
  assert.equal((await produce(baseUrl, 'a', body)).status, 503)
  const error = lines().find(({ level }) => level === 'error') as { request_id: string, msg: string, err: { stack: string } }
  assert.equal(error.msg, 'request failed')
  assert.match(error.err.stack, /StoreError: injected: unavailable/)
  assert.match(error.err.stack, /the cause of the fault/)
  assert.equal(error.request_id, lines().find(({ msg }) => msg === 'request')?.['request_id'])
})

const bucket = (check: StoreCheck['check']): StoreCheck => ({ name: 'bucket', check })
const table = (check: StoreCheck['check']): StoreCheck => ({ name: 'table', check })
const fails = (error: Error) => (): Promise<void> => Promise.reject(error)
const misconfigured = new StoreError('misconfigured', 'none', 'the bucket "secret-name" does not exist')
const unavailable = new StoreError('unavailable', 'unknown', 'connect ECONNREFUSED 10.0.0.7')

const states: Array<[name: string, checks: StoreCheck[], code: string, detail: string, retryAfter: string]> = [
  [
    'one of two is down', [bucket(async () => {}), table(fails(unavailable))], 'storage_unavailable', 'Not ready: table (unavailable).', '1'
  ],
  [
    'both fail',
    [bucket(fails(misconfigured)), table(fails(unavailable))],
    'storage_misconfigured',
    'Not ready: bucket (misconfigured), table (unavailable).',
    '30'
  ],
  ['one throws something else', [bucket(fails(new TypeError('oops')))], 'storage_unavailable', 'Not ready: bucket (unavailable).', '1']
]

for (const [name, checks, code, detail, retryAfter] of states) {
  test(`/ready when ${name}, while /health stays`, async (t) => {
    const { baseUrl } = await listeningApp(t, { checks })
    const answer = await ask(baseUrl, { path: '/ready' })
    assertProblem(answer, code, detail)
    assert.equal(answer.headers['retry-after'], retryAfter)
    assert.equal((await ask(baseUrl, { path: '/health' })).text, '{"status":"ok"}')
  })
}

test('/ready gives up on a part that never answers, and says which', async (t) => {
  const { baseUrl } = await listeningApp(t, { checks: [bucket(hanging), table(async () => {})], limits: { getTimeoutMs: 100 } })
  assertProblem(await ask(baseUrl, { path: '/ready' }), 'storage_unavailable', 'Not ready: bucket (timeout).')
})

function messages ({ text }: { text: string }): number {
  return (JSON.parse(text) as { messages: unknown[] }).messages.length
}

test('produce while more waits than can be written: refused with Retry-After, and nothing was written', async (t) => {
  const { logger, lines } = logLines()
  const { baseUrl, log } = await listeningApp(t, {
    logger,
    limits: { ...limits, backlogBytesMax: 1_000, windowBytesMin: 10, windowBytesInitial: 10 }
  })
  const answer = await produce(baseUrl, 'a', JSON.stringify({ payload: 'x'.repeat(2_000) }))
  assertProblem(answer, 'overloaded', 'More messages wait for the storage than can be written in time.', 'no')
  assert.equal(answer.headers['retry-after'], '1')
  assert.equal(await log.position('a', 'latest'), 1)
  assert.deepEqual(lines().filter(({ level }) => level === 'error'), [], 'a line for each would be too many')
  assert.equal(lines().find(({ msg }) => msg === 'request')?.['code'], 'overloaded')
})
