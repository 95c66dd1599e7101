import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forEachBounded } from '../../../src/domain/store-calls.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import {
  exactly, OPEN, plain, range, reserve, SKEW_MS, WRITER_NOW, type OpenTopicStore, type TopicStoreContractOptions
} from './support.ts'

export function testOffsets (
  open: OpenTopicStore, { reservations: concurrent = 1_000, inFlight = concurrent }: TopicStoreContractOptions
): void {
  test(`${concurrent} concurrent reservations of mixed sizes are disjoint and dense`, async (t) => {
    const clients = await open(t)
    const client = (i: number): TopicStore => clients[i % 50 === 0 ? 1 : 0]
    const sizes = Array.from({ length: concurrent }, (_, i) => 1 + (i * 7) % 13)
    const reservations: Array<Awaited<ReturnType<typeof reserve>>> = []
    await forEachBounded(sizes, inFlight, async (size, i) => { reservations[i] = await reserve(client(i), 't', size) })
    assert.deepEqual(reservations.map(({ first, last }) => last - first + 1), sizes)
    let expected = 1
    for (const { first, last, item } of reservations.toSorted((a, b) => a.first - b.first)) {
      assert.equal(first, expected)
      assert.equal(item.currentOffset, last)
      expected = last + 1
    }
    assert.equal((await clients[0].read('t'))?.currentOffset, expected - 1)
  })

  test('the first reservation starts at 1, and ranges follow each other', async (t) => {
    const [store] = await open(t)
    assert.deepEqual(range(await reserve(store, 't', 1)), [1, 1])
    assert.deepEqual(range(await reserve(store, 't', 1_000)), [2, 1_001])
    assert.deepEqual(range(await reserve(store, 't', 1)), [1_002, 1_002])
  })

  test('the item has the newest reservation', async (t) => {
    const [store, other] = await open(t)
    assert.equal(await store.read('t'), undefined)
    await reserve(store, 't', 3)
    assert.deepEqual(plain(await other.read('t')), { currentOffset: 3, earliest: 1, moves: 0, producers: {} })
    const { item } = await reserve(other, 't', 2)
    assert.deepEqual(plain(item), { currentOffset: 5, earliest: 1, moves: 0, producers: {} })
    assert.deepEqual(exactly(await store.read('t')), exactly(item))
  })

  test('topics are apart', async (t) => {
    const [store] = await open(t)
    const topics = ['a', 'a.b', 'ab', 'A']
    for (const [i, topic] of topics.entries()) await reserve(store, topic, i + 1, { producers: new Map([['p', topic]]) })
    await store.raiseEarliest('a', 2, {})
    await store.markDeleted('ab', 3)
    assert.deepEqual((await Promise.all(topics.map((topic) => store.read(topic)))).map(plain), [
      { currentOffset: 1, earliest: 2, moves: 0, producers: { p: [1, 'a'] } },
      { currentOffset: 2, earliest: 1, moves: 0, producers: { p: [2, 'a.b'] } },
      { currentOffset: 3, earliest: 4, deletedAtOffset: 3, moves: 0, producers: {} },
      { currentOffset: 4, earliest: 1, moves: 0, producers: { p: [4, 'A'] } }
    ])
  })
}

export function testTimes (open: OpenTopicStore, options: TopicStoreContractOptions): void {
  const stored = (time: number | undefined, writersTime: number): void => {
    const [expected, within] = options.ownTime === true ? [Date.now(), SKEW_MS] : [writersTime, 0]
    assert.ok(time !== undefined && Math.abs(time - expected) <= within, `${time} is about ${expected}`)
  }

  test('a reservation tells the store\'s own time, not the writer\'s', async (t) => {
    const [store] = await open(t)
    const { reservedAtMs } = await reserve(store, 't', 1)
    assert.ok(Math.abs(reservedAtMs - Date.now()) < SKEW_MS, `${reservedAtMs} is about now`)
  })

  test('the item has the time of the newest reservation, and that of the first', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 1)
    const before = (await store.read('t'))!
    stored(before.reservedAtMs, WRITER_NOW)
    stored(before.createdAtMs, WRITER_NOW)
    await reserve(store, 't', 1, {}, OPEN, WRITER_NOW + 7)
    const after = (await store.read('t'))!
    stored(after.reservedAtMs, WRITER_NOW + 7)
    assert.equal(after.createdAtMs, before.createdAtMs)
  })

  test('the time of the newest reservation can be set to an earlier one, of an older reservation not', async (t) => {
    const [store] = await open(t)
    const time = async (): Promise<number | undefined> => (await store.read('t'))?.reservedAtMs
    await store.correctReservedAt('t', { currentOffset: 0, reservedAtMs: WRITER_NOW })
    assert.equal(await store.read('t'), undefined)
    await reserve(store, 't', 3)
    const before = (await time())!
    await store.correctReservedAt('t', { currentOffset: 2, reservedAtMs: before - 10 })
    await store.correctReservedAt('t', { currentOffset: 4, reservedAtMs: before - 10 })
    await store.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before + 10 })
    assert.equal(await time(), before)
    await store.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before - 10 })
    await store.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before - 5 })
    assert.equal(await time(), before - 10)
    assert.deepEqual(plain(await store.read('t')), { currentOffset: 3, earliest: 1, moves: 0, producers: {} })
  })
}
