import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { follow } from '../support/http/events.ts'
import { ask, assertProblem, consume, credentialsOf, produce, send } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

export async function live (t: TestContext, subject: Subject): Promise<void> {
  await longPoll(t, subject)
  if (subject.streams) await streams(t, subject)
}

async function fill (baseUrl: string, topic: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) assert.equal((await produce(baseUrl, topic, `{"payload":${n}}`)).status, 200)
}

const soon = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

async function longPoll (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('wait: what is there already comes at once', async () => {
    const name = topic()
    await fill(baseUrl, name, 1, 3)
    const began = Date.now()
    const { text } = await consume(baseUrl, name, '?wait=20&limit=2')
    assert.match(text, /^\{"messages":\[\{"offset":1,.*\},\{"offset":2,.*\}\],"next_offset":3\}$/)
    assert(Date.now() - began < 10_000)
  })

  await t.test('wait: a message that comes meanwhile ends it', async () => {
    const name = topic()
    const began = Date.now()
    const waiting = [
      consume(baseUrl, name, '?wait=20'),
      consume(baseUrl, name, '?wait=20&offset=latest'),
      consume(baseUrl, name, '?wait=20&offset=1&limit=1')
    ]
    await soon(300)
    await fill(baseUrl, name, 1, 1)
    for (const { status, text } of await Promise.all(waiting)) {
      assert.equal(status, 200)
      assert.match(text, /^\{"messages":\[\{"offset":1,"payload":1,"timestamp":\d+\}\],"next_offset":2\}$/)
    }
    assert(Date.now() - began < 15_000)
  })

  await t.test('wait: an empty page when nothing comes', async () => {
    const began = Date.now()
    const { status, text } = await consume(baseUrl, topic(), '?offset=1&wait=1')
    assert.equal(status, 200)
    assert.equal(text, '{"messages":[],"next_offset":1}')
    assert(Date.now() - began >= 950)
  })

  await t.test('wait: fractions of a second', async () => {
    const began = Date.now()
    assert.equal((await consume(baseUrl, topic(), '?wait=0.6')).text, '{"messages":[],"next_offset":1}')
    assert(Date.now() - began >= 550)
    for (const wait of ['0.0', '0.001', '0.25']) assert.equal((await consume(baseUrl, topic(), `?wait=${wait}`)).status, 200)
  })

  await t.test('wait: 0 and HEAD do not wait, a longer one than the longest is cut', async () => {
    const name = topic()
    const began = Date.now()
    assert.equal((await consume(baseUrl, name, '?wait=0')).status, 200)
    assert.equal((await ask(baseUrl, { method: 'HEAD', path: `/topics/${name}/consume?wait=20` })).status, 200)
    assert(Date.now() - began < 10_000)
    await fill(baseUrl, name, 1, 1)
    assert.equal((await consume(baseUrl, name, '?wait=99999999999999999999999')).status, 200)
  })

  await t.test('wait: somebody who goes away meanwhile leaves the others alone', async () => {
    const name = topic()
    const { hostname, port } = new URL(baseUrl)
    const options = { hostname, port, path: `/topics/${name}/consume?wait=20`, headers: { ...credentialsOf(baseUrl) }, agent: false }
    const gone = request(options).on('error', () => {}).end()
    const waiting = consume(baseUrl, name, '?wait=20')
    await soon(200)
    gone.destroy()
    await soon(50)
    await fill(baseUrl, name, 1, 1)
    assert.match((await waiting).text, /"next_offset":2/)
  })
}

async function streams (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('a stream: what was there, then what comes, each message once and in its wire form', async (t) => {
    const name = topic()
    await fill(baseUrl, name, 1, 3)
    const reader = await follow(t, baseUrl, name)
    assert.equal(reader.answer.statusCode, 200)
    assert.equal(reader.answer.headers['content-type'], 'text/event-stream')
    assert.match(reader.answer.headers['cache-control'] as string, /no-cache/)
    await reader.atLeast(3)
    assert.equal(reader.retry, 1_000)
    await fill(baseUrl, name, 4, 5)
    await produce(baseUrl, name, '{"payload":{"n": 12345678901234567890,\n "s":"\\u00e9\\n"},"key":"k","headers":{"h":"v"}}')
    const events = await reader.atLeast(6)
    const lines = (await consume(baseUrl, name, '?limit=100')).text.replace(/^\{"messages":\[/, '').replace(/\],"next_offset":7\}$/, '')
      .split(/,(?=\{"offset")/)
    assert.deepEqual(events, lines.map((data, i) => ({ id: String(i + 1), event: undefined, data })))
    assert(events[5]!.data.includes('12345678901234567890'))
  })

  await t.test('a stream of a topic that is closed ends, and is answered 204 when it comes again', async (t) => {
    const name = topic()
    await fill(baseUrl, name, 1, 2)
    const following = await follow(t, baseUrl, name)
    await following.atLeast(2)
    await send(baseUrl, 'POST', `/topics/${name}/close`)
    const late = await follow(t, baseUrl, name, '?offset=2')
    const closed = { id: '2', event: 'closed', data: '{"next_offset":3}' }
    for (const reader of [following, late]) {
      await reader.until(({ ended }) => ended)
      assert.deepEqual(reader.events.at(-1), closed)
      assert.equal(reader.lastEventId, '2')
    }
    assert.deepEqual(late.events.map(({ id, event }) => [id, event]), [['2', undefined], ['2', 'closed']])
    const again = await ask(baseUrl, { path: `/topics/${name}/consume`, headers: { accept: 'text/event-stream', 'last-event-id': '2' } })
    assert.deepEqual([again.status, again.text], [204, ''])
    const resumed = await follow(t, baseUrl, name, '', { 'last-event-id': '1' })
    await resumed.until(({ ended }) => ended)
    assert.deepEqual(resumed.events.map(({ id, event }) => [id, event]), [['2', undefined], ['2', 'closed']])
    // A stream that begins at the end hears of it, and is not taken for one that comes again.
    const atEnd = await follow(t, baseUrl, name, '?offset=latest')
    await atEnd.until(({ ended }) => ended)
    assert.deepEqual(atEnd.events, [closed])
  })

  await t.test('a long poll at the end of a topic that is closed meanwhile ends', async () => {
    const name = topic()
    await fill(baseUrl, name, 1, 1)
    const began = Date.now()
    const waiting = consume(baseUrl, name, '?offset=2&wait=20')
    await soon(300)
    await send(baseUrl, 'POST', `/topics/${name}/close`)
    assert.equal((await waiting).text, '{"messages":[],"next_offset":2,"closed":true}')
    assert(Date.now() - began < 10_000)
  })

  await t.test('a stream from the end, that hears nothing before it breaks, resumes where it was', async (t) => {
    const name = topic()
    await fill(baseUrl, name, 1, 2)
    const reader = await follow(t, baseUrl, name, '?offset=latest')
    await reader.until(({ lastEventId }) => lastEventId !== '')
    assert.equal(reader.lastEventId, '2')
    reader.close()
    await fill(baseUrl, name, 3, 4)
    const resumed = await follow(t, baseUrl, name, '?offset=latest', { 'last-event-id': reader.lastEventId })
    assert.deepEqual((await resumed.atLeast(2)).map(({ id }) => id), ['3', '4'])
  })

  await t.test('Last-Event-ID: the stream goes on behind it, whatever the offset', async (t) => {
    const name = topic()
    await fill(baseUrl, name, 1, 4)
    for (const [id, expected] of [['0', ['1', '2', '3', '4']], ['2', ['3', '4']]] as const) {
      const reader = await follow(t, baseUrl, name, '?offset=1', { 'last-event-id': id })
      assert.deepEqual((await reader.atLeast(expected.length)).map(({ id }) => id), expected)
      reader.close()
    }
  })

  await t.test('a stream of batches, larger than one write', async (t) => {
    const name = topic()
    const reader = await follow(t, baseUrl, name)
    const payload = JSON.stringify('x'.repeat(1_000))
    const body = JSON.stringify({ messages: Array.from({ length: 300 }, () => ({ payload: 0 })) })
      .replaceAll('"payload":0', `"payload":${payload}`)
    for (let i = 0; i < 3; i++) assert.equal((await produce(baseUrl, name, body)).status, 200)
    const events = await reader.atLeast(900)
    assert.deepEqual(events.map(({ id }) => id), Array.from({ length: 900 }, (_, i) => String(i + 1)))
  })

  await t.test('readers of one topic all hear the same; those of others nothing', async (t) => {
    const name = topic()
    const readers = await Promise.all(Array.from({ length: 20 }, () => follow(t, baseUrl, name)))
    const other = await follow(t, baseUrl, topic())
    await Promise.all(Array.from({ length: 10 }, (_, n) => produce(baseUrl, name, `{"payload":${n}}`)))
    for (const reader of readers) await reader.atLeast(10)
    for (const reader of readers) assert.deepEqual(reader.events, readers[0]!.events)
    assert.deepEqual(other.events, [])
  })

  await t.test('what is wrong, or does not want one, gets no stream', async () => {
    const accept = 'text/event-stream'
    assertProblem(await ask(baseUrl, { path: '/topics/t/consume?offset=0', headers: { accept } }), 'invalid_request',
      'offset: expected a whole number from 1 to 9007199254740991, "earliest" or "latest", got "0"')
    for (const id of ['x', '-1', '9007199254740991', '01']) {
      assertProblem(await ask(baseUrl, { path: '/topics/t/consume', headers: { accept, 'last-event-id': id } }), 'invalid_request',
        `last-event-id: expected a whole number from 0 to 9007199254740990, got "${id}"`)
    }
    for (const none of ['text/event-stream;q=0', 'application/json, text/event-stream;q=0.5']) {
      const page = await ask(baseUrl, { path: '/topics/t/consume?offset=latest', headers: { accept: none } })
      assert.equal(page.headers['content-type'], 'application/json; charset=utf-8', none)
    }
    const head = await ask(baseUrl, { method: 'HEAD', path: '/topics/t/consume', headers: { accept } })
    assert.equal(head.status, 200)
  })
}
