import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import type { RecordName, RecordStore } from '../../src/ports/record-store.ts'
import type { Fact } from '../../src/ports/topic-store.ts'

export interface RecordStoreContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
  /** The store removes expired records by itself. */
  readonly ownExpiry?: boolean | undefined
}

const EXPIRES = { expiresAtMs: 4_102_444_800_123 }
const producer: RecordName = { kind: 'producer', topic: 't', id: 'p' }
const key: RecordName = { kind: 'key', topic: 't', id: 'p' }

/** Two clients of one empty store, which may be the same; they are closed after `t`. */
export type OpenRecordStore = (t: TestContext) => Promise<readonly [RecordStore, RecordStore]> | readonly [RecordStore, RecordStore]

/** What every RecordStore keeps to (log §6.5, §6.6). */
export function recordStoreContract (name: string, open: OpenRecordStore, options: RecordStoreContractOptions = {}): void {
  describe(`${name} keeps the contract of RecordStore`, { skip: options.skip ?? false }, () => {
    test('a producer is replaced unless a higher version is there', async (t) => {
      const [store, other] = await open(t)
      assert.equal(await store.read(producer), undefined)
      const highest = Number.MAX_SAFE_INTEGER
      for (const [last, text, seen] of [[5, 'five', null], [5, 'five again', null], [7, 'seven', 1], [highest, '', 7]] as const) {
        assert.equal(await store.replace(producer, { last, text }, seen, EXPIRES), 'replaced')
        assert.deepEqual(await other.read(producer), { last, text })
      }
      assert.deepEqual(await other.replace(producer, { last: 8, text: 'eight' }, highest, EXPIRES), { last: highest, text: '' })
      assert.deepEqual(await store.read(producer), { last: highest, text: '' })
    })

    test('a key is replaced if it is as it was seen', async (t) => {
      const [store, other] = await open(t)
      assert.equal(await store.replace(key, { last: 3, text: 'three' }, 2, EXPIRES), undefined, 'what was seen is gone')
      assert.equal(await store.read(key), undefined)
      assert.equal(await store.replace(key, { last: 3, text: 'three' }, null, EXPIRES), 'replaced')
      for (const seen of [null, 2, 4]) {
        assert.deepEqual(await other.replace(key, { last: 9, text: 'nine' }, seen, EXPIRES), { last: 3, text: 'three' })
      }
      assert.equal(await other.replace(key, { last: 9, text: 'nine' }, 3, EXPIRES), 'replaced')
      assert.equal(await other.replace(key, { last: 9, text: 'it stands' }, 9, EXPIRES), 'replaced')
      assert.deepEqual(await store.read(key), { last: 9, text: 'it stands' })
    })

    test('kinds, topics and ids are apart', async (t) => {
      const [store] = await open(t)
      const ids = ['b', 'B', 'b#c', '#', 'a#b', '__proto__', '\\', '"\'', '日本 😀', 'é', 'e\u0301', '\ufffd', '\u0000', 'b\u0000c', 'b ',
        'x'.repeat(256)]
      const names = (['producer', 'key'] as const).flatMap((kind) => (
        ['a', 'a.b', 'A', 'z'.repeat(249)].flatMap((topic) => ids.map((id): RecordName => ({ kind, topic, id })))))
      const recordOf = (i: number): Fact => ({ last: i + 1, text: JSON.stringify(names[i]) })
      for (const [i, name] of names.entries()) assert.equal(await store.replace(name, recordOf(i), null, EXPIRES), 'replaced')
      for (const [i, name] of names.entries()) assert.deepEqual(await store.read(name), recordOf(i))
    })

    test('of concurrent writers of a key one wins', async (t) => {
      const clients = await open(t)
      for (let round = 0; round < 5; round++) {
        const name = { ...key, id: `${round}` }
        let seen: number | null = null
        for (const step of [100, 200]) {
          const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => (
            clients[(n + round) % 2]!.replace(name, { last: step + n, text: `${n}` }, seen, EXPIRES))))
          const winners = answers.flatMap((answer, n) => answer === 'replaced' ? [n] : [])
          assert.equal(winners.length, 1)
          const record = { last: step + winners[0]!, text: `${winners[0]}` }
          assert.deepEqual(answers.filter((answer) => answer !== 'replaced'), Array.from({ length: 7 }, () => record))
          assert.deepEqual(await clients[0].read(name), record)
          seen = record.last
        }
      }
    })

    test('of concurrent writers of a producer the newest one stays', async (t) => {
      const clients = await open(t)
      for (let round = 0; round < 5; round++) {
        const name = { ...producer, id: `${round}` }
        const lasts = [4, 1, 8, 3, 7, 2, 6, 5]
        await Promise.all(lasts.map((last, n) => clients[(n + round) % 2]!.replace(name, { last, text: `${last}` }, null, EXPIRES)))
        assert.deepEqual(await clients[0].read(name), { last: 8, text: '8' })
      }
    })

    if (options.ownExpiry !== true) testExpiry(open)
    else {
      test('nothing is removed here: the store does it', async (t) => {
        const [store] = await open(t)
        assert.equal(await store.removeExpired(Number.MAX_SAFE_INTEGER, 100), 0)
      })
    }

    // What never waits has nothing to end.
    if (options.io !== true) return
    test('an aborted signal ends the wait as a timeout', async (t) => {
      const [store] = await open(t)
      const signal = AbortSignal.abort()
      const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
      await assert.rejects(store.read(key, { signal }), timeout)
      await assert.rejects(store.replace(key, { last: 1, text: '' }, null, { ...EXPIRES, signal }), timeout)
    })
  })
}

function testExpiry (open: OpenRecordStore): void {
  test('a record counts until it is removed, and that is after it has expired', async (t) => {
    const [store] = await open(t)
    const record = { last: 1, text: 'one' }
    for (const [i, kind] of (['key', 'producer', 'key', 'producer', 'key'] as const).entries()) {
      await store.replace({ kind, topic: 't', id: `${i}` }, record, null, { expiresAtMs: 1_000 + i })
    }
    const left = async (): Promise<number> => {
      const names = [0, 1, 2, 3, 4].flatMap((i) => [{ ...key, id: `${i}` }, { ...producer, id: `${i}` }])
      return (await Promise.all(names.map((name) => store.read(name)))).filter((found) => found !== undefined).length
    }
    assert.equal(await store.removeExpired(999, 10), 0)
    assert.equal(await left(), 5)
    assert.equal(await store.removeExpired(1_000, 10), 1)
    assert.equal(await store.read({ ...key, id: '0' }), undefined)
    assert.equal(await store.removeExpired(1_003, 2), 2)
    assert.equal(await left(), 2)
    assert.equal(await store.removeExpired(1_003, 2), 1)
    assert.deepEqual(await store.read({ ...key, id: '4' }), record)
    assert.equal(await store.replace({ ...key, id: '0' }, record, 1, EXPIRES), undefined, 'what was seen is gone')
    assert.equal(await store.replace({ ...key, id: '0' }, record, null, EXPIRES), 'replaced')
  })

  test('a record that is replaced expires later, or sooner', async (t) => {
    const [store] = await open(t)
    await store.replace(key, { last: 1, text: '' }, null, { expiresAtMs: 1_000 })
    await store.replace(key, { last: 2, text: '' }, 1, { expiresAtMs: 2_000 })
    await store.replace(producer, { last: 1, text: '' }, null, { expiresAtMs: 2_000 })
    await store.replace(producer, { last: 2, text: '' }, null, { expiresAtMs: 1_000 })
    assert.equal(await store.removeExpired(1_500, 10), 1)
    assert.deepEqual([await store.read(key), await store.read(producer)], [{ last: 2, text: '' }, undefined])
  })

  test('more than a hundred are removed at once', async (t) => {
    const [store] = await open(t)
    await Promise.all(Array.from({ length: 350 }, (_, i) => (
      store.replace({ ...key, id: `${i}` }, { last: 1, text: '' }, null, { expiresAtMs: i % 2 }))))
    assert.equal(await store.removeExpired(0, 1_000), 175)
    assert.equal(await store.removeExpired(1, 1_000), 175)
  })
}
