import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsApp, Worker } from '../../support/http/groups.ts'
import { ask, assertProblem } from '../../support/http/requests.ts'

const most = Number.MAX_SAFE_INTEGER
const partMembers = 'lease_id, offsets'
const receiveMembers = 'limit, max_bytes, lease_ms, wait, consumer, ack'
const nackMembers = `${partMembers}, delay_ms, counted, reject, detail`
const configMembers = 'mode, lease_ms, max_attempts, dead_letter_topic, max_in_flight, start'
const leaseExpected = 'a whole number from 1000 to 43200000'
const offsetExpected = `a whole number from 1 to ${most}`
const placeExpected = `${offsetExpected}, "earliest" or "latest"`
const nameExpected = '1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or ".."'
const consumerExpected = '1 to 64 bytes of UTF-8 without control characters'

/** Of each route: bodies with the details of their errors. LEASE stands for the id of a lease of the offsets 1 to 3. */
const bad: Record<string, ReadonlyArray<readonly [body: string, detail: string]>> = {
  'POST /receive': [
    ['[]', 'body: expected a JSON object, got an array'],
    ['null', 'body: expected a JSON object, got null'],
    ['{"max":1}', `max: expected one of ${receiveMembers}, got an unknown member`],
    ['{"__proto__":1}', `__proto__: expected one of ${receiveMembers}, got an unknown member`],
    ['{"limit":1,"limit":1}', 'limit: expected once, got twice'],
    ['{"limit":0}', 'limit: expected a whole number from 1 to 1000, got 0'],
    ['{"limit":1001}', 'limit: expected a whole number from 1 to 1000, got 1001'],
    ['{"limit":1.5}', 'limit: expected a whole number from 1 to 1000, got 1.5'],
    ['{"limit":"1"}', 'limit: expected a whole number from 1 to 1000, got "1"'],
    ['{"limit":null}', 'limit: expected a whole number from 1 to 1000, got null'],
    ['{"max_bytes":0}', 'max_bytes: expected a whole number from 1, got 0'],
    ['{"max_bytes":true}', 'max_bytes: expected a whole number from 1, got true'],
    ['{"lease_ms":999}', `lease_ms: expected ${leaseExpected}, got 999`],
    ['{"lease_ms":43200001}', `lease_ms: expected ${leaseExpected}, got 43200001`],
    ['{"lease_ms":{}}', `lease_ms: expected ${leaseExpected}, got an object`],
    ['{"wait":-0.001}', 'wait: expected a number of seconds from 0, got -0.001'],
    ['{"wait":"20"}', 'wait: expected a number of seconds from 0, got "20"'],
    ['{"consumer":""}', `consumer: expected ${consumerExpected}, got ""`],
    ['{"consumer":"a\\nb"}', `consumer: expected ${consumerExpected}, got "a\\nb"`],
    ['{"consumer":"\\ud800"}', `consumer: expected ${consumerExpected}, got half of a surrogate pair in "\\ud800"`],
    [`{"consumer":"${'é'.repeat(32)}e"}`, `consumer: expected ${consumerExpected}, got 65 bytes`],
    ['{"consumer":7}', `consumer: expected ${consumerExpected}, got 7`],
    ['{"ack":{}}', 'ack: expected an array of at most 100 acknowledgements, got an object'],
    [
      `{"ack":[${Array(101).fill('{"lease_id":"LEASE"}').join()}]}`,
      'ack: expected an array of at most 100 acknowledgements, got an array of 101'
    ],
    ['{"ack":[1]}', 'ack.0: expected a JSON object, got 1'],
    ['{"ack":[{}]}', 'ack.0.lease_id: expected the id of a lease, got nothing'],
    ['{"ack":[{"lease_id":"LEASE","lease_id":"LEASE"}]}', 'ack.0.lease_id: expected once, got twice'],
    ['{"ack":[{"lease_id":"LEASE"},{"lease_id":"LEASE","x":1}]}', `ack.1.x: expected one of ${partMembers}, got an unknown member`],
    ['{"ack":[{"lease_id":"LEASE","offsets":[]}]}', 'ack.0.offsets: expected an array of 1 to 1000 offsets, got none'],
    [
      '{"ack":[{"lease_id":"LEASE","offsets":[3,4]}]}',
      'ack.0.offsets.1: expected 1 to 3, the first and the last offset of the lease, got 4'
    ]
  ],
  'POST /ack': [
    ['', 'lease_id: expected the id of a lease, got nothing'],
    ['{}', 'lease_id: expected the id of a lease, got nothing'],
    ['[]', 'body: expected a JSON object, got an array'],
    ['{"lease_id":"LEASE","offset":1}', `offset: expected one of ${partMembers}, got an unknown member`],
    ['{"lease_id":null}', 'lease_id: expected the id of a lease, got null'],
    ['{"lease_id":"abc"}', 'lease_id: expected the id of a lease, got "abc"'],
    [`{"lease_id":"${'_'.repeat(48)}"}`, `lease_id: expected the id of a lease, got "${'_'.repeat(48)}"`],
    ['{"lease_id":"LEASE","offsets":1}', 'offsets: expected an array of 1 to 1000 offsets, got 1'],
    ['{"lease_id":"LEASE","offsets":[]}', 'offsets: expected an array of 1 to 1000 offsets, got none'],
    [
      `{"lease_id":"LEASE","offsets":[${Array(1_001).fill('1').join()}]}`,
      'offsets: expected an array of 1 to 1000 offsets, got an array of 1001'
    ],
    ['{"lease_id":"LEASE","offsets":[1,0]}', `offsets.1: expected ${offsetExpected}, got 0`],
    ['{"lease_id":"LEASE","offsets":["1"]}', `offsets.0: expected ${offsetExpected}, got "1"`],
    ['{"lease_id":"LEASE","offsets":[4]}', 'offsets.0: expected 1 to 3, the first and the last offset of the lease, got 4']
  ],
  'POST /nack': [
    ['{}', 'lease_id: expected the id of a lease, got nothing'],
    ['{"lease_id":"LEASE","delay":1}', `delay: expected one of ${nackMembers}, got an unknown member`],
    ['{"lease_id":"x"}', 'lease_id: expected the id of a lease, got "x"'],
    ['{"lease_id":"LEASE","offsets":[9]}', 'offsets.0: expected 1 to 3, the first and the last offset of the lease, got 9'],
    ['{"lease_id":"LEASE","delay_ms":-1}', 'delay_ms: expected a whole number from 0 to 43200000, got -1'],
    ['{"lease_id":"LEASE","delay_ms":43200001}', 'delay_ms: expected a whole number from 0 to 43200000, got 43200001'],
    ['{"lease_id":"LEASE","counted":0}', 'counted: expected true or false, got 0'],
    ['{"lease_id":"LEASE","reject":"true"}', 'reject: expected true or false, got "true"'],
    ['{"lease_id":"LEASE","detail":1}', 'detail: expected a string of at most 100 bytes, got 1'],
    [`{"lease_id":"LEASE","detail":"${'é'.repeat(50)}e"}`, 'detail: expected a string of at most 100 bytes, got 101 bytes'],
    ['{"lease_id":"LEASE","detail":"\\udc00"}', 'detail: expected a string of at most 100 bytes, got half of a surrogate pair in "\\udc00"']
  ],
  'POST /extend': [
    ['{}', 'lease_id: expected the id of a lease, got nothing'],
    ['{"lease_id":"LEASE","offsets":[1]}', 'offsets: expected one of lease_id, lease_ms, got an unknown member'],
    ['{"lease_id":"LEASE","lease_ms":999}', `lease_ms: expected ${leaseExpected}, got 999`],
    ['{"lease_id":"LEASE","lease_ms":43200001}', `lease_ms: expected ${leaseExpected}, got 43200001`]
  ],
  'PUT ': [
    ['{"group":"g"}', `group: expected one of ${configMembers}, got an unknown member`],
    ['{"mode":"fair"}', 'mode: expected "shared", "keyed" or "exclusive", got "fair"'],
    ['{"mode":null}', 'mode: expected "shared", "keyed" or "exclusive", got null'],
    ['{"lease_ms":999}', `lease_ms: expected ${leaseExpected}, got 999`],
    ['{"lease_ms":43200001}', `lease_ms: expected ${leaseExpected}, got 43200001`],
    ['{"max_attempts":0}', 'max_attempts: expected a whole number from 1 to 1000, or null, got 0'],
    ['{"max_attempts":1001}', 'max_attempts: expected a whole number from 1 to 1000, or null, got 1001'],
    ['{"dead_letter_topic":""}', `dead_letter_topic: expected ${nameExpected}, or null, got ""`],
    ['{"dead_letter_topic":1}', `dead_letter_topic: expected ${nameExpected}, or null, got 1`],
    ['{"max_in_flight":0}', 'max_in_flight: expected a whole number from 1 to 4000, got 0'],
    ['{"max_in_flight":4001}', 'max_in_flight: expected a whole number from 1 to 4000, got 4001'],
    ['{"start":0}', `start: expected ${placeExpected}, got 0`],
    ['{"start":"end"}', `start: expected ${placeExpected}, got "end"`]
  ],
  'PUT /offset': [
    ['{}', `offset: expected ${placeExpected}, got nothing`],
    ['{"offset":1,"x":1}', 'x: expected one of offset, expected, got an unknown member'],
    ['{"offset":null}', `offset: expected ${placeExpected}, got null`],
    ['{"offset":9007199254740992}', `offset: expected ${placeExpected}, got 9007199254740992`],
    ['{"offset":1,"expected":0}', `expected: expected ${offsetExpected}, got 0`],
    ['{"offset":1,"expected":"1"}', `expected: expected ${offsetExpected}, got "1"`]
  ],
  'POST /redrive': [
    ['{"limit":0}', 'limit: expected a whole number from 1 to 1000, got 0'],
    ['{"limit":1001}', 'limit: expected a whole number from 1 to 1000, got 1001'],
    ['{"from":0}', `from: expected ${offsetExpected}, got 0`],
    ['{"to":1}', 'to: expected one of limit, from, got an unknown member']
  ]
}

test('bad input of consumer groups', async (t) => {
  const { baseUrl, worker } = await groupsApp(t)
  const on = await worker('orders', 3)
  const { id } = await on.lease()

  for (const [route, cases] of Object.entries(bad)) {
    const [method, action] = route.split(' ') as [string, string]
    for (const [body, detail] of cases) {
      await t.test(`${route}: ${body.slice(0, 80)}`, async () => {
        const before = await on.done('GET')
        const answer = await on.ask(method, action, body === '' ? undefined : body.replaceAll('LEASE', id))
        assertProblem(answer, 'invalid_request', detail)
        assert.deepEqual(await on.done('GET'), before)
      })
    }
  }

  await t.test('bodies that are none', async () => {
    const routes = [['POST', '/receive'], ['POST', '/ack'], ['PUT', ''], ['PUT', '/offset'], ['POST', '/redrive']] as const
    for (const [method, action] of routes) {
      assertProblem(await on.ask(method, action, '{"limit"'), 'malformed_json', 'body: expected valid JSON, got a syntax error')
      const lines = await on.ask(method, action, '{}', { 'content-type': 'text/plain' })
      assertProblem(lines, 'unsupported_media_type', 'content-type: expected application/json in UTF-8, got "text/plain"')
      const large = await on.ask(method, action, `{"limit":${' '.repeat(128 * 1024)}1}`)
      assertProblem(large, 'body_too_large', 'body: expected at most 131072 bytes, got more')
    }
  })

  await t.test('the largest body that is taken', async () => {
    const body = `{"lease_id":"${id}"`
    const answer = await on.ask('POST', '/extend', body + ' '.repeat(128 * 1024 - body.length - 1) + '}')
    assert.equal(answer.status, 200, answer.text)
  })

  await t.test('keys of receives', async () => {
    for (const key of ['', 'k'.repeat(257)]) {
      const answer = await on.ask('POST', '/receive', {}, { 'idempotency-key': key })
      const got = JSON.stringify(key.length > 60 ? key.slice(0, 60) + '…' : key)
      assertProblem(answer, 'invalid_request', `idempotency-key: expected 1 to 256 printable ASCII characters, got ${got}`)
    }
    assert.equal((await on.ask('POST', '/receive', {}, { 'idempotency-key': 'k'.repeat(256) })).status, 200)
  })

  await t.test('names', async () => {
    const routes = [
      ['POST', '/receive'], ['POST', '/ack'], ['POST', '/nack'], ['POST', '/extend'], ['PUT', ''], ['GET', ''], ['DELETE', ''],
      ['PUT', '/offset'], ['POST', '/redrive']
    ] as const
    for (const [method, action] of routes) {
      const long = 'a'.repeat(250)
      assertProblem(
        await new Worker(baseUrl, 'orders', 'a%20b').ask(method, action), 'invalid_group', `group: expected ${nameExpected}, got "a b"`
      )
      assertProblem(
        await new Worker(baseUrl, 'orders', long).ask(method, action), 'invalid_group',
        `group: expected ${nameExpected}, got "${'a'.repeat(60)}…"`
      )
      assertProblem(
        await new Worker(baseUrl, 'a%20b', 'g').ask(method, action), 'invalid_topic', `topic: expected ${nameExpected}, got "a b"`
      )
    }
    assertProblem(await ask(baseUrl, { path: '/topics/a%20b/groups' }), 'invalid_topic', `topic: expected ${nameExpected}, got "a b"`)
    assert.equal((await new Worker(baseUrl, 'orders', 'a'.repeat(249)).ask('POST', '/receive')).status, 200)
  })

  await t.test('query parameters', async () => {
    const cases = [
      ['DELETE', '/orders/groups/g?force=yes', 'force: expected true or false, got "yes"'],
      ['DELETE', '/orders/groups/g?now=1', 'now: expected one of force, got an unknown parameter'],
      ['GET', '/orders/groups?limit=0', 'limit: expected a whole number from 1, got "0"'],
      ['GET', '/orders/groups?before=a', 'before: expected one of limit, after, got an unknown parameter'],
      ['GET', `/orders/groups?after=${'a'.repeat(1_025)}`, 'after: expected a string of at most 1024 bytes, got 1025 bytes'],
      ['GET', '/orders?groups=1', 'groups: expected true or false, got "1"'],
      ['GET', '/orders?lag=true', 'lag: expected one of groups, got an unknown parameter']
    ] as const
    for (const [method, path, detail] of cases) {
      assertProblem(await ask(baseUrl, { method, path: `/topics${path}` }), 'invalid_request', detail)
    }
  })

  await t.test('there is no such group', async () => {
    const other = new Worker(baseUrl, 'orders', 'other')
    for (const [method, action, body] of [
      ['POST', '/ack', { lease_id: id }], ['POST', '/nack', { lease_id: id }], ['POST', '/extend', { lease_id: id }],
      ['GET', '', undefined], ['DELETE', '', undefined], ['POST', '/redrive', {}]
    ] as const) {
      const detail = 'The topic orders has no consumer group other. A receive or a PUT makes one.'
      assertProblem(await other.ask(method, action, body), 'group_not_found', detail)
    }
  })
})
