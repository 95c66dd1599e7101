import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { type AccessApp, accessApp, bearer } from '../../support/http/access.ts'
import { type Answer, type Ask, ask, assertProblem } from '../../support/http/requests.ts'

const json = { 'content-type': 'application/json' }
const produce = (topic: string): Ask => ({ method: 'POST', path: `/topics/${topic}/produce`, headers: json, body: '{"payload":1}' })
const consume = (topic: string): Ask => ({ path: `/topics/${topic}/consume` })
const put = (path: string, body: object): Ask => ({ method: 'PUT', path, headers: json, body: JSON.stringify(body) })
const post = (path: string, body: object = {}): Ask => ({ method: 'POST', path, headers: json, body: JSON.stringify(body) })

function assertForbidden (answer: Answer, grant: string): void {
  assertProblem(answer, 'forbidden', `The token does not allow ${grant}.`)
  assert.equal(answer.headers['www-authenticate'], `Bearer realm="streams", error="insufficient_scope", scope="${grant}"`)
}

test('patterns match what they say, and nothing else', async (t) => {
  const { as } = await accessApp(t)
  const allowed = ['orders', 'orders.eu', 'orders.', 'orders.eu.west', 'exact', 'ex.', 'Upper']
  const grants = ['produce:orders*', 'consume:orders.*', 'consume:exact', 'consume:ex.', 'consume:Upper']
  const may = async (topic: string): Promise<boolean> => (await as(grants, consume(topic))).status === 200
  const others = [
    'order', 'ORDERS.eu', 'Orders.eu', 'orders-eu', 'orders_', 'exact2', 'exac', 'ex', 'xexact', 'upper', 'UPPER', 'orders*', 'aorders.eu'
  ]
  const seen = Object.fromEntries(await Promise.all([...allowed, ...others].map(async (topic) => [topic, await may(topic)] as const)))
  assert.deepEqual(Object.keys(seen).filter((topic) => seen[topic]), ['orders.eu', 'orders.', 'orders.eu.west', 'exact', 'ex.', 'Upper'])
  for (const topic of ['orders', 'orders2', 'orders.eu']) assert.equal((await as(grants, produce(topic))).status, 200, topic)
  for (const topic of ['order', 'ORDERS', 'exact']) assertForbidden(await as(grants, produce(topic)), `produce:${topic}`)
})

test('the name that is checked is the name that is used, however the path is written', async (t) => {
  const { as, log } = await accessApp(t)
  const grants = ['produce:orders', 'consume:orders', 'consume:orders.*']
  for (const path of ['orders', '%6Frders', '%6f%72%64%65%72%73', 'orders/', 'orders?x', 'order%73']) {
    const [name, rest = ''] = path.split(/(?=[/?])/) as [string, string?]
    const answer = await as(grants, { ...produce(''), path: `/topics/${name}/produce${rest}` })
    assert.equal(answer.status, 200, path)
    assert.equal((JSON.parse(answer.text) as { topic: string }).topic, 'orders')
  }
  assert.equal((await log.read('orders', { from: 1, limit: 10, maxBytes: 1_000 })).count, 6)
  assert.equal((await as(grants, consume('orders%2Eeu'))).status, 200)
  assertForbidden(await as(grants, consume('orders%2deu')), 'consume:orders-eu')
  assertForbidden(await as(grants, consume('%73ecret')), 'consume:secret')
  // Encoded twice it is another name, which is none.
  const none = ['%256Frders', 'orders%252Eeu', 'orders%2F..%2Fsecret', 'orders.%00', 'orders.eu%20', 'orders.%2e%2e%2fsecret', 'a%20b']
  for (const path of none) {
    assert.equal((JSON.parse((await as(grants, consume(path))).text) as { code: string }).code, 'invalid_topic', path)
  }
  for (const path of ['/v1/topics/secret/consume', '/topics/secret/consume/', '//topics/secret/consume', '/topics/./secret/consume',
    '/topics/orders/../secret/consume', '/v1/v1/topics/secret/consume', '/topics/orders;/consume', '/topics/orders%2Fconsume']) {
    for (const method of ['GET', 'HEAD']) {
      const { status } = await as(grants, { method, path })
      assert([400, 403, 404].includes(status), `${method} ${path}: ${status}`)
    }
  }
  assert.equal((await as(grants, { method: 'HEAD', path: '/topics/secret/consume' })).status, 403)
  assert.equal((await as(grants, { method: 'HEAD', path: '/topics/orders/consume' })).status, 200)
  const headers = { 'x-http-method-override': 'POST', 'x-original-url': '/health', 'x-rewrite-url': '/health' }
  assert.equal((await as(grants, { path: '/topics/secret/consume', headers })).status, 403)
})

test('whether a topic exists is not told to those who may not see it', async (t) => {
  const reads: string[] = []
  const store = createMemoryTopicStore()
  const topics: typeof store = {
    ...store,
    read (topic, options) {
      reads.push(topic)
      return store.read(topic, options)
    }
  }
  const { as } = await accessApp(t, { topics })
  const owner = ['admin:secret', 'produce:secret', 'groups:secret']
  assert.equal((await as(owner, produce('secret'))).status, 200)
  assert.equal((await as(owner, put('/topics/secret/groups/g', {}))).status, 201)
  const requests: Array<[(topic: string) => Ask, string]> = [
    [(topic) => ({ path: `/topics/${topic}` }), 'consume'],
    [(topic) => ({ path: `/topics/${topic}?groups=true` }), 'consume'],
    [(topic) => put(`/topics/${topic}`, {}), 'admin'],
    [(topic) => ({ method: 'DELETE', path: `/topics/${topic}` }), 'admin'],
    [produce, 'produce'],
    [(topic) => post(`/topics/${topic}/close`), 'produce'],
    [(topic) => post(`/topics/${topic}/trim`, { before: 1 }), 'admin'],
    [consume, 'consume'],
    [(topic) => ({ ...consume(topic), headers: { accept: 'text/event-stream' } }), 'consume'],
    [(topic) => ({ path: `/topics/${topic}/groups` }), 'groups'],
    [(topic) => ({ path: `/topics/${topic}/groups/g` }), 'groups'],
    [(topic) => post(`/topics/${topic}/groups/g/receive`), 'groups'],
    [(topic) => post(`/topics/${topic}/groups/g/redrive`), 'groups']
  ]
  // The token is looked up first.
  assert.equal((await as('consume:other', consume('other'))).status, 200)
  reads.length = 0
  for (const [request, action] of requests) {
    const [there, missing] = [await as('consume:other', request('secret')), await as('consume:other', request('absent'))]
    assertForbidden(there, `${action}:secret`)
    assertForbidden(missing, `${action}:absent`)
    const shape = ({ status, headers, text }: Answer): unknown => [status, { ...headers, 'x-request-id': '', date: '' }, text]
    assert.deepEqual(JSON.parse(JSON.stringify(shape(there)).replaceAll('secret', 'absent')), JSON.parse(JSON.stringify(shape(missing))))
  }
  assert.deepEqual(reads, [], 'nothing was looked up')
})

test('what is told of a topic depends on the action', async (t) => {
  const { as } = await accessApp(t)
  // The first message creates it.
  assert.equal((await as('produce:orders', produce('orders'))).status, 200)
  assert.equal((await as('groups:orders', put('/topics/orders/groups/g', {}))).status, 201)
  for (const action of ['produce', 'consume', 'groups', 'admin']) {
    assert.equal((await as(`${action}:orders`, { path: '/topics/orders' })).status, 200, action)
    const answer = await as(`${action}:orders`, { path: '/topics/orders?groups=true' })
    if (action === 'groups' || action === 'admin') assert.match(answer.text, /"groups":\[/)
    else assertForbidden(answer, 'groups:orders')
  }
  // No action includes another.
  assertForbidden(await as('admin:*', consume('orders')), 'consume:orders')
  assertForbidden(await as('consume:*', produce('orders')), 'produce:orders')
  assertForbidden(await as(['admin:orders*', 'metrics', 'consume:*'], { path: '/tokens' }), 'admin:*')
  // Who writes may also close, with a last message or alone.
  assert.equal((await as('produce:orders', post('/topics/orders/produce', { payload: 1, close: true }))).status, 200)
  assert.equal((await as('produce:orders', post('/topics/orders/close'))).status, 200)
})

/** All pages of a list, and their cursors. */
async function list ({ as }: AccessApp, grants: string[], query = ''): Promise<{ topics: string[], cursors: string[] }> {
  const [topics, cursors]: [string[], string[]] = [[], []]
  for (let after: string | undefined = ''; after !== undefined;) {
    const answer = await as(grants, { path: `/topics?after=${encodeURIComponent(after)}${query}` })
    assert.equal(answer.status, 200, answer.text)
    const page = JSON.parse(answer.text) as { topics: Array<{ topic: string }>, next?: string }
    topics.push(...page.topics.map(({ topic }) => topic))
    after = page.next
    if (after !== undefined) cursors.push(after)
    assert(cursors.length < 100, 'no end')
  }
  return { topics, cursors }
}

test('lists have the topics that the token may see, and their cursors tell of no others', async (t) => {
  const app = await accessApp(t, { limits: { visibleListsMax: 2 } })
  const names = [
    'a', 'orders', 'orders-eu', 'orders.', 'orders.eu', 'orders.us', 'orders.zz', 'orders2', 'other', 'secret.1', 'secret.2', 'zebra'
  ]
  for (const name of names) assert.equal((await app.as('admin:*', { method: 'PUT', path: `/topics/${name}` })).status, 201)
  const cases: Array<[string[], string[]]> = [
    [['consume:*'], names],
    [['produce:nothing', 'admin:*'], names],
    [['consume:orders.*'], ['orders.', 'orders.eu', 'orders.us', 'orders.zz']],
    [
      ['consume:orders.*', 'produce:orders', 'groups:zebra', 'admin:missing'],
      ['orders', 'orders.', 'orders.eu', 'orders.us', 'orders.zz', 'zebra']
    ],
    [['consume:orders.e*', 'consume:orders.*', 'consume:orders.eu'], ['orders.', 'orders.eu', 'orders.us', 'orders.zz']],
    [['consume:a'], ['a']],
    [['consume:zebra*'], ['zebra']],
    [['consume:-*', 'consume:zz*', 'consume:b'], []],
    [['metrics'], []],
    [['consume:o*'], names.filter((name) => name.startsWith('o'))]
  ]
  for (const [grants, expected] of cases) {
    for (const limit of [1, 2, 3, 100]) {
      const { topics, cursors } = await list(app, grants, `&limit=${limit}`)
      assert.deepEqual(topics, expected, `${grants.join()} by ${limit}`)
      for (const cursor of cursors) {
        const isOwn = expected.includes(cursor) || grants.some((grant) => {
          const pattern = grant.slice(grant.indexOf(':') + 1).replace(/\*$/, '')
          return pattern !== '' && cursor === `${pattern.slice(0, -1)}${String.fromCharCode(pattern.charCodeAt(pattern.length - 1) - 1)}~`
        })
        assert(isOwn, `${cursor} tells of a topic that ${grants.join()} may not see`)
      }
    }
  }
  // A client may begin anywhere.
  const answer = await app.as('consume:orders.*', { path: '/topics?after=orders.eu&limit=1' })
  assert.deepEqual(JSON.parse(answer.text), { topics: [{ topic: 'orders.us' }], next: 'orders.us' })
})

test('one list makes a bounded number of calls, however many patterns a token has', async (t) => {
  let lists = 0
  const topics = createMemoryTopicStore()
  const counted: typeof topics = {
    ...topics,
    list (...args) {
      lists++
      return topics.list(...args)
    }
  }
  const app = await accessApp(t, { topics: counted })
  const names = Array.from({ length: 60 }, (_, i) => `t${String(i).padStart(2, '0')}`)
  for (const name of names) await app.as('admin:*', { method: 'PUT', path: `/topics/${name}` })
  const grants = names.filter((_, i) => i % 2 === 0).map((name) => `consume:${name}`)
  for (const limit of [1, 7]) {
    for (let after: string | undefined = ''; after !== undefined;) {
      lists = 0
      const answer = await app.as(grants, { path: `/topics?limit=${limit}&after=${after}` })
      assert(lists <= 8, `${lists} lists`)
      after = (JSON.parse(answer.text) as { next?: string }).next
    }
    assert.deepEqual((await list(app, grants, `&limit=${limit}`)).topics, names.filter((_, i) => i % 2 === 0))
  }
})

test('a group does not write or read a topic for a client that may not', async (t) => {
  const { as, baseUrl, token } = await accessApp(t)
  const worker = 'groups:orders'
  await as('produce:orders', post('/topics/orders/produce', { messages: [1, 2, 3].map((payload) => ({ payload })) }))
  // The default is a part of groups.
  assert.equal((await as(worker, put('/topics/orders/groups/g', { max_attempts: 1 }))).status, 201)
  assert.equal((await as(worker, put('/topics/orders/groups/g', { dead_letter_topic: 'orders.dlq' }))).status, 200)
  assertForbidden(await as(worker, put('/topics/orders/groups/g', { dead_letter_topic: 'secret' })), 'produce:secret')
  assertForbidden(await as([worker, 'consume:secret'], put('/topics/orders/groups/new', { dead_letter_topic: 'secret' })), 'produce:secret')
  assert.equal((await as('groups:orders', { path: '/topics/orders/groups/new' })).status, 404, 'it was not made')
  assert.equal((await as([worker, 'produce:secret'], put('/topics/orders/groups/g', { dead_letter_topic: 'secret' }))).status, 200)
  // What was set stays, and others may use the group; but nobody reads the other topic by it who may not.
  assert.equal((await as(worker, put('/topics/orders/groups/g', { lease_ms: 20_000 }))).status, 200)
  assertForbidden(await as(worker, post('/topics/orders/groups/g/redrive')), 'consume:secret')
  assertForbidden(await as([worker, 'produce:secret'], post('/topics/orders/groups/g/redrive', { from: 1 })), 'consume:secret')
  assert.equal((await as([worker, 'consume:secret'], post('/topics/orders/groups/g/redrive'))).status, 200)
  assert.equal((await as(worker, put('/topics/orders/groups/h', {}))).status, 201)
  assert.equal((await as(worker, post('/topics/orders/groups/h/redrive'))).status, 200)
  assert.equal((await as(worker, put('/topics/orders/groups/h', { dead_letter_topic: null, max_attempts: null }))).status, 200)
  assert.equal((await as(worker, post('/topics/orders/groups/h/redrive'))).status, 200)
  // A lease is no credential: another topic's worker can do nothing with it.
  const { lease } = JSON.parse((await as(worker, post('/topics/orders/groups/g/receive', { limit: 1 }))).text) as { lease: { id: string } }
  for (const action of ['ack', 'nack', 'extend']) {
    assertForbidden(await as('groups:other', post(`/topics/orders/groups/g/${action}`, { lease_id: lease.id })), 'groups:orders')
  }
  const headers = { ...json, ...bearer(await token(worker)) }
  assert.equal((await ask(baseUrl, { ...post('/topics/orders/groups/g/ack', { lease_id: lease.id }), headers })).status, 200)
})
