import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { RecordName } from '../../../src/ports/record-store.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { eventually } from '../../support/eventually.ts'
import { exactly, OPEN, plain, reserve, WRITER_NOW } from '../../support/storage/items.ts'
import { append, openStore } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const now = { now: WRITER_NOW }
const key: RecordName = { kind: 'key', topic: 't', id: 'k' }
const record = { last: 3, text: 'three' }

describe('the embedded store\'s items', () => {
  test('are in the file with all that they have', async (t) => {
    const folder = temporaryFolder(t)
    const store = openStore(t, folder)
    await store.topics.configure('t', 'some', undefined, now)
    const belief = { ...OPEN, config: 'some' }
    await reserve(store.topics, 't', 3, { producers: new Map([['p', 'P'], ['q', 'Q'], ['out', 'X']]), order: 'O' }, belief)
    await reserve(store.topics, 't', 2, { producers: new Map([['q', 'Q2']]), movedOut: ['out'] }, belief)
    await store.topics.noteSwept('t', 'note')
    await store.topics.raiseEarliest('t', 4, { producers: new Map([['p', { last: 3, text: 'found' }]]) })
    await reserve(store.topics, 't', 1, { closing: 'C' }, belief)
    await reserve(store.topics, 'closed', 1)
    await reserve(store.topics, 'closed', 0)
    await reserve(store.topics, 'deleted', 2, { producers: new Map([['p', 'P']]) })
    await store.topics.markDeleted('deleted', 2)
    await store.records.replace(key, record, null, { expiresAtMs: 5 })
    const names = ['t', 'closed', 'deleted']
    const before = await Promise.all(names.map((name) => store.topics.read(name)))
    assert.deepEqual(plain(before[0]), {
      currentOffset: 6,
      earliest: 4,
      moves: 1,
      producers: { p: [3, 'found'], q: [5, 'Q2'] },
      order: [3, 'O'],
      closing: [6, 'C'],
      config: 'some',
      swept: 'note'
    })
    store.close()
    const again = openStore(t, folder)
    assert.deepEqual((await Promise.all(names.map((name) => again.topics.read(name)))).map(exactly), before.map(exactly))
    assert.deepEqual(await again.records.read(key), record)
  })

  test('are in the file after each change', async (t) => {
    const folder = temporaryFolder(t)
    const store = openStore(t, folder)
    const { topics } = store
    const changes: Record<string, (topic: string, item: TopicItem) => Promise<unknown>> = {
      offset: (topic) => reserve(topics, topic, 1),
      order: (topic) => reserve(topics, topic, 1, { order: 'next' }, OPEN),
      closing: (topic) => reserve(topics, topic, 1, { closing: 'C' }),
      closed: (topic) => reserve(topics, topic, 0),
      moved: (topic) => reserve(topics, topic, 1, { movedOut: ['p'] }),
      config: (topic, item) => topics.configure(topic, 'some', item, now),
      swept: (topic) => topics.noteSwept(topic, 'note'),
      earliest: (topic) => topics.raiseEarliest(topic, 3, {}),
      resolved: (topic) => topics.raiseEarliest(topic, 1, { order: { last: 3, text: 'found' } }),
      time: (topic) => topics.correctReservedAt(topic, { currentOffset: 3, reservedAtMs: 1 }),
      deleted: (topic) => topics.markDeleted(topic, 3),
      again: async (topic) => {
        await topics.markDeleted(topic, 3)
        await reserve(topics, topic, 1)
      }
    }
    const after: Record<string, unknown> = {}
    for (const [topic, change] of Object.entries(changes)) {
      const { item } = await reserve(topics, topic, 3, { producers: new Map([['p', 'P']]), order: 'O' })
      await change(topic, item)
      after[topic] = exactly(await topics.read(topic))
      assert.notDeepEqual(after[topic], exactly(item), topic)
    }
    store.close()
    const again = openStore(t, folder)
    for (const [topic, expected] of Object.entries(after)) assert.deepEqual(exactly(await again.topics.read(topic)), expected, topic)
  })

  test('are right when there are more than memory is meant for', async (t) => {
    const { topics } = openStore(t)
    const config = (i: number): string => `${i} `.padEnd(100_000, 'x')
    for (let i = 0; i < 200; i++) await topics.configure(`t${i}`, config(i), undefined, now)
    for (let i = 0; i < 200; i++) assert.equal((await reserve(topics, `t${i}`, 1, {}, { ...OPEN, config: config(i) })).last, 1)
    for (let i = 0; i < 200; i++) {
      const expected = { currentOffset: 1, earliest: 1, moves: 0, producers: {}, config: config(i) }
      assert.deepEqual(plain(await topics.read(`t${i}`)), expected)
    }
  })

  test('keep what an older version has left of an earlier life', async (t) => {
    const folder = temporaryFolder(t)
    const store = openStore(t, folder)
    await reserve(store.topics, 't', 3, { producers: new Map([['p', 'P']]), order: 'O' })
    await reserve(store.topics, 't', 0)
    store.close()
    const database = new DatabaseSync(join(folder, 'streams.db'))
    database.exec('UPDATE topics SET deleted_at = current_offset')
    database.close()
    const { topics } = openStore(t, folder)
    const expected = { currentOffset: 3, earliest: 1, deletedAtOffset: 3, moves: 0, producers: { p: [3, 'P'] }, order: [3, 'O'], closed: 3 }
    assert.deepEqual(plain(await topics.read('t')), expected)
    const { item } = await reserve(topics, 't', 1, {}, { ...OPEN, closed: 3 })
    assert.deepEqual(plain({ ...item, closed: 3 }), { ...expected, currentOffset: 4 })
    assert.equal(item.closed, undefined)
  })

  test('are not believed if their transaction was rolled back', async (t) => {
    const folder = temporaryFolder(t)
    const store = openStore(t, folder)
    await reserve(store.topics, 't', 3, { producers: new Map([['p', 'P']]) })
    const unstorable = { count: 5, producers: new Map([['p', 'P2'], ['q', ['no text'] as unknown as string]]) }
    for (const topic of ['t', 'u']) await assert.rejects(store.topics.reserve(topic, unstorable, OPEN, now), /cannot be bound/)
    const expected = { currentOffset: 3, earliest: 1, moves: 0, producers: { p: [3, 'P'] } }
    assert.deepEqual([plain(await store.topics.read('t')), await store.topics.read('u')], [expected, undefined])
    await append(store, 'other', 'x')
    store.close()
    const { topics } = openStore(t, folder)
    assert.deepEqual([plain(await topics.read('t')), await topics.read('u')], [expected, undefined])
    assert.equal((await reserve(topics, 't', 1)).last, 4)
  })

  test('are in a backup that is made while they are changed', async (t) => {
    const store = openStore(t)
    const copy = join(temporaryFolder(t), 'copy')
    for (let i = 0; i < 200; i++) await append(store, 'other', 'x'.repeat(10_000))
    const progress = { done: false }
    const backup = store.backup(copy).finally(() => { progress.done = true })
    for (let i = 1; !progress.done || i < 200; i++) {
      await reserve(store.topics, 't', 1, { producers: new Map([['p', `${i}`], [`p${i % 20}`, `${i}`]]) })
      if (i % 20 === 0) await new Promise(setImmediate)
    }
    await backup
    const { currentOffset, producers } = await openStore(t, copy).topics.read('t') ?? { currentOffset: 0, producers: new Map() }
    if (currentOffset > 0) assert.deepEqual(producers.get('p'), { last: currentOffset, text: `${currentOffset}` })
  })
})

/** Everything but a reservation. */
function otherCalls ({ topics, records }: SqliteStore): Record<string, () => Promise<unknown>> {
  return {
    read: () => topics.read('t'),
    'read what is not there': () => topics.read('nothing'),
    'refused reservation': () => topics.reserve('t', { count: 1 }, { ...OPEN, config: 'other' }, now),
    'close alone': () => topics.reserve('alone', { count: 0 }, OPEN, now),
    markClosed: () => topics.markClosed('closing', 2),
    raiseEarliest: () => topics.raiseEarliest('t', 2, {}),
    'raiseEarliest, refused': () => topics.raiseEarliest('nothing', 2, {}),
    configure: () => topics.configure('new', 'some', undefined, now),
    noteSwept: () => topics.noteSwept('t', 'note'),
    correctReservedAt: () => topics.correctReservedAt('t', { currentOffset: 3, reservedAtMs: 1 }),
    list: () => topics.list('', 10),
    markDeleted: () => topics.markDeleted('alone', 2),
    'replace a record': () => records.replace(key, record, null, { expiresAtMs: 1 }),
    'replace a record, refused': () => records.replace(key, record, null, { expiresAtMs: 1 }),
    'read a record': () => records.read(key),
    removeExpired: () => records.removeExpired(1, 10)
  }
}

async function prepare (store: SqliteStore): Promise<void> {
  await reserve(store.topics, 't', 3)
  await reserve(store.topics, 'alone', 2)
  await reserve(store.topics, 'closing', 2, { closing: 'C' })
}

describe('the embedded store answers about items', () => {
  test('only after the flush, except that a reservation is handed out at once', async (t) => {
    const flushes: ((error: Error | null) => void)[] = []
    const store = openStore(t, undefined, { sync: (_, done) => { flushes.push(done) } })
    await prepare(store)
    for (const [what, call] of Object.entries(otherCalls(store))) {
      // Something new to wait for.
      await reserve(store.topics, 'busy', 1, { producers: new Map([['p', what]]), order: what })
      let answered = false
      const answer = call().finally(() => { answered = true })
      await eventually(() => flushes.length > 0)
      await delay(5)
      assert.equal(answered, false, what)
      assert.equal(flushes.length, 1, what)
      flushes.pop()!(null)
      await answer
    }
  })

  test('no more after a flush has failed', async (t) => {
    let broken = false
    const store = openStore(t, undefined, { sync: (_, done) => { setImmediate(done, broken ? new Error('EIO') : null) } })
    await prepare(store)
    broken = true
    const failed = (effect: string) => (error: unknown): boolean => error instanceof StoreError &&
      error.failure === 'unavailable' && error.effect === effect && error.message.includes('until a restart')
    await assert.rejects(store.topics.raiseEarliest('t', 2, {}), failed('unknown'))
    for (const call of [() => store.topics.reserve('t', { count: 1 }, OPEN, now), ...Object.values(otherCalls(store))]) {
      await assert.rejects(call(), failed('none'))
    }
  })
})

test('on a full disk reservations, new topics and records are refused, and upkeep goes on', async (t) => {
  let free = Infinity
  let time = 0
  const store = openStore(t, undefined, { freeBytes: () => free, elapsed: () => time })
  const { topics, records } = store
  await prepare(store)
  const { item } = await reserve(topics, 'configured', 1, { producers: new Map([['p', 'P']]) })
  await records.replace(key, record, null, { expiresAtMs: 1 })
  free = 1
  time += 1_000 // The space is asked for again.
  await isFull(() => topics.reserve('t', { count: 1 }, OPEN, now))
  await isFull(() => topics.reserve('t', { count: 1, producers: new Map([['p', 'P']]) }, OPEN, now))
  await isFull(() => topics.reserve('new', { count: 1 }, OPEN, now))
  await isFull(() => topics.configure('new', null, undefined, now))
  await isFull(() => records.replace({ ...key, id: 'new' }, record, null, { expiresAtMs: 1 }))
  await isFull(() => topics.check())
  assert.deepEqual([(await topics.read('t'))?.currentOffset, await topics.read('new')], [3, undefined])

  assert.equal((await topics.configure('configured', '{"retention_ms":1}', item, now)).kind, 'changed')
  const found = new Map([['p', { last: 1, text: 'found' }]])
  assert.equal((await topics.raiseEarliest('configured', 2, { producers: found })).kind, 'changed')
  assert.equal((await topics.raiseEarliest('t', 3, {})).kind, 'changed')
  await topics.correctReservedAt('t', { currentOffset: 3, reservedAtMs: 1 })
  await topics.noteSwept('t', 'note')
  await topics.markClosed('closing', 2)
  assert.equal((await topics.reserve('alone', { count: 0 }, OPEN, now)).kind, 'reserved')
  assert.equal((await topics.markDeleted('configured', 1)).kind, 'changed')
  assert.equal(await records.removeExpired(1, 10), 1)
  assert.deepEqual(exactly({ ...(await topics.read('t'))!, createdAtMs: undefined }), {
    currentOffset: 3, earliest: 3, reservedAtMs: 1, moves: 0, producers: {}, swept: 'note'
  })
})

async function isFull (call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call(), (error) => error instanceof StoreError && error.failure === 'full' && error.effect === 'none')
}
