import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsClient } from '../src/index.ts'
import { scripted } from './support/scripted.ts'
import { startService } from './support/service.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: ReadonlyArray<{ readonly in: string, readonly name: string }>
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

interface Schema { readonly properties?: Readonly<Record<string, unknown>>, readonly anyOf?: readonly Schema[] }

/** Every operation of the service, with every option that the client has for it. */
function callsOf (client: StreamsClient): Record<string, () => Promise<unknown>> {
  const topic = client.topic('a topic')
  const group = topic.group('a group')
  return {
    produce: () => topic.appendBatch([{ payload: 1 }], { expectedOffset: 1, order: 'a', close: true, idempotencyKey: 'k' }),
    consume: () => topic.page({ from: 1, limit: 1, maxBytes: 1, waitMs: 1 }),
    listTopics: () => client.topics().next(),
    describeTopic: () => topic.describe({ groups: true }),
    putTopic: () => topic.create({ retentionMs: 1_000, retentionBytes: 1, maxMessageBytes: 1, rate: { messages: 1, bytes: 1 } }),
    trimTopic: () => topic.trim(1),
    closeTopic: () => topic.close({ expectedOffset: 1 }),
    deleteTopic: () => topic.delete(),
    listGroups: () => topic.groups().next(),
    describeGroup: () => group.describe(),
    putGroup: () => group.create({
      mode: 'keyed', leaseMs: 1_000, maxAttempts: 1, deadLetterTopic: 'dead', maxInFlight: 1, start: 'latest'
    }),
    deleteGroup: () => group.delete({ force: true }),
    receive: () => group.receive({
      limit: 1, maxBytes: 1, leaseMs: 1_000, waitMs: 1, consumer: 'c', idempotencyKey: 'k', ack: [{ leaseId: 'l', offsets: [1] }]
    }),
    ack: () => group.ack({ leaseId: 'l', offsets: [1] }),
    nack: () => group.nack({ leaseId: 'l', offsets: [1] }, { delayMs: 1, counted: false, reject: true, detail: 'd' }),
    extend: () => group.extend('l', { leaseMs: 1_000 }),
    seekGroup: () => group.seek(1, { expected: 1 }),
    redriveGroup: () => group.redrive({ limit: 1, from: 1 }),
    createToken: () => client.tokens.create({ name: 'n', allow: ['metrics'], expiresAt: 1, expiresInMs: 1, rate: { requests: 1 } }),
    listTokens: () => client.tokens.list().next(),
    describeToken: () => client.tokens.describe('id'),
    revokeToken: () => client.tokens.revoke('id'),
    health: () => client.health(),
    ready: () => client.ready(),
    metrics: () => client.metrics()
  }
}

/** Names of the body's members, of all its forms. */
function membersOf ({ properties = {}, anyOf = [] }: Schema): string[] {
  return [...Object.keys(properties), ...anyOf.flatMap(membersOf)]
}

/** Members that other parts of the client send: a single append, and the producer. */
const elsewhere = new Set(['payload', 'key', 'headers', 'producer'])
/** The client pages by itself, and reads lines. */
const own = new Set(['after', 'limit', 'offset', 'timestamp'])

test('the client has a method for every operation of the service, with every member and parameter', async (t) => {
  // Only where AUTH names tokens does the service manage them.
  const { service, client: real } = await startService(t, { target: 'server-tokens' })
  const { paths } = await (await fetch(`${service.url}/openapi.json`)).json() as { paths: Record<string, Record<string, Operation>> }
  const requests: Array<{ url: string, init: RequestInit }> = []
  const client = new StreamsClient({
    url: 'http://service',
    async fetch (input, init) {
      requests.push({ url: input as string, init: init! })
      return new Response('{}', { status: 400 })
    }
  })
  const calls = callsOf(client)
  const left = new Set(Object.keys(calls))
  const gaps: string[] = []
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { operationId, parameters = [], requestBody }] of Object.entries(methods)) {
      left.delete(operationId)
      const call = calls[operationId]
      if (call === undefined) {
        gaps.push(operationId)
        continue
      }
      await assert.rejects(call())
      const { url, init } = requests.pop()!
      const { pathname, searchParams } = new URL(url)
      assert.equal(init.method, method.toUpperCase(), operationId)
      assert.match(pathname, new RegExp(`^${path.replaceAll(/\{[^}]*\}/g, '[^/]+')}$`), operationId)
      const query = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)
      for (const name of searchParams.keys()) assert.ok(query.includes(name), `${operationId}: ${name}`)
      gaps.push(...query.filter((name) => !searchParams.has(name) && !own.has(name)).map((name) => `${operationId}?${name}`))
      const schema = requestBody?.content['application/json']?.schema
      const members = schema === undefined ? [] : membersOf(schema)
      const sent = typeof init.body === 'string' ? Object.keys(JSON.parse(init.body) as object) : []
      for (const name of sent) assert.ok(members.includes(name), `${operationId}: ${name}`)
      gaps.push(...members.filter((name) => !sent.includes(name) && !elsewhere.has(name)).map((name) => `${operationId}.${name}`))
    }
  }
  assert.deepEqual([gaps, [...left]], [[], []])
  assert.match(await real.metrics(), /^# HELP /m)
})

test('tokens: all pages of the list, and members in camelCase', async (t) => {
  const token = { id: 'a1', name: 'ci', allow: ['metrics'], created_at: 5, created_by: null, expires_at: null, rate: { requests: 3 } }
  const { url, arrived } = await scripted(t, { body: { tokens: [token], next: 'a1' } }, { body: { tokens: [{ ...token, id: 'b2' }] } },
    { status: 201, body: { ...token, token: 'secret' } }, 'close')
  const client = new StreamsClient({ url })
  const listed = await Array.fromAsync(client.tokens.list())
  const expected = { id: 'a1', name: 'ci', allow: ['metrics'], createdAt: 5, createdBy: null, expiresAt: null, rate: { requests: 3 } }
  assert.deepEqual(listed, [expected, { ...expected, id: 'b2' }])
  assert.deepEqual(await client.tokens.create({ name: 'ci', allow: ['metrics'] }), { ...expected, token: 'secret' })
  // Another request would create another token.
  await assert.rejects(client.tokens.create({ name: 'ci', allow: ['metrics'], expiresInMs: 7 }))
  assert.deepEqual(arrived.map(({ method, url }) => `${method} ${url}`), [
    'GET /tokens?limit=1000', 'GET /tokens?after=a1&limit=1000', 'POST /tokens', 'POST /tokens'
  ])
  assert.equal(arrived[3]!.body, '{"name":"ci","allow":["metrics"],"expires_in_ms":7}')
})
