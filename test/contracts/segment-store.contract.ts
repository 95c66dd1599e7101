import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import {
  PUT_ACCEPTED_MS, type NamedSegmentStore, type SegmentObject, type SegmentStore, type TopicListing
} from '../../src/ports/segment-store.ts'

export interface SegmentStoreContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
}

/** How far a store's clock may be from this machine's in a test, whole seconds and a slow machine included. */
const SKEW_MS = 5_000
const seal = { reservedAtMs: null }

/** What every SegmentStore keeps to (log §2.1, §3.2). `open` gives an empty store and cleans up after `t`. */
export function segmentStoreContract (
  name: string,
  open: (t: TestContext) => Promise<NamedSegmentStore> | NamedSegmentStore,
  options: SegmentStoreContractOptions = {}
): void {
  describe(`${name} keeps the contract of SegmentStore`, { skip: options.skip ?? false }, () => {
    test('of 64 concurrent puts on one key exactly one creates it, and its body stays', async (t) => {
      const store = await open(t)
      const outcomes = await Promise.all(Array.from({ length: 64 }, (_, i) => (
        store.putIfAbsent('race', 1, object(`writer ${i}`), { reservedAtMs: Date.now() }))))
      const winners = outcomes.flatMap((outcome, i) => outcome === 'created' ? [i] : [])
      assert.equal(winners.length, 1)
      assert.deepEqual(plain(await store.get('race', 1)), plain(object(`writer ${winners[0]}`)))
    })

    test('a key that exists keeps its first body and headers', async (t) => {
      const store = await open(t)
      const first: SegmentObject = {
        body: bytes('first'), contentType: 'application/x-ndjson', contentEncoding: 'gzip', metadata: { first: '1', writer: 'w-1' }
      }
      const second: SegmentObject = { body: bytes('the second'), contentType: 'application/json', metadata: { sealed: 'hole' } }
      assert.equal(await store.putIfAbsent('t', 3, first, seal), 'created')
      assert.equal(await store.putIfAbsent('t', 3, second, seal), 'exists')
      assert.deepEqual(plain(await store.get('t', 3)), plain(first))
      const { entries } = await store.list('t', 1, 10)
      assert.deepEqual(entries.map(({ lastOffset: last, size }) => ({ last, size })), [{ last: 3, size: 5 }])
    })

    test('an object comes back as it was put', async (t) => {
      const store = await open(t)
      const everyByte = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
      const objects: SegmentObject[] = [
        {
          body: everyByte,
          contentType: 'application/x-ndjson',
          contentEncoding: 'zstd',
          metadata: { first: '1', count: '9', writer: 'aB-_9' }
        },
        { body: bytes('{"payload":"grüße \\u0000 日本"}'), contentType: 'application/json', metadata: {} },
        { body: new Uint8Array(0), contentType: 'application/json', metadata: { empty: 'yes' } },
        { body: everyByte.subarray(11, 300), contentType: 'application/json', contentEncoding: 'gzip', metadata: {} }
      ]
      for (const [i, each] of objects.entries()) assert.equal(await store.putIfAbsent('T_x-1.y', i + 1, each, seal), 'created')
      for (const [i, each] of objects.entries()) assert.deepEqual(plain(await store.get('T_x-1.y', i + 1)), plain(each))
      const { entries } = await store.list('T_x-1.y', 1, 10)
      assert.deepEqual(entries.map(({ size }) => size), objects.map(({ body }) => body.length))
    })

    test('a missing key is undefined, an empty topic an empty list', async (t) => {
      const store = await open(t)
      assert.equal(await store.get('nothing', 1), undefined)
      const nothing = await store.list('nothing', 1, 10)
      assert.deepEqual({ entries: nothing.entries, truncated: nothing.truncated }, { entries: [], truncated: false })
      await store.putIfAbsent('t', 5, object('five'), seal)
      assert.equal(await store.get('t', 4), undefined)
      assert.deepEqual((await store.list('t', 6, 10)).entries, [])
    })

    test('lists ascending by last, from inclusive, whatever the number of digits and the order of the puts', async (t) => {
      const store = await open(t)
      const lasts = [1_000_000, 9, 10, 1, 99, 100, Number.MAX_SAFE_INTEGER, 11]
      for (const last of lasts) await store.putIfAbsent('t', last, object(`${last}`), seal)
      const ascending = lasts.toSorted((a, b) => a - b)
      for (const from of [1, 2, 9, 10, 12, 100, 101, 1_000_000, 1_000_001, Number.MAX_SAFE_INTEGER]) {
        const { entries, truncated } = await store.list('t', from, 100)
        assert.deepEqual(entries.map(({ lastOffset }) => lastOffset), ascending.filter((last) => last >= from), `from ${from}`)
        assert.equal(truncated, false)
      }
    })

    test('a limit cuts the list and says so', async (t) => {
      const store = await open(t)
      await Promise.all(range(1, 25).map((last) => store.putIfAbsent('t', last * 2, object('x'), seal)))
      const page = await store.list('t', 5, 3)
      assert.deepEqual(page.entries.map(({ lastOffset }) => lastOffset), [6, 8, 10])
      assert.equal(page.truncated, true)
      assert.deepEqual(await walk(store, 't', 1, 7), range(1, 25).map((last) => last * 2))
      assert.deepEqual(await walk(store, 't', 1, 25), range(1, 25).map((last) => last * 2))
    })

    test('topics whose names begin alike are apart', async (t) => {
      const store = await open(t)
      const topics = ['a', 'a.b', 'ab', 'a-', 'A', 'a.b.c']
      for (const [i, topic] of topics.entries()) {
        await store.putIfAbsent(topic, i + 1, object(topic), seal)
        await store.putIfAbsent(topic, 50, object(`${topic} 50`), seal)
      }
      for (const [i, topic] of topics.entries()) {
        assert.deepEqual(await walk(store, topic, 1, 100), [i + 1, 50], topic)
        assert.deepEqual(plain(await store.get(topic, 50)), plain(object(`${topic} 50`)))
      }
      await store.remove('a', [1, 50])
      assert.deepEqual(await walk(store, 'a', 1, 100), [])
      assert.deepEqual(await walk(store, 'a.b', 1, 100), [2, 50])
    })

    test('topics that have objects are listed in order of their names, page by page', async (t) => {
      const store = await open(t)
      assert.deepEqual(plainTopics(await store.topics('', 10)), { topics: [], truncated: false })
      // `-` and `.` sort before the slash that ends a topic's name in a key.
      const names = [
        'a', 'a-', 'a-1', 'a-1-1', 'a-1.x', 'a-2', 'a.', 'a.b', 'a.b-c', 'a0', 'aa', 'A', 'b-1', 'b-2', 'c', 'c-1',
        '-', '.a', '_', '9', 'z'.repeat(249)
      ]
      for (const name of names) await store.putIfAbsent(name, 1, object('x'), seal)
      await store.putIfAbsent('gone', 1, object('x'), seal)
      await store.remove('gone', [1])
      const sorted = names.toSorted()
      for (const limit of [1, 2, 3, 5, 8, names.length - 1, names.length, 1_000]) {
        const pages: string[] = []
        for (let truncated = true; truncated;) {
          const page = await store.topics(pages.at(-1) ?? '', limit)
          assert.ok(page.topics.length <= limit)
          assert.ok(page.topics.length > 0 || !page.truncated, 'an empty listing is not truncated')
          pages.push(...page.topics)
          truncated = page.truncated
        }
        assert.deepEqual(pages, sorted, `pages of ${limit}`)
      }
      for (const after of [...names, 'a-0', 'a-1-', 'a/', 'b', 'b-', 'zz', '~']) {
        const expected = sorted.filter((name) => name > after)
        assert.deepEqual(plainTopics(await store.topics(after, 1_000)), { topics: expected, truncated: false }, `after ${after}`)
      }
    })

    test('the times it tells are its clock', async (t) => {
      const store = await open(t)
      const before = Date.now()
      await store.putIfAbsent('t', 1, object('x'), { reservedAtMs: before })
      const { entries, now } = await store.list('t', 1, 1)
      const [entry] = entries
      assert.ok(entry !== undefined)
      assert.ok(Math.abs(entry.lastModified - before) < SKEW_MS, `lastModified ${entry.lastModified} is about ${before}`)
      assert.ok(Math.abs(now - before) < SKEW_MS, `now ${now} is about ${before}`)
      assert.ok(now - entry.lastModified >= -1_000, 'an object is no younger than now, but for cut seconds')
    })

    test('refuses a put whose reservation is too old, and stores nothing', async (t) => {
      const store = await open(t)
      // A store that learns the other side's clock from its answers has heard one.
      await store.list('t', 1, 1)
      await assert.rejects(store.putIfAbsent('t', 1, object('late'), { reservedAtMs: Date.now() - PUT_ACCEPTED_MS - 60_000 }), (error) => (
        error instanceof StoreError && error.failure === 'expired' && error.effect === 'none'))
      assert.equal(await store.get('t', 1), undefined)
      assert.equal(await store.putIfAbsent('t', 1, object('in time'), { reservedAtMs: Date.now() - PUT_ACCEPTED_MS + 60_000 }), 'created')
      assert.equal(await store.putIfAbsent('t', 2, object('a seal'), { reservedAtMs: null }), 'created')
    })

    test('removes what is there, passes over what is not, and lists more than a thousand', async (t) => {
      const store = await open(t)
      const lasts = range(1, 1_100)
      for (let i = 0; i < lasts.length; i += 100) {
        await Promise.all(lasts.slice(i, i + 100).map((last) => store.putIfAbsent('t', last, object('x'), seal)))
      }
      assert.deepEqual(await walk(store, 't', 1, 5_000), lasts)
      await store.remove('t', [])
      await store.remove('t', [...range(2_000, 3_500), ...lasts.slice(0, 1_050), 1])
      assert.deepEqual(await walk(store, 't', 1, 100), lasts.slice(1_050))
      await store.remove('unknown', [1, 2])
    })

    test('check resolves', async (t) => {
      const store = await open(t)
      await store.check()
    })

    // What never waits has nothing to end.
    if (options.io !== true) return
    test('an aborted signal ends the wait as a time-out', async (t) => {
      const store = await open(t)
      const signal = AbortSignal.abort()
      const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
      await assert.rejects(store.putIfAbsent('t', 1, object('x'), { reservedAtMs: Date.now(), signal }), timeout)
      await assert.rejects(store.get('t', 1, { signal }), timeout)
      await assert.rejects(store.list('t', 1, 1, { signal }), timeout)
      await assert.rejects(store.topics('', 1, { signal }), timeout)
      await assert.rejects(store.remove('t', [1], { signal }), timeout)
      await assert.rejects(store.check({ signal }), timeout)
    })
  })
}

/** Follows the list to its end and gives every `last`; fails when a page goes back or the list does not end. */
async function walk (store: SegmentStore, topic: string, from: number, limit: number): Promise<number[]> {
  const lasts: number[] = []
  for (let pages = 0; pages < 1_000; pages++) {
    const { entries, truncated } = await store.list(topic, from, limit)
    assert.ok(entries.length <= limit)
    lasts.push(...entries.map(({ lastOffset }) => lastOffset))
    if (!truncated) return lasts
    from = (lasts.at(-1) ?? from - 1) + 1
  }
  throw new Error('the list does not end')
}

function object (text: string): SegmentObject {
  return { body: bytes(text), contentType: 'application/json', metadata: { writer: text.replaceAll(/[^a-z0-9]/g, '-') } }
}

/** For comparing: a Buffer and a Uint8Array with the same bytes are the same, an absent encoding is undefined. */
function plain (object: SegmentObject | undefined): unknown {
  if (object === undefined) return undefined
  const { body, contentType, contentEncoding, metadata } = object
  return { body: Buffer.from(body).toString('latin1'), contentType, contentEncoding, metadata: { ...metadata } }
}

function plainTopics ({ topics, truncated }: TopicListing): unknown {
  return { topics: [...topics], truncated }
}

function bytes (text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function range (first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
