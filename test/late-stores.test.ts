import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemorySegmentStore } from '../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../src/adapters/memory/topic-store.ts'
import { openLate } from '../src/late-stores.ts'

type Stores = Awaited<ReturnType<Parameters<typeof openLate>[0]>>

function late (): { stores: Stores, opened: () => number, closed: () => number } {
  let opened = 0
  let closed = 0
  const stores = openLate(async () => {
    opened++
    return { segments: createMemorySegmentStore(), topics: createMemoryTopicStore(), close () { closed++ } } as unknown as Stores
  })
  return { stores, opened: () => opened, closed: () => closed }
}

test('the first call opens all stores, once, however many calls come at a time', async () => {
  const { stores, opened } = late()
  assert.equal(opened(), 0)
  const object = { body: Buffer.from('{}'), contentType: 'application/json', metadata: {} }
  const [put, item] = await Promise.all([stores.segments.putIfAbsent('t', 1, object, { reservedAtMs: null }), stores.topics.read('t')])
  assert.deepEqual([put, item, opened()], ['created', undefined, 1])
  assert.deepEqual((await stores.segments.get('t', 1))?.body, object.body)
})

test('what was never opened is not opened to be closed', async () => {
  const { stores, opened, closed } = late()
  stores.close()
  assert.deepEqual([opened(), closed()], [0, 0])
  await stores.topics.read('t')
  stores.close()
  await new Promise(setImmediate)
  assert.deepEqual([opened(), closed()], [1, 1])
})
