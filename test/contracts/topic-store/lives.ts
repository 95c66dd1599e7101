import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { exactly, OPEN, plain, range, reserve, WRITER_NOW, type OpenTopicStore, type TopicStoreContractOptions } from './support.ts'

export function testTrimAndDeletion (open: OpenTopicStore): void {
  test('earliest moves up and never down', async (t) => {
    const [store, other] = await open(t)
    await reserve(store, 't', 20)
    for (const to of [10, 9, 10]) {
      const raised = await store.raiseEarliest('t', to, {})
      assert.equal(raised.kind, 'changed')
      assert.equal(raised.item?.earliest, 10)
    }
    assert.equal((await store.read('t'))?.earliest, 10)
    await Promise.all([11, 18, 12, 17, 13, 16, 14, 15].map((to, i) => [store, other][i % 2]!.raiseEarliest('t', to, {})))
    assert.deepEqual(plain(await store.read('t')), { currentOffset: 20, earliest: 18, moves: 0, producers: {} })
    await reserve(store, 't', 1)
    assert.equal((await store.read('t'))?.earliest, 18)
  })

  test('of a topic that is not there, nothing is trimmed, deleted, closed or noted', async (t) => {
    const [store] = await open(t)
    assert.deepEqual(await store.raiseEarliest('t', 5, {}), { kind: 'refused', item: undefined })
    assert.deepEqual(await store.markDeleted('t', 0), { kind: 'refused', item: undefined })
    await store.markClosed('t', 0)
    await store.noteSwept('t', 'nothing')
    assert.equal(await store.read('t'), undefined)
  })

  test('a deleted topic keeps its offset, its mark and how often producers moved, and loses everything else', async (t) => {
    const [store] = await open(t)
    await store.configure('t', 'some', undefined, { now: WRITER_NOW })
    const configured = { ...OPEN, config: 'some' }
    await reserve(store, 't', 2, { producers: new Map([['p', 'P'], ['q', 'Q']]), order: 'O' }, configured)
    await reserve(store, 't', 1, { movedOut: ['p'] }, configured)
    await store.noteSwept('t', 'all of it')
    const { item: { reservedAtMs } } = await reserve(store, 't', 1, { closing: 'C' }, configured)
    const deleted = await store.markDeleted('t', 4)
    const expected = { currentOffset: 4, earliest: 5, deletedAtOffset: 4, moves: 1, producers: {} }
    assert.equal(deleted.kind, 'changed')
    assert.deepEqual(exactly(deleted.item), { ...expected, reservedAtMs })
    assert.deepEqual(exactly(await store.read('t')), exactly(deleted.item))
    await store.noteSwept('t', 'what is gone')
    assert.deepEqual(plain(await store.read('t')), expected)

    const refused = await store.markDeleted('t', 4)
    assert.equal(refused.kind, 'refused', 'it is deleted there already')
    assert.deepEqual(plain(refused.item), expected)
    const again = await reserve(store, 't', 1)
    assert.deepEqual(range(again), [5, 5])
    assert.deepEqual(plain(again.item), { currentOffset: 5, earliest: 5, deletedAtOffset: 4, moves: 1, producers: {} })
    assert.ok(again.item.createdAtMs !== undefined)
    assert.equal((await store.markDeleted('t', 5)).kind, 'changed')
  })

  test('a topic that has gone on is not deleted', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 4, { producers: new Map([['p', 'P']]) })
    for (const seen of [3, 5]) {
      const refused = await store.markDeleted('t', seen)
      assert.equal(refused.kind, 'refused')
      assert.deepEqual(plain(refused.item), { currentOffset: 4, earliest: 1, moves: 0, producers: { p: [4, 'P'] } })
    }
  })

  test('a note of a sweep stays until the next one', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 4)
    await store.noteSwept('t', 'first')
    await store.noteSwept('t', '{"second":"✓"}')
    await reserve(store, 't', 1)
    assert.deepEqual(plain(await store.read('t')), { currentOffset: 5, earliest: 1, moves: 0, producers: {}, swept: '{"second":"✓"}' })
  })
}

export function testConfig (open: OpenTopicStore, options: TopicStoreContractOptions): void {
  const at = (now: number): { now: number } => ({ now })

  test('a topic is created with a config, or without one', async (t) => {
    const [store] = await open(t)
    for (const config of ['{"retention_ms":1}', null]) {
      const topic = `t-${config === null}`
      const created = await store.configure(topic, config, undefined, at(WRITER_NOW))
      assert.equal(created.kind, 'changed')
      const expected = { currentOffset: 0, earliest: 1, moves: 0, producers: {}, ...config !== null && { config } }
      assert.deepEqual(plain(created.item), expected)
      if (options.ownTime !== true) assert.equal(created.item?.createdAtMs, WRITER_NOW)
      assert.deepEqual(exactly(await store.read(topic)), exactly(created.item))
      const refused = await store.configure(topic, 'other', undefined, at(WRITER_NOW))
      assert.equal(refused.kind, 'refused', 'it is there already')
      assert.deepEqual(plain(refused.item), expected)
      const { first, item: { createdAtMs } } = await reserve(store, topic, 1, {}, { ...OPEN, config })
      assert.deepEqual([first, createdAtMs], [1, created.item?.createdAtMs])
    }
  })

  test('a config is changed, removed, and stays while offsets are reserved', async (t) => {
    const [store] = await open(t)
    let seen: TopicItem | undefined = (await reserve(store, 't', 3)).item
    for (const [i, config] of ['one', 'one', 'two', null, null, 'three'].entries()) {
      await reserve(store, 't', 1, {}, { ...OPEN, config: seen?.config ?? null })
      const done = await store.configure('t', config, seen, at(WRITER_NOW))
      assert.equal(done.kind, 'changed', `change ${i}: the config is as seen, whatever else has changed`)
      assert.deepEqual(plain(done.item), { currentOffset: 4 + i, earliest: 1, moves: 0, producers: {}, ...config !== null && { config } })
      assert.equal(done.item?.createdAtMs, seen?.createdAtMs)
      seen = done.item
    }
  })

  test('a config is not changed if it is another one than was seen', async (t) => {
    const [store] = await open(t)
    const bare = await reserve(store, 't', 3)
    const one = await store.configure('t', 'one', bare.item, at(WRITER_NOW))
    for (const seen of [undefined, bare.item, { ...bare.item, config: 'two' }, { ...one.item!, deletedAtOffset: 3 }]) {
      const refused = await store.configure('t', 'three', seen, at(WRITER_NOW))
      assert.equal(refused.kind, 'refused')
      assert.equal(refused.item?.config, 'one')
    }
    assert.equal((await store.configure('u', 'three', bare.item, at(WRITER_NOW))).kind, 'refused', 'what was seen is not there')
    assert.equal(await store.read('u'), undefined)
  })

  test('a deleted topic is created again above one offset that nobody gets', async (t) => {
    const [store] = await open(t)
    const before = await reserve(store, 't', 3)
    const { item: deleted } = await store.markDeleted('t', 3)
    assert.equal((await store.configure('t', 'new', before.item, at(WRITER_NOW))).kind, 'refused', 'it was seen before its deletion')
    const created = await store.configure('t', 'new', deleted, at(WRITER_NOW + 9))
    assert.equal(created.kind, 'changed')
    assert.deepEqual(plain(created.item), { currentOffset: 4, earliest: 5, deletedAtOffset: 3, moves: 0, producers: {}, config: 'new' })
    if (options.ownTime !== true) assert.equal(created.item?.createdAtMs, WRITER_NOW + 9)
    assert.equal((await store.configure('t', 'newer', deleted, at(WRITER_NOW))).kind, 'refused', 'it is created already')
    const next = await reserve(store, 't', 1, {}, { ...OPEN, config: 'new', exists: true })
    assert.deepEqual(range(next), [5, 5])

    const { item: again } = await store.markDeleted('t', 5)
    await reserve(store, 't', 1)
    await store.markDeleted('t', 6)
    assert.equal((await store.configure('t', 'new', again, at(WRITER_NOW))).kind, 'refused', 'it was deleted once more')
  })

  test('a topic without messages is deleted and created again', async (t) => {
    const [store] = await open(t)
    await store.configure('t', 'one', undefined, at(WRITER_NOW))
    const { item: deleted } = await store.markDeleted('t', 0)
    assert.deepEqual(plain(deleted), { currentOffset: 0, earliest: 1, deletedAtOffset: 0, moves: 0, producers: {} })
    const created = await store.configure('t', null, deleted, at(WRITER_NOW))
    assert.deepEqual(plain(created.item), { currentOffset: 1, earliest: 2, deletedAtOffset: 0, moves: 0, producers: {} })
  })
}
