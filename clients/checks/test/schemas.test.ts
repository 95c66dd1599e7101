import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as valibot from 'valibot'
import { z } from 'zod'
import { type Group, type Producer, type StandardSchema, StreamsClient, StreamsError, type Topic } from '../../typescript/src/index.ts'
import { has } from '../../typescript/test/support/types.ts'
import { startService } from '../../typescript/test/support/service.ts'

interface Input { item: string, at: string }
interface Output { item: string, at: Date }

const schemas = {
  zod: z.object({ item: z.string(), at: z.string().transform((text) => new Date(text)) }),
  valibot: valibot.object({
    item: valibot.string(), at: valibot.pipe(valibot.string(), valibot.transform((text) => new Date(text)))
  })
}

/** Checked by the compiler; nothing of it is called. */
export async function types (client: StreamsClient): Promise<void> {
  const zod = client.topic('orders', { schema: schemas.zod })
  has<Topic<Input, Output>>()(zod)
  has<Producer<Input>>()(zod.producer())
  has<Group<Output>>()(zod.group('billing'))
  await zod.append({ item: 'book', at: '2026-01-31' })
  // @ts-expect-error what is appended is the input
  await zod.append({ item: 'book', at: new Date() })
  for await (const { payload } of zod.read()) has<Output>()(payload)

  const valibot = client.topic('orders', { schema: schemas.valibot })
  has<Topic<Input, Output>>()(valibot)
  await valibot.append({ item: 'book', at: '2026-01-31' })
  // @ts-expect-error a member is missing
  await valibot.append({ item: 'book' })
  for await (const { payload } of valibot.follow()) has<Output>()(payload)
  await valibot.group('billing').consume(({ payload }) => { has<Output>()(payload) })
}

for (const [vendor, schema] of Object.entries<StandardSchema<Input, Output>>(schemas)) {
  test(`a schema of ${vendor} checks what is written, and makes what is read`, async (t) => {
    const { client } = await startService(t)
    const topic = client.topic('orders', { schema })
    await topic.append({ item: 'book', at: '2026-01-31T12:00:00Z' })
    await assert.rejects(topic.append({ item: 1, at: '' } as never), (error) => {
      assert.ok(error instanceof StreamsError)
      return error.code === 'invalid_payload' && error.written === 'no' && error.message.startsWith('payload: item: ')
    })
    const { messages: [message] } = await topic.page()
    assert.equal(message!.payload.at.getTime(), Date.UTC(2026, 0, 31, 12))
    await client.topic('orders').append({ item: 2 })
    await assert.rejects(Array.fromAsync(topic.read()), /payload of offset 2: item: /)
  })
}

test('a payload that is no JSON value, and a schema that is asynchronous, are refused before anything is sent', async () => {
  const client = new StreamsClient({ url: 'http://127.0.0.1:1' })
  await assert.rejects(client.topic('a').append(undefined), /payload: expected a JSON value, got undefined/)
  const asynchronous = client.topic('a', { schema: z.string().refine(async () => true) })
  await assert.rejects(asynchronous.append('x'), /schema: expected a synchronous one/)
})
