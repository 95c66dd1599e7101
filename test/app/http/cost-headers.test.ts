import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { memoryApp } from '../../support/http/app.ts'
import { failing, withFaults, type Faults } from '../../support/storage/faults.ts'

const prefer = { prefer: 'server-timing' }

test('an append and a read tell what they have cost, if asked', async (t) => {
  const { app } = memoryApp(t, { limits: { segmentCacheBytes: 0 } })
  const appended = await app.inject({ method: 'POST', url: '/topics/a/produce', headers: prefer, payload: { payload: 1 } })
  assert.equal(appended.statusCode, 200)
  assert.equal(appended.headers['preference-applied'], 'server-timing')
  assert.equal(appended.headers['storage-calls'], 'reserve=1, put=1')
  assert.match(String(appended.headers['server-timing']), /^total;dur=\d+(\.\d{1,3})?$/)
  assert.equal(appended.headers['content-type'], 'application/json; charset=utf-8')
  const read = await app.inject({ url: '/topics/a/consume?offset=1', headers: prefer })
  assert.equal(read.headers['storage-calls'], 'state=1, get=1')
  assert.equal(read.headers['next-offset'], '2')
})

test('without the preference, and with others, there are no such headers', async (t) => {
  const { app } = memoryApp(t)
  for (const headers of [{}, { prefer: '' }, { prefer: 'respond-async' }, { prefer: 'server-timings' }, { prefer: 'x="server-timing"' }]) {
    const answer = await app.inject({ url: '/topics/a/consume', headers })
    for (const name of ['preference-applied', 'server-timing', 'storage-calls']) assert.equal(answer.headers[name], undefined, name)
  }
})

test('the preference may stand among others, and be written in capitals', async (t) => {
  const { app } = memoryApp(t)
  for (const value of ['wait=5, server-timing', 'Server-Timing;a=b, respond-async', 'server-timing=""']) {
    const answer = await app.inject({ url: '/topics/a/consume', headers: { prefer: value } })
    assert.equal(answer.headers['preference-applied'], 'server-timing', value)
  }
})

test('a long header of spaces and commas takes no time', async (t) => {
  const { app } = memoryApp(t)
  await app.ready()
  const began = performance.now()
  const many = 100_000
  await app.inject({ url: '/health', headers: { prefer: `${','.repeat(many)}${' '.repeat(many)}${', '.repeat(many)}x` } })
  assert.ok(performance.now() - began < 2_000)
})

test('consumer groups tell it, too', async (t) => {
  const { app } = memoryApp(t)
  await app.inject({ method: 'POST', url: '/topics/a/produce', payload: { payload: 1 } })
  const group = '/topics/a/groups/g'
  const received = await app.inject({ method: 'POST', url: `${group}/receive`, headers: prefer, payload: {} })
  assert.match(String(received.headers['storage-calls']), /^reserve=1, state=\d/)
  const { lease } = received.json<{ lease: { id: string } }>()
  const acked = await app.inject({ method: 'POST', url: `${group}/ack`, headers: prefer, payload: { lease_id: lease.id } })
  assert.equal(acked.headers['storage-calls'], 'reserve=1')
  const described = await app.inject({ url: group, headers: prefer })
  assert.equal(described.headers['storage-calls'], 'state=1')
})

test('a refused append tells the calls that it has made; a request without calls has only its time', async (t) => {
  const faults: Faults<ReturnType<typeof createMemorySegmentStore>> = { putIfAbsent: failing('misconfigured', 'none') }
  const { app } = memoryApp(t, { segments: withFaults(createMemorySegmentStore(), faults) })
  const failed = await app.inject({ method: 'POST', url: '/topics/a/produce', headers: prefer, payload: { payload: 1 } })
  assert.equal(failed.statusCode, 503)
  assert.match(String(failed.headers['storage-calls']), /^reserve=1, .*put=\d/)
  assert.equal(failed.headers['preference-applied'], 'server-timing')
  const health = await app.inject({ url: '/health', headers: prefer })
  assert.equal(health.headers['preference-applied'], 'server-timing')
  assert.equal(health.headers['storage-calls'], undefined)
})

test('a stream tells it when it begins', async (t) => {
  const { app } = memoryApp(t, { timeLeft: () => 2_100 })
  const answer = await app.inject({ url: '/topics/a/consume', headers: { ...prefer, accept: 'text/event-stream' } })
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['storage-calls'], 'state=1')
  assert.match(String(answer.headers['content-type']), /^text\/event-stream/)
})
