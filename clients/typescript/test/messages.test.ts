import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonText } from '../src/index.ts'
import { EventParser } from '../src/sse.ts'
import { startService } from './support/service.ts'

const texts = [
  '9007199254740993',
  '{"a":[1,"}",{"b\\\\":"\\"]"}],"payload":{"x":1e400}}', '"text, with \\"quotes\\" and \\\\"', 'null', '[]', '""', '1.10'
]

test('payloads as text come back byte for byte, from pages, streams and leases', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<string>('numbers', { codec: jsonText })
  await topic.appendBatch(texts.map((payload) => ({ payload, key: ',"timestamp":1', headers: { payload: ',"payload":' } })))
  assert.deepEqual((await topic.page()).messages.map(({ payload }) => payload), texts)
  const followed: string[] = []
  for await (const { payload, key, headers, offset, timestamp } of topic.follow()) {
    assert.equal(typeof timestamp, 'number')
    assert.deepEqual([key, headers, offset], [',"timestamp":1', { payload: ',"payload":' }, followed.length + 1])
    if (followed.push(payload) === texts.length) break
  }
  assert.deepEqual(followed, texts)
  const { messages, lease } = await topic.group('g').receive()
  assert.deepEqual(messages.map(({ payload }) => payload), texts)
  const acked = await topic.group('g').ack({ leaseId: lease!.id })
  assert.deepEqual(acked, { acked: texts.length, already: false, committedOffset: texts.length + 1 })
  assert.deepEqual((await topic.group('g').receive()).messages, [])
})

test('big integers with a codec', async (t) => {
  const { client } = await startService(t)
  const topic = client.topic<bigint>('big', { codec: { parse: (text) => BigInt(text), stringify: (value) => String(value) } })
  await topic.append(9007199254740993n)
  assert.equal((await topic.page()).messages[0]!.payload, 9007199254740993n)
})

test('an event that never ends is an error, not a full memory', () => {
  const parser = new EventParser()
  const bytes = new TextEncoder().encode(`data: ${'x'.repeat(2 ** 20)}`)
  assert.throws(() => { for (let n = 0; n < 20; n++) parser.push(bytes) }, /stream: an event of more than 16777216 characters/)
})

test('events are the same however the stream is cut into pieces', () => {
  const text = 'retry: 1000\nid: 2\n\n:\n\nid: 3\ndata: {"a":"ü€😀"}\n\n' +
    'event: closed\nid: 4\ndata:x\ndata: y\n\nid: 5\r\ndata: crlf\r\n\r\nid: 6\ndata: cut'
  const expected = [
    { event: undefined, id: '2', data: undefined },
    { event: undefined, id: undefined, data: undefined },
    { event: undefined, id: '3', data: '{"a":"ü€😀"}' },
    { event: 'closed', id: '4', data: 'x\ny' },
    { event: undefined, id: '5', data: 'crlf' }
  ]
  const bytes = new TextEncoder().encode(text)
  for (let size = 1; size <= bytes.length; size++) {
    const parser = new EventParser()
    const events = []
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)))
    assert.deepEqual(events, expected, `pieces of ${size}`)
  }
})
