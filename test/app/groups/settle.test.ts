import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { groupsApp } from '../../support/http/groups.ts'
import { assertProblem, consume, send } from '../../support/http/requests.ts'

const lost = 'The lease has ended: what of it was not acknowledged is delivered again, or was already.'

interface Letter { readonly payload: unknown, readonly key?: string, readonly headers: object, timestamp?: number }

/** The letters of a topic, without their timestamps. */
async function letters (baseUrl: string, topic: string, count: number): Promise<Letter[]> {
  let messages: Letter[] = []
  await eventually(async () => {
    messages = (JSON.parse((await consume(baseUrl, topic, '?limit=1000')).text) as { messages: Letter[] }).messages
    return messages.length >= count
  })
  for (const message of messages) delete message.timestamp
  return messages
}

test('ack: all of a lease, or some offsets, and again', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const { id } = await on.lease()
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id, offsets: [2, 2] }), { acked: 1, already: false, committed_offset: 1 })
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id, offsets: [2] }), { acked: 0, already: true, committed_offset: 1 })
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id }), { acked: 2, already: false, committed_offset: 4 })
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id }), { acked: 0, already: true, committed_offset: 4 })
})

test('ack: a thousand offsets, the most that a request names', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1_000)
  const { id, offsets } = await on.lease({ limit: 1_000 })
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id, offsets }), { acked: 1_000, already: false, committed_offset: 1_001 })
})

test('a lease that is lost: by expiry, with the offsets that are not done', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const { id } = await on.lease({ lease_ms: 1_000 })
  await on.done('POST', '/ack', { lease_id: id, offsets: [2] })
  await new Promise((resolve) => setTimeout(resolve, 1_050))
  const { messages, lease } = await on.receive()
  assert.deepEqual(messages.map(({ offset }) => offset), [1, 3])
  assert.deepEqual(lease!.redelivered, [{ first: 1, last: 1, attempt: 2 }, { first: 3, last: 3, attempt: 2 }])
  assertProblem(await on.ask('POST', '/ack', { lease_id: id }), 'lease_lost', lost, { offsets: [1, 3] })
  assertProblem(await on.ask('POST', '/ack', { lease_id: id, offsets: [2, 3] }), 'lease_lost', lost, { offsets: [3] })
  assertProblem(await on.ask('POST', '/nack', { lease_id: id }), 'lease_lost', lost, { offsets: [1, 3] })
  assertProblem(await on.ask('POST', '/extend', { lease_id: id }), 'lease_lost', lost, { offsets: [1, 3] })
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id, offsets: [2] }), { acked: 0, already: true, committed_offset: 1 })
})

test('a late ack counts while nobody else has the messages', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  const { id } = await on.lease({ lease_ms: 1_000 })
  await new Promise((resolve) => setTimeout(resolve, 1_050))
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id }), { acked: 1, already: false, committed_offset: 2 })
})

test('a lease of a group that was made anew is lost', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  const { id } = await on.lease()
  await on.done('DELETE', '?force=true')
  await on.lease()
  assertProblem(await on.ask('POST', '/ack', { lease_id: id }), 'lease_lost', lost, { offsets: [] })
})

test('nack: at once, after a delay, and without counting', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const { id } = await on.lease()
  assert.deepEqual(await on.done('POST', '/nack', { lease_id: id, offsets: [1] }), { nacked: 1, returned: [], dead: 0 })
  assert.deepEqual(await on.done('POST', '/nack', { lease_id: id, offsets: [2], delay_ms: 500 }), { nacked: 1, returned: [], dead: 0 })
  assert.deepEqual(await on.done('POST', '/nack', { lease_id: id, counted: false }), { nacked: 1, returned: [], dead: 0 })
  const group = await on.done('GET')
  assert.deepEqual([group['in_flight'], group['retrying'], group['delayed']], [0, 3, 1])
  const again = await on.receive()
  assert.deepEqual(again.messages.map(({ offset }) => offset), [1, 3])
  assert.deepEqual(again.lease!.redelivered, [{ first: 1, last: 1, attempt: 2 }])
  assert.equal((await on.receive()).waiting_for, 'delay')
  const at = Date.now()
  assert.deepEqual((await on.lease({ wait: 5 })).offsets, [2])
  assert(Date.now() - at < 3_000)
})

test('messages die with their last attempt, or when they are rejected', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', ['a', 'b', 'c'])
  await on.done('PUT', '', { max_attempts: 2 })
  const { id } = await on.lease()
  const life = (offset: number, attempts: number, more: object) => ({
    'dead-letter-topic': 'orders',
    'dead-letter-group': 'g',
    'dead-letter-offset': String(offset),
    'dead-letter-attempts': String(attempts),
    ...more
  })
  assert.deepEqual(
    await on.done('POST', '/nack', { lease_id: id, offsets: [2], reject: true, detail: 'ünknown "x"' }),
    { nacked: 1, returned: [], dead: 1 }
  )
  await on.done('POST', '/nack', { lease_id: id, offsets: [3] })
  const second = await on.lease()
  assert.deepEqual(second.offsets, [3])
  assert.deepEqual(await on.done('POST', '/nack', { lease_id: second.id, delay_ms: 9_000 }), { nacked: 1, returned: [], dead: 1 })
  const found = await letters(baseUrl, 'orders.dlq', 2)
  const headers = found.map(({ headers }) => {
    const { 'dead-letter-timestamp': at, 'dead-letter-life': of, ...rest } = headers as Record<string, string>
    assert.match(at!, /^\d{13}$/)
    assert.match(of!, /^[0-9a-f]{8}$/)
    return rest
  })
  assert.deepEqual(found.map(({ payload, key }) => [payload, key]), [[2, 'b'], [3, 'c']])
  assert.deepEqual(headers, [
    life(2, 1, { 'dead-letter-reason': 'rejected', 'dead-letter-detail': 'ünknown "x"' }),
    life(3, 2, { 'dead-letter-reason': 'max_attempts' })
  ])
  // They are done with, but for a redrive.
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id }), { acked: 1, already: false, committed_offset: 4 })
  assert.deepEqual(await on.done('POST', '/redrive', { limit: 1 }), { redriven: 1, skipped: 0, trimmed: [], more: true })
  assert.deepEqual(await on.done('POST', '/redrive'), { redriven: 1, skipped: 0, trimmed: [], more: false })
  assert.deepEqual(await on.done('POST', '/redrive'), { redriven: 0, skipped: 0, trimmed: [], more: false })
  assert.deepEqual(await on.done('POST', '/redrive', { from: 1 }), { redriven: 0, skipped: 2, trimmed: [], more: false })
  assert.deepEqual((await on.lease()).offsets, [2, 3])
})

test('redrive tells whose messages were removed', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', 2)
  const { id } = await on.lease()
  await on.done('POST', '/nack', { lease_id: id, reject: true })
  await letters(baseUrl, 'orders.dlq', 2)
  await eventually(async () => (await on.done('GET'))['dead_letters_waiting'] === 0)
  await send(baseUrl, 'POST', '/topics/orders/trim', { before: 2 })
  assert.deepEqual(await on.done('POST', '/redrive'), { redriven: 1, skipped: 0, trimmed: [1], more: false })
})

test('a group without a dead-letter topic refuses to reject', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  await on.done('PUT', '', { dead_letter_topic: null, max_attempts: null })
  const { id } = await on.lease()
  assertProblem(await on.ask('POST', '/nack', { lease_id: id, reject: true }), 'invalid_group_config',
    'reject: expected false, because the group has no dead_letter_topic to which messages could go')
  assert.deepEqual(await on.done('POST', '/ack', { lease_id: id }), { acked: 1, already: false, committed_offset: 2 })
})

test('extend: to the group\'s time, to another, and to an earlier one', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  const { id } = await on.lease({ lease_ms: 1_000 })
  for (const [body, ms] of [[{}, 30_000], [{ lease_ms: 43_200_000 }, 43_200_000], [{ lease_ms: 1_000 }, 1_000]] as const) {
    const { expires_at: at, expires_in_ms: inMs, ...rest } = await on.done('POST', '/extend', { lease_id: id, ...body })
    assert.deepEqual(rest, {})
    assert((inMs as number) <= ms && (inMs as number) > ms - 900, `${inMs as number}`)
    assert(Math.abs((at as number) - Date.now() - ms) < 900)
    const { leases } = await on.done('GET') as { leases: Array<{ expires_at: number }> }
    assert.equal(leases[0]!.expires_at, at)
  }
})
