import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Belief } from '../../../src/ports/topic-store.ts'
import { exactly, OPEN, plain, range, reserve, WRITER_NOW, type OpenTopicStore } from './support.ts'

/** The most producers of one reservation, and the longest id of one (log §6.15). */
const FACTS_MAX = 64
const ID_BYTES_MAX = 256

const producers = (entries: Record<string, string>): { producers: Map<string, string> } => ({ producers: new Map(Object.entries(entries)) })

/** What is stored together with a reservation. */
export function testFacts (open: OpenTopicStore): void {
  test('the facts of a first reservation have its last offset', async (t) => {
    const [store, other] = await open(t)
    for (const count of [1, 7]) {
      const topic = `t-${count}`
      const belief: Belief = { ...OPEN, producers: new Map([['p', null], ['q', null]]), moves: 0, order: null, currentOffset: 0 }
      const wanted = { ...producers({ p: 'P', q: 'Q' }), order: 'O', closing: 'C' }
      const done = await reserve(store, topic, count, wanted, belief)
      assert.deepEqual(range(done), [1, count])
      assert.deepEqual(plain(done.item), {
        currentOffset: count,
        earliest: 1,
        moves: 0,
        producers: { p: [count, 'P'], q: [count, 'Q'] },
        order: [count, 'O'],
        closing: [count, 'C']
      })
      assert.deepEqual(exactly(await other.read(topic)), exactly(done.item))
    }
  })

  test('a later reservation replaces the facts that it names, and only these', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 3, { ...producers({ p: 'P1', q: 'Q1' }), order: 'O1' })
    assert.deepEqual(plain((await reserve(store, 't', 2)).item), {
      currentOffset: 5, earliest: 1, moves: 0, producers: { p: [3, 'P1'], q: [3, 'Q1'] }, order: [3, 'O1']
    })
    const belief = { ...OPEN, producers: new Map([['p', 3], ['r', null]]), order: 3 }
    const { item } = await reserve(store, 't', 4, producers({ p: 'P2', r: '' }), belief)
    assert.deepEqual(plain(item), {
      currentOffset: 9, earliest: 1, moves: 0, producers: { p: [9, 'P2'], q: [3, 'Q1'], r: [9, ''] }, order: [3, 'O1']
    })
    assert.deepEqual(exactly(await store.read('t')), exactly(item))
  })

  test('concurrent reservations with facts each have their own last offset', async (t) => {
    const clients = await open(t)
    const ids = Array.from({ length: 30 }, (_, i) => `p${i}`)
    const done = await Promise.all(ids.map((id, i) => (
      reserve(clients[i % 2]!, 't', 1 + i % 3, producers({ [id]: `of ${id}` }), { ...OPEN, producers: new Map([[id, null]]), moves: 0 }))))
    const item = (await clients[0].read('t'))!
    for (const [i, id] of ids.entries()) assert.deepEqual(item.producers.get(id), { last: done[i]!.last, text: `of ${id}` })
  })

  test('an id may be any text', async (t) => {
    const [store] = await open(t)
    const ids = [
      '__proto__', 'constructor', 'current_offset', 'pk', '#', 'a#b', '.', 'a.b[0]', ':v',
      ' ', '"', '\'', '\\', '\n', '%', 'é', 'e\u0301', '日本', '😀', '\ufffd', '\u0000', 'a\u0000b',
      'A', 'a', 'a '
    ]
    const { item } = await reserve(store, 't', 2, { producers: new Map(ids.map((id) => [id, JSON.stringify(id)])) }, {
      ...OPEN, producers: new Map(ids.map((id) => [id, null]))
    })
    assert.deepEqual(new Map(item.producers), new Map(ids.map((id) => [id, { last: 2, text: JSON.stringify(id) }])))
    await reserve(store, 't', 1, { movedOut: ids.slice(1) }, { ...OPEN, producers: new Map(ids.map((id) => [id, 2])) })
    assert.deepEqual([...(await store.read('t'))!.producers], [['__proto__', { last: 2, text: '"__proto__"' }]])
  })

  test('the largest group comes in, takes out as many others, is resolved, and goes with its topic', async (t) => {
    const [store] = await open(t)
    const ids = (name: string): string[] => Array.from({ length: FACTS_MAX }, (_, i) => `${name}${i}-`.padEnd(ID_BYTES_MAX, 'x'))
    const [first, second] = [ids('a'), ids('b')]
    const group = (of: string[], text: string): { producers: Map<string, string>, order: string, closing: string } => (
      { producers: new Map(of.map((id) => [id, text])), order: 'O', closing: 'C' })
    await reserve(store, 't', 64, group(first, 'x'.repeat(200)), {
      ...OPEN, producers: new Map(first.map((id) => [id, null])), moves: 0, order: null, currentOffset: 0
    })
    const last = Number.MAX_SAFE_INTEGER - 10
    await reserve(store, 't', last - 64, { producers: new Map(first.map((id) => [id, 'next'])) }, {
      ...OPEN, closing: 64, producers: new Map(first.map((id) => [id, 64])), order: 64
    })
    const inside = first.map((id) => [id, last] as const)
    const outside = second.map((id) => [id, null] as const)
    const { item } = await reserve(store, 't', 1, { ...group(second, 'y'), movedOut: first }, {
      ...OPEN, exists: true, producers: new Map<string, number | null>([...inside, ...outside]), moves: 0, order: 64, currentOffset: last
    })
    assert.equal(item.moves, FACTS_MAX)
    assert.deepEqual([...item.producers.keys()].toSorted(), second.toSorted())

    const found = { last: last + 1, text: 'found' }
    const raised = await store.raiseEarliest('t', last, {
      producers: new Map(second.map((id) => [id, found])), order: found, closing: { last: last + 1, stands: true }
    })
    assert.equal(raised.kind, 'changed')
    assert.deepEqual(raised.item?.producers, new Map(second.map((id) => [id, found])))
    const deleted = await store.markDeleted('t', last + 1)
    assert.equal(deleted.kind, 'changed')
    assert.deepEqual(plain(deleted.item), {
      currentOffset: last + 1, earliest: last + 2, deletedAtOffset: last + 1, moves: FACTS_MAX, producers: {}
    })
  })

  test('a producer that is moved out is counted, over a deletion, too', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 1, producers({ p: 'P', q: 'Q', r: 'R' }))
    const belief = { ...OPEN, producers: new Map([['p', 1], ['r', 1]]), moves: 0 }
    const { item } = await reserve(store, 't', 1, { ...producers({ s: 'S' }), movedOut: ['p', 'r'] }, belief)
    assert.deepEqual(plain(item), { currentOffset: 2, earliest: 1, moves: 2, producers: { q: [1, 'Q'], s: [2, 'S'] } })
    await store.markDeleted('t', 2)
    const again = await reserve(store, 't', 1, { ...producers({ u: 'U' }), movedOut: ['s'] }, { ...OPEN, moves: 2 })
    assert.deepEqual(plain(again.item), { currentOffset: 3, earliest: 3, deletedAtOffset: 2, moves: 3, producers: { u: [3, 'U'] } })
  })

  testClose(open)
  testResolved(open)
}

function testClose (open: OpenTopicStore): void {
  test('a close alone reserves nothing', async (t) => {
    const [store, other] = await open(t)
    await reserve(store, 't', 5)
    const { reservedAtMs } = (await store.read('t'))!
    const closed = await reserve(store, 't', 0, producers({ p: 'P' }), { ...OPEN, exists: true, currentOffset: 5 }, WRITER_NOW + 5)
    assert.deepEqual(range(closed), [6, 5])
    assert.deepEqual(plain(closed.item), { currentOffset: 5, earliest: 1, moves: 0, producers: { p: [5, 'P'] }, closed: 5 })
    assert.equal(closed.item.reservedAtMs, reservedAtMs)
    for (const count of [0, 1]) {
      const refused = await other.reserve('t', { count }, OPEN, { now: WRITER_NOW })
      assert.equal(refused.kind, 'refused')
      assert.equal(refused.item?.closed, 5)
    }
    assert.equal((await store.reserve('u', { count: 0 }, { ...OPEN, exists: true }, { now: WRITER_NOW })).kind, 'refused')
    assert.equal(await store.read('u'), undefined)
  })

  test('a closing append becomes the end of its topic', async (t) => {
    const [store, other] = await open(t)
    await reserve(store, 't', 5, { closing: 'C' })
    for (const closing of [4, 6]) await store.markClosed('t', closing)
    assert.deepEqual(plain(await store.read('t')), { currentOffset: 5, earliest: 1, moves: 0, producers: {}, closing: [5, 'C'] })
    assert.equal((await other.reserve('t', { count: 1 }, OPEN, { now: WRITER_NOW })).kind, 'refused')
    await store.markClosed('t', 5)
    await store.markClosed('t', 5)
    assert.deepEqual(plain(await other.read('t')), { currentOffset: 5, earliest: 1, moves: 0, producers: {}, closed: 5 })
  })

  test('a closing append that is void is removed by the next reservation, or replaced', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 5, { closing: 'C' })
    const replaced = await reserve(store, 't', 1, { closing: 'D' }, { ...OPEN, closing: 5 })
    assert.deepEqual(plain(replaced.item), { currentOffset: 6, earliest: 1, moves: 0, producers: {}, closing: [6, 'D'] })
    const removed = await reserve(store, 't', 1, {}, { ...OPEN, closing: 6 })
    assert.deepEqual(plain(removed.item), { currentOffset: 7, earliest: 1, moves: 0, producers: {} })
  })

  test('a close of an earlier life is removed by the reservation that knows of it', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 5)
    await reserve(store, 't', 0)
    const { item } = await reserve(store, 't', 2, {}, { ...OPEN, closed: 5 })
    assert.deepEqual(plain(item), { currentOffset: 7, earliest: 1, moves: 0, producers: {} })
  })
}

function testResolved (open: OpenTopicStore): void {
  test('a trim stores what it found, and the versions stay', async (t) => {
    const [store] = await open(t)
    for (const stands of [true, false]) {
      const topic = `t-${stands}`
      await reserve(store, topic, 5, { ...producers({ p: 'P', q: 'Q' }), order: 'O', closing: 'C' })
      const found = { last: 5, text: 'found' }
      const raised = await store.raiseEarliest(topic, 6, { producers: new Map([['p', found]]), order: found, closing: { last: 5, stands } })
      assert.equal(raised.kind, 'changed')
      const expected = {
        currentOffset: 5,
        earliest: 6,
        moves: 0,
        producers: { p: [5, 'found'], q: [5, 'Q'] },
        order: [5, 'found'],
        ...stands && { closed: 5 }
      }
      assert.deepEqual(plain(raised.item), expected)
      assert.deepEqual(plain(await store.read(topic)), expected)
    }
  })

  test('a trim to what is trimmed already stores what it found, too', async (t) => {
    const [store] = await open(t)
    await reserve(store, 't', 5, producers({ p: 'P', q: 'Q' }))
    await store.raiseEarliest('t', 6, {})
    for (const [id, to] of [['p', 6], ['q', 4]] as const) {
      const raised = await store.raiseEarliest('t', to, { producers: new Map([[id, { last: 5, text: 'found' }]]) })
      assert.equal(raised.kind, 'changed')
      assert.deepEqual([raised.item?.earliest, raised.item?.producers.get(id)], [6, { last: 5, text: 'found' }])
    }
    const both = { p: [5, 'found'], q: [5, 'found'] }
    assert.deepEqual(plain(await store.read('t')), { currentOffset: 5, earliest: 6, moves: 0, producers: both })
  })

  test('a trim is refused if a fact is not the one that it resolved', async (t) => {
    const [store, other] = await open(t)
    await reserve(store, 't', 5, { ...producers({ p: 'P', q: 'Q' }), order: 'O', closing: 'C' })
    const item = plain(await store.read('t'))
    const fact = (last: number): { last: number, text: string } => ({ last, text: 'found' })
    const wrong = [
      { producers: new Map([['p', fact(5)], ['q', fact(4)]]) },
      { producers: new Map([['unknown', fact(5)]]) },
      { order: fact(4) },
      { closing: { last: 4, stands: true } },
      { closing: { last: 6, stands: false } },
      { producers: new Map([['p', fact(5)]]), order: fact(5), closing: { last: 6, stands: true } }
    ]
    for (const to of [3, 1]) {
      for (const resolved of wrong) {
        const refused = await other.raiseEarliest('t', to, resolved)
        assert.equal(refused.kind, 'refused')
        assert.deepEqual(plain(refused.item), item)
      }
    }
    assert.deepEqual(plain(await store.read('t')), item)
  })
}
