import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { eventually } from '../../support/eventually.ts'
import { groupsApp, type Received, Worker } from '../../support/http/groups.ts'
import { produce } from '../../support/http/requests.ts'

/** What came, and after how many ms. */
async function timed (received: Promise<Received>): Promise<{ offsets: number[], ms: number, answer: Received }> {
  const at = performance.now()
  const answer = await received
  return { offsets: answer.messages.map(({ offset }) => offset), ms: performance.now() - at, answer }
}

test('a receive that waits gets what is appended', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', 0)
  const waiting = timed(on.receive({ wait: 10 }))
  await sleep(100)
  await produce(baseUrl, 'orders', '{"payload":1}')
  const { offsets, ms } = await waiting
  assert.deepEqual(offsets, [1])
  assert(ms >= 90 && ms < 2_000, `${ms} ms`)
})

test('a receive that waits in vain is answered in time', async (t) => {
  const { worker } = await groupsApp(t)
  const { answer, ms } = await timed((await worker('orders', 0)).receive({ wait: 0.25 }))
  assert.deepEqual(answer, { messages: [], lease: null, committed_offset: 1, lag: 0, waiting_for: 'messages' })
  assert(ms >= 240 && ms < 2_000, `${ms} ms`)
})

test('the longest wait is bounded', async (t) => {
  const { worker } = await groupsApp(t, { limits: { waitMaxMs: 200 } })
  const { ms } = await timed((await worker('orders', 0)).receive({ wait: 1e300 }))
  assert(ms >= 190 && ms < 2_000, `${ms} ms`)
})

test('a receive that waits is woken when its key is free', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', ['a', 'a'])
  await on.done('PUT', '', { mode: 'keyed' })
  const { id } = await on.lease({ limit: 1 })
  const waiting = timed(on.receive({ wait: 10 }))
  await sleep(100)
  await on.done('POST', '/ack', { lease_id: id })
  const { offsets, ms } = await waiting
  assert.deepEqual(offsets, [2])
  assert(ms < 3_000, `${ms} ms`)
})

test('acknowledgements of a receive are written before it waits', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  const { id } = await on.lease()
  const waiting = timed(on.receive({ wait: 2, ack: [{ lease_id: id }] }))
  await eventually(async () => (await on.done('GET'))['committed_offset'] === 2)
  const { answer, ms } = await waiting
  assert.deepEqual(answer.acked, [{ acked: 1, already: false, committed_offset: 2 }])
  assert(ms > 1_900, `${ms} ms`)
})

test('a receive that waits is woken by what another process acknowledges', async (t) => {
  const stores = { topics: createMemoryTopicStore(), segments: createMemorySegmentStore(), groupStore: createMemoryGroupStore() }
  const one = await groupsApp(t, { ...stores, limits: { groupPollMs: 50 } })
  const two = await groupsApp(t, { ...stores, limits: { groupPollMs: 50 } })
  const here = await one.worker('orders', ['a', 'a'])
  const there = new Worker(two.baseUrl, 'orders', 'g')
  await here.done('PUT', '', { mode: 'keyed' })
  const { id } = await here.lease({ limit: 1 })
  const waiting = timed(there.receive({ wait: 10 }))
  await sleep(200)
  await here.done('POST', '/ack', { lease_id: id })
  const { offsets, ms } = await waiting
  assert.deepEqual(offsets, [2])
  assert(ms < 3_000, `${ms} ms`)
})

test('a receive that waits gets what a lease left when its time was over', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  await on.lease({ lease_ms: 1_000 })
  const { offsets, ms, answer } = await timed(on.receive({ wait: 10 }))
  assert.deepEqual(offsets, [1])
  assert.deepEqual(answer.lease!.redelivered, [{ first: 1, last: 1, attempt: 2 }])
  assert(ms > 500 && ms < 4_000, `${ms} ms`)
})

test('a client that goes away gets no lease', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', 0)
  const { hostname, port } = new URL(baseUrl)
  const sent = request({
    hostname, port, method: 'POST', path: `${on.path}/receive`, agent: false, headers: { 'content-type': 'application/json' }
  })
  sent.on('error', () => {}).end('{"wait":10}')
  await eventually(async () => (await on.ask('GET')).status === 200)
  sent.destroy()
  await sleep(100)
  await produce(baseUrl, 'orders', '{"payload":1}')
  await sleep(200)
  assert.equal((await on.done('GET'))['in_flight'], 0)
  assert.deepEqual((await on.lease()).offsets, [1])
})

test('when the server stops, those who wait get their answers at once', async (t) => {
  const { app, worker } = await groupsApp(t)
  const waiting = timed((await worker('orders', 0)).receive({ wait: 20 }))
  await sleep(200)
  await app.close()
  const { answer, ms } = await waiting
  assert.deepEqual(answer, { messages: [], lease: null, committed_offset: 1, lag: 0, waiting_for: 'messages' })
  assert(ms < 3_000, `${ms} ms`)
})

test('receives that wait hold no memory, and a large answer waits for room', async (t) => {
  const { baseUrl, worker } = await groupsApp(t, { bufferedBytesMax: 8 * 1024 * 1024 })
  const on = await worker('orders', 2)
  await on.done('PUT', '', { mode: 'exclusive' })
  await on.lease({ limit: 1 })
  const waiting = Array.from({ length: 40 }, () => on.receive({ wait: 3 }))
  await sleep(300)
  // Their 40 times 4 MiB would leave no room.
  const large = JSON.stringify({ payload: 'x'.repeat(3 * 1024 * 1024) })
  assert.equal((await produce(baseUrl, 'other', large)).status, 200)
  const { offsets } = await (await worker('other', 0)).lease()
  assert.deepEqual(offsets, [1])
  const answers = await Promise.all(waiting)
  assert(answers.every(({ lease }) => lease === null))
})

test('a client that does not take its messages is cut off when others need the memory', async (t) => {
  const { baseUrl, worker } = await groupsApp(t, { bufferedBytesMax: 16 * 1024 * 1024, limits: { clientGraceMs: 100 } })
  const text = 'x'.repeat(3_900_000)
  for (let n = 0; n < 8; n++) await produce(baseUrl, 'orders', JSON.stringify({ payload: text }))
  const on = await worker('orders', 0)
  const { hostname, port } = new URL(baseUrl)
  const stuck = Array.from({ length: 3 }, () => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {}).pause()
    socket.write(`POST ${on.path}/receive HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 0\r\n\r\n`)
    t.after(() => socket.destroy())
    return socket
  })
  await eventually(async () => (await on.ask('GET')).status === 200 && (await on.done('GET'))['in_flight'] === stuck.length)
  const { offsets } = await on.lease()
  assert.deepEqual(offsets, [4])
})
