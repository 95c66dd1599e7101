import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import type { TopicStore } from '../../src/ports/topic-store.ts'
import { eventually } from '../support/eventually.ts'
import { testBeliefs } from './topic-store/beliefs.ts'
import { testFacts } from './topic-store/facts.ts'
import { testConfig, testTrimAndDeletion } from './topic-store/lives.ts'
import { testOffsets, testTimes } from './topic-store/offsets.ts'
import { testRaces } from './topic-store/races.ts'
import { OPEN, reserve, WRITER_NOW, type OpenTopicStore, type TopicStoreContractOptions } from './topic-store/support.ts'

/** What every TopicStore keeps to (log §2.2, §6.2). */
export function topicStoreContract (name: string, open: OpenTopicStore, options: TopicStoreContractOptions = {}): void {
  describe(`${name} keeps the contract of TopicStore`, { skip: options.skip ?? false }, () => {
    testOffsets(open, options)
    testTimes(open, options)
    testTrimAndDeletion(open)
    testConfig(open, options)
    testList(open)
    testFacts(open)
    testBeliefs(open)
    testRaces(open)

    test('check resolves', async (t) => {
      const [store] = await open(t)
      await store.check()
    })

    // What never waits has nothing to end.
    if (options.io === true) testAbort(open)
  })
}

function testList (open: OpenTopicStore): void {
  const listed = async (store: TopicStore, expected: readonly string[]): Promise<void> => {
    // What was just created or deleted may take a moment.
    await eventually(async () => {
      const { topics, truncated } = await store.list('', 1_000)
      return !truncated && topics.join(' ') === expected.join(' ')
    })
  }

  test('topics are listed in order of their names, page by page', async (t) => {
    const [store] = await open(t)
    const none = await store.list('', 10)
    assert.deepEqual({ topics: [...none.topics], truncated: none.truncated }, { topics: [], truncated: false })
    const names = ['a', 'A', 'a.b', 'a-', 'ab', 'Z', '0', 'a_', 'a-1', 'z'.repeat(249)]
    for (const [i, name] of names.entries()) {
      if (i % 2 === 0) await reserve(store, name, 1)
      else await store.configure(name, null, undefined, { now: WRITER_NOW })
    }
    await listed(store, names.toSorted())
    for (const limit of [1, 3, 9, 10, 11]) {
      const pages: string[] = []
      for (let truncated = true; truncated;) {
        const page = await store.list(pages.at(-1) ?? '', limit)
        assert.ok(page.topics.length <= limit)
        assert.ok(page.topics.length > 0 || !page.truncated)
        pages.push(...page.topics)
        truncated = page.truncated
      }
      assert.deepEqual(pages, names.toSorted(), `pages of ${limit}`)
    }
    assert.deepEqual([...(await store.list('a-0', 2)).topics], ['a-1', 'a.b'], 'after a name that is no topic')
  })

  test('a deleted topic is not listed until it is created again', async (t) => {
    const [store] = await open(t)
    for (const topic of ['a', 'b', 'c']) await reserve(store, topic, 1)
    const { item } = await store.markDeleted('a', 1)
    await store.markDeleted('b', 1)
    await listed(store, ['c'])
    await store.configure('a', 'some', item, { now: WRITER_NOW })
    await listed(store, ['a', 'c'])
    await reserve(store, 'b', 1)
    await listed(store, ['a', 'b', 'c'])
  })
}

function testAbort (open: OpenTopicStore): void {
  test('an aborted signal ends the wait as a timeout', async (t) => {
    const [store] = await open(t)
    const signal = AbortSignal.abort()
    const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
    await assert.rejects(store.reserve('t', { count: 1 }, OPEN, { now: WRITER_NOW, signal }), timeout)
    await assert.rejects(store.read('t', { signal }), timeout)
    await assert.rejects(store.markClosed('t', 1, { signal }), timeout)
    await assert.rejects(store.raiseEarliest('t', 2, {}, { signal }), timeout)
    await assert.rejects(store.markDeleted('t', 1, { signal }), timeout)
    await assert.rejects(store.configure('t', null, undefined, { now: WRITER_NOW, signal }), timeout)
    await assert.rejects(store.noteSwept('t', '', { signal }), timeout)
    await assert.rejects(store.correctReservedAt('t', { currentOffset: 1, reservedAtMs: WRITER_NOW }, { signal }), timeout)
    await assert.rejects(store.list('', 1, { signal }), timeout)
    await assert.rejects(store.check({ signal }), timeout)
  })
}
