import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { eventually } from '../../support/eventually.ts'
import { type Received, groupsApp, Worker } from '../../support/http/groups.ts'
import { logLines } from '../../support/http/log-lines.ts'
import { ask, problem, produce } from '../../support/http/requests.ts'

const lost = 'The lease has ended: what of it was not acknowledged is delivered again, or was already.'

test('a receive without a body makes the group, and its answer has stored lines as they are', async (t) => {
  const { baseUrl } = await groupsApp(t)
  const payloads = ['{"b":1.0,"a":  "\\u00e9"}', '12345678901234567890', 'null']
  await produce(baseUrl, 'orders', `{"messages":[${payloads.map((payload) => `{"payload":${payload}}`).join()}]}`)
  const page = (await ask(baseUrl, { path: '/topics/orders/consume' })).text
  const answer = await new Worker(baseUrl, 'orders', 'billing').ask('POST', '/receive')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(answer.headers['cache-control'], 'no-store')
  const stored = page.slice(0, page.indexOf('],"next_offset"'))
  assert.equal(answer.text.slice(0, stored.length), stored)
  const { lease } = JSON.parse(answer.text) as Received
  assert.match(lease!.id, /^[A-Za-z0-9_-]{48}$/)
  assert(lease!.expires_in_ms > 25_000 && lease!.expires_in_ms <= 30_000)
  assert(Math.abs(lease!.expires_at - Date.now() - 30_000) < 5_000)
  assert.equal(answer.text.slice(stored.length), `],"lease":${JSON.stringify({
    id: lease!.id, expires_at: lease!.expires_at, expires_in_ms: lease!.expires_in_ms, redelivered: []
  })},"committed_offset":1,"lag":3}`)
})

test('a receive that gets nothing says what is missing', async (t) => {
  const { worker } = await groupsApp(t)
  const empty = await worker('empty', 0)
  assert.deepEqual(await empty.receive(), { messages: [], lease: null, committed_offset: 1, lag: 0, waiting_for: 'messages' })
  assert.deepEqual(
    await empty.receive({ ack: [] }), { messages: [], lease: null, acked: [], committed_offset: 1, lag: 0, waiting_for: 'messages' }
  )
  const delayed = await worker('delayed', 1)
  const { id } = await delayed.lease()
  await delayed.done('POST', '/nack', { lease_id: id, delay_ms: 60_000 })
  const { retry_in_ms: dueMs, ...answer } = await delayed.receive()
  assert.deepEqual(answer, { messages: [], lease: null, committed_offset: 1, lag: 1, waiting_for: 'delay' })
  assert(dueMs! > 55_000 && dueMs! <= 60_000)
})

test('limits of a receive', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1_100)
  assert.equal((await on.lease()).offsets.length, 10)
  assert.equal((await on.lease({ limit: 3 })).offsets.length, 3)
  // One message comes, however small the bound.
  assert.deepEqual((await on.lease({ max_bytes: 1 })).offsets, [14])
  assert.equal((await on.lease({ limit: 1_000, max_bytes: 1e300 })).offsets.length, 1_000)
  const { leases } = await on.done('GET') as { leases: object[] }
  assert.equal(leases.length, 4)
})

test('a receive that is repeated with its key gets the same lease', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 5)
  const key = { 'idempotency-key': 'worker-1-1' }
  const first = await on.receive({ limit: 2, consumer: 'one' }, key)
  const again = await on.receive({ limit: 5 }, key)
  assert.deepEqual(again, { ...first, lease: { ...first.lease, expires_in_ms: again.lease!.expires_in_ms } })
  assert.deepEqual((await on.lease()).offsets, [3, 4, 5])
  // With the same key, once the lease is done, it is another receive.
  await on.done('POST', '/ack', { lease_id: first.lease!.id })
  assert.deepEqual((await on.receive({}, key)).messages, [])
})

test('acknowledgements in a receive are answered one by one, and do not fail it', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 6)
  const one = await on.lease({ limit: 2 })
  const two = await on.lease({ limit: 2 })
  const gone = await (await worker('orders', 0, 'other')).lease({ limit: 1 })
  const { messages, acked, committed_offset: committed, lag } = await on.receive({
    limit: 1, ack: [{ lease_id: one.id }, { lease_id: two.id, offsets: [4] }, { lease_id: one.id }, { lease_id: gone.id }]
  })
  assert.deepEqual(messages.map(({ offset }) => offset), [5])
  assert.deepEqual(acked, [
    { acked: 2, already: false, committed_offset: 3 },
    { acked: 1, already: false, committed_offset: 3 },
    { acked: 0, already: true, committed_offset: 3 },
    problem('lease_lost', lost, { offsets: [] })
  ])
  assert.deepEqual([committed, lag], [3, 4])
  const hundred = await on.receive({ limit: 1, ack: Array(100).fill({ lease_id: one.id }) })
  assert.deepEqual(hundred.acked, Array(100).fill({ acked: 0, already: true, committed_offset: 3 }))
})

test('messages that were delivered before are named', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 5)
  const { id } = await on.lease({ limit: 4 })
  await on.done('POST', '/nack', { lease_id: id, offsets: [2, 3] })
  await on.done('POST', '/nack', { lease_id: id, offsets: [4], counted: false })
  const { messages, lease } = await on.receive()
  assert.deepEqual(messages.map(({ offset }) => offset), [2, 3, 4, 5])
  assert.deepEqual(lease!.redelivered, [{ first: 2, last: 3, attempt: 2 }])
})

test('mode keyed: a key is with one worker at a time, in order', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', ['a', 'b', 'a', 'c', 'a', 'b'])
  await on.done('PUT', '', { mode: 'keyed' })
  const one = await on.lease({ limit: 1 })
  assert.deepEqual(one.offsets, [1])
  const two = await on.lease()
  assert.deepEqual(two.offsets, [2, 4, 6])
  const { messages, waiting_for: waitingFor } = await on.receive()
  assert.deepEqual([messages, waitingFor], [[], 'leases'])
  assert.deepEqual((await on.done('GET'))['locked_keys'], 3)
  await on.done('POST', '/ack', { lease_id: one.id })
  const three = await on.lease()
  assert.deepEqual(three.offsets, [3, 5])
  // The later message of the key goes back with the one that failed.
  assert.deepEqual(
    await on.done('POST', '/nack', { lease_id: three.id, offsets: [3] }), { nacked: 1, returned: [5], dead: 0 }
  )
  assert.deepEqual((await on.lease()).offsets, [3, 5])
})

test('mode exclusive: one lease at a time', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 4)
  await on.done('PUT', '', { mode: 'exclusive' })
  const { id, offsets } = await on.lease({ limit: 2 })
  assert.deepEqual(offsets, [1, 2])
  assert.equal((await on.receive()).waiting_for, 'leases')
  const { messages } = await on.receive({ ack: [{ lease_id: id }] })
  assert.deepEqual(messages.map(({ offset }) => offset), [3, 4])
})

test('bounds of a group: what may be in flight', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 5)
  await on.done('PUT', '', { max_in_flight: 2 })
  const { id, offsets } = await on.lease()
  assert.deepEqual(offsets, [1, 2])
  assert.equal((await on.receive()).waiting_for, 'acks')
  const { messages } = await on.receive({ ack: [{ lease_id: id, offsets: [2] }] })
  assert.deepEqual(messages.map(({ offset }) => offset), [3])
})

test('an answer is compressed if that is asked for, and is whole', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', 100)
  const plain = (await ask(baseUrl, { path: '/topics/orders/consume?limit=100' })).text
  const answer = await on.ask('POST', '/receive', { limit: 100 }, { 'accept-encoding': 'gzip' })
  assert.deepEqual([answer.headers['content-encoding'], answer.headers['vary']], ['gzip', 'accept-encoding'])
  const { messages } = JSON.parse(gunzipSync(answer.bytes).toString()) as Received
  assert.deepEqual(messages, (JSON.parse(plain) as Received).messages)
  const small = await on.ask('POST', '/receive', {}, { 'accept-encoding': 'gzip' })
  assert.equal(small.headers['content-encoding'], undefined)
})

test('the request log has the group, what was returned and the calls, but never a lease', async (t) => {
  const { logger, lines, text } = logLines()
  const { worker } = await groupsApp(t, { logger })
  const on = await worker('orders', 3)
  const { id } = await on.lease()
  await on.done('POST', '/ack', { lease_id: id })
  await on.ask('POST', '/ack', { lease_id: id.slice(1) })
  const requests = () => lines().filter(({ msg }) => msg === 'request')
  await eventually(() => requests().length === 4)
  const [, received, acked, refused] = requests()
  assert.deepEqual([received!['topic'], received!['group'], received!['messages']], ['orders', 'g', 3])
  assert.deepEqual(received!['storage'], { reserve: 1, state: 2, put: 0, get: 0, list: 0 })
  assert.deepEqual([acked!['group'], acked!['storage']], ['g', { reserve: 1, state: 0, put: 0, get: 0, list: 0 }])
  assert.equal(refused!['code'], 'invalid_request')
  assert(!text().includes(id.slice(1)))
})
