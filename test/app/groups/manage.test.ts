import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { groupsApp, Worker } from '../../support/http/groups.ts'
import { ask, assertProblem, problem, produce, send } from '../../support/http/requests.ts'

const defaults = { mode: 'shared', lease_ms: 30_000, max_attempts: 5, dead_letter_topic: 'orders.dlq', max_in_flight: 2_000 }
/** With one lease. */
const pending = '1 leases are live, 0 messages wait to be delivered again, 0 keys have messages that were passed over, ' +
  'and 0 messages are on their way to the dead-letter topic.'
const idle = { in_flight: 0, retrying: 0, delayed: 0, locked_keys: 0, dead_letters_waiting: 0, leases: [] }
const at = (committed: number, next: number, end: number) =>
  ({ committed_offset: committed, next_offset: next, end, lag: end - committed })

test('PUT makes a group, changes it, and keeps what is absent', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const put = async (status: number, body?: object): Promise<object> => {
    const answer = await on.ask('PUT', '', body)
    assert.equal(answer.status, status, answer.text)
    const { state_bytes: bytes, ...rest } = JSON.parse(answer.text) as { state_bytes: number }
    assert(bytes > 50 && bytes < 300)
    const { state_bytes: got, ...described } = await on.done('GET')
    assert.deepEqual({ got, ...described }, { got: bytes, ...rest })
    return rest
  }
  const names = { topic: 'orders', group: 'g' }
  assert.deepEqual(await put(201), { ...names, ...defaults, ...at(1, 1, 4), ...idle })
  assert.deepEqual(await put(200, {}), { ...names, ...defaults, ...at(1, 1, 4), ...idle })
  const all = { mode: 'keyed', lease_ms: 43_200_000, max_attempts: 1_000, dead_letter_topic: 'letters', max_in_flight: 4_000 }
  // A group that exists stays where it is.
  assert.deepEqual(await put(200, { ...all, start: 'latest' }), { ...names, ...all, ...at(1, 1, 4), ...idle })
  assert.deepEqual(await put(200, { max_in_flight: 1 }), { ...names, ...all, max_in_flight: 1, ...at(1, 1, 4), ...idle })
  const none = { dead_letter_topic: null, max_attempts: null }
  assert.deepEqual(await put(200, none), { ...names, ...all, max_in_flight: 1, ...none, ...at(1, 1, 4), ...idle })
})

test('where a new group begins', async (t) => {
  const { baseUrl } = await groupsApp(t)
  await produce(baseUrl, 'orders', '{"messages":[{"payload":1},{"payload":2},{"payload":3}]}')
  await send(baseUrl, 'POST', '/topics/orders/trim', { before: 2 })
  for (const [start, offset] of [['earliest', 2], ['latest', 4], [1, 2], [3, 3], [4, 4]] as const) {
    const group = await new Worker(baseUrl, 'orders', `from-${start}`).done('PUT', '', { start })
    assert.deepEqual([group['committed_offset'], group['next_offset']], [offset, offset])
  }
  const beyond = new Worker(baseUrl, 'orders', 'beyond')
  assertProblem(await beyond.ask('PUT', '', { start: 5 }), 'offset_out_of_range',
    'offset: expected at most 4, the end of the topic, got 5',
    { earliest: 2, end: 4 })
  assert.equal((await beyond.ask('GET')).status, 404)
})

test('settings that contradict each other, or what is pending', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  assertProblem(await on.ask('PUT', '', { dead_letter_topic: 'orders' }), 'invalid_group_config',
    'dead_letter_topic: expected another topic than the group\'s')
  assertProblem(await on.ask('PUT', '', { dead_letter_topic: null }), 'invalid_group_config',
    'max_attempts: expected null, because the group has no dead_letter_topic to which messages could go')
  await on.lease()
  assertProblem(await on.ask('PUT', '', { mode: 'keyed' }), 'group_busy', `mode: expected the same while messages are pending: ${pending}`)
  assert.equal((await on.done('PUT', '', { lease_ms: 5_000 }))['lease_ms'], 5_000)
})

test('a description has the leases, without their ids', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', ['a', 'a', 'b', 'c'])
  await on.done('PUT', '', { mode: 'keyed' })
  const { lease } = await on.receive({ limit: 3, consumer: 'wörker 1' })
  await on.done('POST', '/ack', { lease_id: lease!.id, offsets: [3] })
  await on.receive()
  const answer = await on.ask('GET')
  const { leases, ...group } = JSON.parse(answer.text) as { leases: object[], in_flight: number, locked_keys: number, lag: number }
  assert.deepEqual([group.in_flight, group.locked_keys, group.lag], [3, 2, 4])
  assert.deepEqual(leases.map((each) => ({ ...each, expires_at: 0 })), [
    { consumer: 'wörker 1', expires_at: 0, first: 1, last: 2, messages: 2 },
    { consumer: null, expires_at: 0, first: 4, last: 4, messages: 1 }
  ])
  assert(!answer.text.includes(lease!.id) && !answer.text.includes('producer'))
})

test('PUT offset: seeks, and stores the position of a consumer that reads by itself', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 5)
  const seek = (body: object) => on.done('PUT', '/offset', body)
  assert.deepEqual(await seek({ offset: 3 }), { committed_offset: 3, ended_leases: 0 })
  assert.deepEqual(await seek({ offset: 4, expected: 3 }), { committed_offset: 4, ended_leases: 0 })
  assertProblem(await on.ask('PUT', '/offset', { offset: 5, expected: 3 }), 'offset_conflict',
    'expected: the committed offset is 4, not 3.', { committed_offset: 4 })
  assertProblem(await on.ask('PUT', '/offset', { offset: 7 }), 'offset_out_of_range',
    'offset: expected at most 6, the end of the topic, got 7', { earliest: 1, end: 6 })
  const { id } = await on.lease()
  assert.deepEqual(await seek({ offset: 'earliest' }), { committed_offset: 1, ended_leases: 1 })
  assertProblem(await on.ask('POST', '/ack', { lease_id: id }), 'lease_lost',
    'The lease has ended: what of it was not acknowledged is delivered again, or was already.', { offsets: [4, 5] })
  assert.deepEqual((await on.lease()).offsets, [1, 2, 3, 4, 5])
  assert.deepEqual(await seek({ offset: 'latest' }), { committed_offset: 6, ended_leases: 1 })
  assert.deepEqual((await on.receive()).messages, [])
})

test('DELETE: not while messages are out, but with force', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const { id } = await on.lease()
  assertProblem(await on.ask('DELETE'), 'group_busy', `The group is deleted only with force=true while messages are pending: ${pending}`)
  assert.equal((await on.ask('DELETE', '?force=false')).status, 409)
  await on.done('POST', '/ack', { lease_id: id })
  const answer = await on.ask('DELETE')
  assert.deepEqual([answer.status, answer.text], [204, ''])
  await on.lease()
  assert.equal((await on.ask('DELETE', '?force=true')).status, 204)
  assert.equal((await on.ask('GET')).status, 404)
})

test('the groups of a topic, page by page', async (t) => {
  const { baseUrl } = await groupsApp(t)
  const list = async (query = ''): Promise<unknown> => JSON.parse((await ask(baseUrl, { path: `/topics/orders/groups${query}` })).text)
  assert.deepEqual(await list(), { groups: [] })
  for (const group of ['b', 'a', 'C', 'd']) await new Worker(baseUrl, 'orders', group).done('PUT')
  await new Worker(baseUrl, 'orders-2', 'e').done('PUT')
  const named = (...names: string[]) => names.map((group) => ({ group }))
  assert.deepEqual(await list(), { groups: named('C', 'a', 'b', 'd') })
  assert.deepEqual(await list('?limit=3'), { groups: named('C', 'a', 'b'), next: 'b' })
  assert.deepEqual(await list('?limit=3&after=b'), { groups: named('d') })
  assert.deepEqual(await list('?limit=4'), { groups: named('C', 'a', 'b', 'd') })
  assert.deepEqual(await list('?after=d'), { groups: [] })
})

test('a topic\'s description has the lag of its groups, if that is asked for', async (t) => {
  const { baseUrl, worker } = await groupsApp(t, { limits: { describedGroupsMax: 2 } })
  const describe = async (query = ''): Promise<Record<string, unknown>> =>
    JSON.parse((await ask(baseUrl, { path: `/topics/orders${query}` })).text) as Record<string, unknown>
  const b = await worker('orders', 3, 'b')
  const bare = await describe()
  assert.deepEqual(Object.keys(bare), ['topic', 'earliest', 'end', 'created_at', 'closed', 'config'])
  assert.deepEqual(await describe('?groups=false'), bare)
  assert.deepEqual(await describe('?groups=true'), { ...bare, groups: [], groups_truncated: false })
  const { id } = await b.lease({ limit: 2 })
  await b.done('POST', '/ack', { lease_id: id })
  await (await worker('orders', 0, 'a')).done('PUT')
  const groups = [{ group: 'a', committed_offset: 1, lag: 3 }, { group: 'b', committed_offset: 3, lag: 1 }]
  assert.deepEqual(await describe('?groups=true'), { ...bare, groups, groups_truncated: false })
  await (await worker('orders', 0, 'c')).done('PUT')
  assert.deepEqual(await describe('?groups=true'), { ...bare, groups, groups_truncated: true })
  assertProblem(await ask(baseUrl, { path: '/topics/none?groups=true' }), 'topic_not_found', 'The topic none does not exist.')
})

test('a group that cannot be read harms no other, and can be deleted', async (t) => {
  const groupStore = createMemoryGroupStore()
  const { baseUrl, worker } = await groupsApp(t, { groupStore })
  const good = await worker('orders', 1, 'good')
  await good.done('PUT')
  await groupStore.write({ topic: 'orders', group: 'bad' }, {
    gen: '00'.repeat(16), rev: 1, by: 'x', config: '{"mode":"fair"}', state: new Uint8Array([99])
  }, null)
  const bad = new Worker(baseUrl, 'orders', 'bad')
  const detail = 'What is stored of the group bad of topic orders cannot be read. ' +
    'Another program has changed it, or a newer version has written it. DELETE with force=true removes it.'
  const requests = [['POST', '/receive', {}], ['GET', '', undefined], ['PUT', '', {}], ['DELETE', '', undefined]] as const
  for (const [method, action, body] of requests) {
    assertProblem(await bad.ask(method, action, body), 'group_corrupt', detail)
  }
  const { text } = await ask(baseUrl, { path: '/topics/orders?groups=true' })
  assert.deepEqual((JSON.parse(text) as { groups: object[] }).groups, [
    { group: 'bad', committed_offset: null, lag: null }, { group: 'good', committed_offset: 1, lag: 1 }
  ])
  assert.deepEqual((await good.lease()).offsets, [1])
  assert.equal((await bad.ask('DELETE', '?force=true')).status, 204)
  assert.deepEqual((await bad.lease()).offsets, [1])
})

test('HEAD, and methods that a path does not take', async (t) => {
  const { worker } = await groupsApp(t)
  const on = await worker('orders', 1)
  await on.done('PUT')
  assert.equal((await on.ask('HEAD')).status, 200)
  const answer = await on.ask('GET', '/receive')
  assert.deepEqual([answer.status, answer.headers['allow']], [405, 'POST'])
  assert.deepEqual(JSON.parse(answer.text), problem('method_not_allowed', 'method: expected POST, got GET'))
})
