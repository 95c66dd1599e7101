import { test } from 'node:test'
import { jsonText, type Message, type StandardSchema, StreamsClient, type Topic } from '../src/index.ts'
import { has, same } from './support/types.ts'

/* Checked by the compiler: an expected error that does not come is an error. */

interface Order { readonly item: string }

/** Nothing of it is called. */
export async function types (client: StreamsClient, schema: StandardSchema<{ at: string }, { at: Date }>): Promise<void> {
  const orders = client.topic<Order>('orders')
  await orders.append({ item: 'book' })
  // @ts-expect-error another type
  await orders.append({ item: 1 })
  // @ts-expect-error a number is no text
  await orders.append({ item: 'book' }, { key: 1 })
  // @ts-expect-error no such option
  await orders.append({ item: 'book' }, { expected_offset: 1 })
  await orders.appendBatch([{ payload: { item: 'book' }, key: 'k' }])
  for await (const message of orders.read({ from: new Date(), until: 5 })) has<Message<Order>>()(message)
  for await (const { payload } of orders.follow({ from: 'latest' })) has<Order>()(payload)
  const producer = orders.producer()
  producer.send({ item: 'book' })
  // @ts-expect-error another type
  producer.send({})
  await orders.group('billing').consume(({ payload, offset }, { attempt, signal }) => {
    same<[typeof payload, typeof offset, typeof attempt, typeof signal], [Order, number, number, AbortSignal]>()
  })
  await orders.group('billing').process(({ payload }) => ({ topic: 'bills', payload }))
  // @ts-expect-error an output has a topic
  await orders.group('billing').process(({ payload }) => ({ payload }))

  const checked = client.topic('orders', { schema })
  has<Topic<{ at: string }, { at: Date }>>()(checked)
  await checked.append({ at: '2026-01-31' })
  // @ts-expect-error what is appended is the input
  await checked.append({ at: new Date() })
  for await (const { payload } of checked.read()) has<{ at: Date }>()(payload)

  const any = client.topic('any')
  await any.append(undefined)
  for await (const { payload } of any.read()) has<unknown>()(payload)
  const texts = client.topic<string>('texts', { codec: jsonText })
  for await (const { payload } of texts.read()) has<string>()(payload)
}

test('types are checked by the compiler', () => {})
