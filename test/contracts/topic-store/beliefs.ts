import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Belief } from '../../../src/ports/topic-store.ts'
import { OPEN, plain, reserve, WRITER_NOW, type OpenTopicStore } from './support.ts'

/** `p` rode on 3, `q` on 5; one producer has moved out; nobody closed it. */
const TRUE: Belief = {
  closed: null,
  closing: null,
  config: 'some',
  exists: true,
  producers: new Map<string, number | null>([['p', 3], ['q', 5], ['r', null], ['out', null]]),
  moves: 1,
  order: 3,
  currentOffset: 6
}
const item = { currentOffset: 6, earliest: 1, moves: 1, producers: { p: [3, 'P'], q: [5, 'Q'] }, order: [3, 'O'], config: 'some' }

const producer = (id: string, version: number | null): Partial<Belief> => ({ producers: new Map([['p', 3], [id, version]]) })

/** Each is wrong in one condition. */
const wrong: Record<string, Partial<Belief>> = {
  'closed, which is not': { closed: 6 },
  'closing, which is not': { closing: 6 },
  'another config': { config: 'other' },
  'no config': { config: null },
  'an older version of a producer': producer('q', 3),
  'a newer version of a producer': producer('q', 6),
  'a producer that is inside as absent': producer('q', null),
  'a producer that is not inside': producer('r', 5),
  'fewer moves': { moves: 0 },
  'more moves': { moves: 2 },
  'an older string sequence': { order: 2 },
  'no string sequence': { order: null },
  'an older offset': { currentOffset: 5 },
  'a newer offset': { currentOffset: 7 },
  'nothing at all': { currentOffset: 0 }
}

export function testBeliefs (open: OpenTopicStore): void {
  const prepared = async (t: Parameters<OpenTopicStore>[0]) => {
    const clients = await open(t)
    const [store] = clients
    const config = { ...OPEN, config: 'some' }
    await store.configure('t', 'some', undefined, { now: WRITER_NOW })
    await reserve(store, 't', 3, { producers: new Map([['p', 'P'], ['out', 'X']]), order: 'O' }, config)
    await reserve(store, 't', 2, { producers: new Map([['q', 'Q']]) }, config)
    await reserve(store, 't', 1, { movedOut: ['out'] }, config)
    assert.deepEqual(plain(await store.read('t')), item)
    return clients
  }

  test('a reservation is made if all that is believed is so', async (t) => {
    const [, other] = await prepared(t)
    const { item: after } = await reserve(other, 't', 2, { producers: new Map([['r', 'R']]) }, TRUE)
    assert.deepEqual(plain(after), { ...item, currentOffset: 8, producers: { ...item.producers, r: [8, 'R'] } })
  })

  test('a reservation is refused with the item if anything that is believed is not so, and nothing is changed', async (t) => {
    const [store, other] = await prepared(t)
    for (const [what, belief] of Object.entries(wrong)) {
      for (const count of [0, 2]) {
        const wanted = { count, producers: new Map([['p', 'P2'], ['r', 'R']]), order: 'O2', movedOut: ['q'] }
        const refused = await other.reserve('t', wanted, { ...TRUE, ...belief }, { now: WRITER_NOW + 1 })
        assert.equal(refused.kind, 'refused', what)
        assert.deepEqual(plain(refused.item), item, what)
      }
    }
    assert.deepEqual(plain(await store.read('t')), item)
  })

  test('of a topic that is not there everything is absent', async (t) => {
    const [store] = await open(t)
    const known: Record<string, Partial<Belief>> = {
      closed: { closed: 1 },
      closing: { closing: 1 },
      config: { config: '' },
      exists: { exists: true },
      moves: { moves: 1 },
      order: { order: 1 },
      currentOffset: { currentOffset: 1 },
      producers: producer('p', 1)
    }
    for (const [what, belief] of Object.entries(known)) {
      const refused = await store.reserve('t', { count: 1 }, { ...OPEN, ...belief }, { now: WRITER_NOW })
      assert.deepEqual(refused, { kind: 'refused', item: undefined }, what)
    }
    assert.equal(await store.read('t'), undefined)
    await reserve(store, 't', 1, {}, { ...OPEN, producers: new Map([['p', null]]), moves: 0, order: null, currentOffset: 0 })
  })

  test('a topic that was created with a config is at offset 0', async (t) => {
    const [store] = await open(t)
    await store.configure('t', 'some', undefined, { now: WRITER_NOW })
    const belief: Belief = { ...OPEN, config: 'some', exists: true, moves: 0, order: null, currentOffset: 0 }
    const { item } = await reserve(store, 't', 2, { order: 'O' }, belief)
    assert.deepEqual(plain(item), { currentOffset: 2, earliest: 1, moves: 0, producers: {}, order: [2, 'O'], config: 'some' })
  })

  test('a closed, a closing and a deleted topic are refused to a reservation that knows nothing of it', async (t) => {
    const [store] = await open(t)
    await reserve(store, 'closed', 2)
    await reserve(store, 'closed', 0)
    await reserve(store, 'closing', 2, { closing: 'C' })
    await reserve(store, 'deleted', 2)
    await store.markDeleted('deleted', 2)
    const refused = async (topic: string, belief: Belief): Promise<void> => {
      const answer = await store.reserve(topic, { count: 1 }, belief, { now: WRITER_NOW })
      assert.equal(answer.kind, 'refused', topic)
      assert.equal(answer.item?.currentOffset, 2, topic)
    }
    await refused('closed', OPEN)
    await refused('closed', { ...OPEN, closed: 1 })
    await refused('closed', { ...OPEN, closing: 2 })
    await refused('closing', OPEN)
    await refused('closing', { ...OPEN, closing: 1 })
    await refused('closing', { ...OPEN, closed: 2 })
    await refused('deleted', { ...OPEN, exists: true })
    await reserve(store, 'deleted', 1)
    await reserve(store, 'deleted', 1, {}, { ...OPEN, exists: true })
  })
}
