import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { NamedSegmentStore } from '../../src/ports/segment-store.ts'

const object = { body: Buffer.from('x'), contentType: 'application/json', metadata: {} }
const seal = { reservedAtMs: null }

/** What every segment store tells of the topics that have objects in it. `open` gives an empty store and cleans up after `t`. */
export function namedSegmentsContract (
  name: string,
  open: (t: TestContext) => Promise<NamedSegmentStore> | NamedSegmentStore,
  { skip = false }: { readonly skip?: string | false } = {}
): void {
  describe(`${name} names the topics that have segments`, { skip }, () => {
    test('in ascending order, each once, page by page', async (t) => {
      const store = await open(t)
      // S3 orders keys, in which a / follows the name.
      const topics = ['A', 'a', 'a-', 'a-b', 'a.b', 'a0', 'aa', 'b-1', 'b-2', 'c']
      for (const topic of topics.toReversed()) for (const last of [1, 2]) await store.putIfAbsent(topic, last, object, seal)
      assert.deepEqual(await store.topics('', 100), { topics, truncated: false })
      assert.deepEqual(await store.topics('c', 100), { topics: [], truncated: false })
      assert.deepEqual((await store.topics('a', 100)).topics, topics.slice(2))
      assert.deepEqual((await store.topics('a/', 100)).topics, topics.slice(5), 'a place need not be a name')
      for (const limit of [1, 2, 3, 10]) {
        const found: string[] = []
        for (let after = ''; ;) {
          const page = await store.topics(after, limit)
          assert(page.topics.length <= limit)
          found.push(...page.topics)
          if (!page.truncated) break
          assert(page.topics.length > 0, 'an empty listing is never truncated')
          after = page.topics.at(-1)!
        }
        assert.deepEqual(found, topics, `pages of ${limit}`)
      }
    })

    test('a topic whose segments were removed is none of them', async (t) => {
      const store = await open(t)
      for (const topic of ['a', 'b']) for (const last of [1, 2]) await store.putIfAbsent(topic, last, object, seal)
      await store.remove('a', [1])
      assert.deepEqual(await store.topics('', 10), { topics: ['a', 'b'], truncated: false })
      await store.remove('a', [2])
      assert.deepEqual(await store.topics('', 10), { topics: ['b'], truncated: false })
    })
  })
}
