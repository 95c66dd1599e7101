import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as valibot from 'valibot'
import { z } from 'zod'
import { StreamsClient, StreamsError } from '../src/index.ts'
import { startService } from './support/service.ts'

// In JavaScript, as the linter of the repository runs without the validators. The types are in types.test.ts.

for (const [vendor, schema] of [
  ['zod', z.object({ item: z.string(), at: z.string().transform((text) => new Date(text)) })],
  ['valibot', valibot.object({ item: valibot.string(), at: valibot.pipe(valibot.string(), valibot.transform((text) => new Date(text))) })]
]) {
  test(`a schema of ${vendor} checks what is written, and makes what is read`, async (t) => {
    const { client } = await startService(t)
    const topic = client.topic('orders', { schema })
    await topic.append({ item: 'book', at: '2026-01-31T12:00:00Z' })
    await assert.rejects(topic.append({ item: 1, at: '' }), (error) => {
      assert.ok(error instanceof StreamsError)
      return error.code === 'invalid_payload' && error.written === 'no' && /^payload: item: /.test(error.message)
    })
    const { messages: [message] } = await topic.page()
    assert.equal(message.payload.at.getTime(), Date.UTC(2026, 0, 31, 12))
    await client.topic('orders').append({ item: 2 })
    await assert.rejects(Array.fromAsync(topic.read()), /payload of offset 2: item: /)
  })
}

test('a payload that is no JSON value, and a schema that is asynchronous, are refused before anything is sent', async () => {
  const client = new StreamsClient({ url: 'http://127.0.0.1:1' })
  await assert.rejects(client.topic('a').append(undefined), /payload: expected a JSON value, got undefined/)
  const asynchronous = client.topic('a', { schema: z.string().refine(async () => true) })
  await assert.rejects(asynchronous.append('x'), /schema: expected one that validates synchronously/)
})
