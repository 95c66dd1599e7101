import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { eventually } from '../../support/eventually.ts'
import { itemAt, put, type OpenGroupStore } from './support.ts'

/** Waits until all of the topic's groups are these: what was just made or removed may take a moment. */
async function listed (store: GroupStore, topic: string, expected: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { groups, truncated } = await store.list(topic, '', 1_000)
    return !truncated && groups.join(' ') === expected.join(' ')
  })
}

export function testList (open: OpenGroupStore): void {
  test('groups are listed in order of their names, page by page', async (t) => {
    const [store, other] = await open(t)
    const names = ['a', 'A', 'a.b', 'a-', 'ab', 'Z', '0', 'a_', 'a-1', '-', '-.', '_', 'z'.repeat(249)]
    const sorted = names.toSorted()
    await Promise.all(names.map((group) => put(store, { topic: 'orders', group }, itemAt(1))))
    await listed(other, 'orders', sorted)
    for (const limit of [1, 3, names.length - 1, names.length, names.length + 1]) {
      const pages: string[] = []
      for (let truncated = true; truncated;) {
        const page = await store.list('orders', pages.at(-1) ?? '', limit)
        assert.ok(page.groups.length <= limit)
        assert.ok(page.groups.length > 0 || !page.truncated, 'an empty page is not truncated')
        pages.push(...page.groups)
        assert.ok(pages.length <= names.length, `pages of ${limit} end`)
        truncated = page.truncated
      }
      assert.deepEqual(pages, sorted, `pages of ${limit}`)
    }
    const after = async (name: string) => (await other.list('orders', name, 1_000)).groups
    for (const [i, name] of sorted.entries()) assert.deepEqual([...await after(name)], sorted.slice(i + 1), `after ${name}`)
    assert.deepEqual([...await after('a-0')], sorted.slice(sorted.indexOf('a-1')), 'after a name that is no group')
  })

  test('the groups of topics whose names begin alike are apart', async (t) => {
    const [store] = await open(t)
    const topics = ['a', 'a.b', 'a-', 'a-b', 'a_', 'A', 'aa', 'b', 'z'.repeat(249)]
    const groupsOf = (topic: string): string[] => ['-', `of-${topic.slice(0, 100)}`, 'zz']
    await Promise.all(topics.flatMap((topic) => groupsOf(topic).map((group) => put(store, { topic, group }, itemAt(1)))))
    for (const topic of topics) {
      await listed(store, topic, groupsOf(topic))
      assert.deepEqual([...(await store.list(topic, '-', 1)).groups], groupsOf(topic).slice(1, 2))
      assert.deepEqual({ ...await store.list(topic, 'zz', 10) }, { groups: [], truncated: false })
    }
    for (const topic of ['', 'a.', 'c', 'z'.repeat(248)]) {
      assert.deepEqual({ ...await store.list(topic, '', 10) }, { groups: [], truncated: false }, `no groups of ${topic}`)
    }
  })

  test('a removed group is not listed until it is made again', async (t) => {
    const [store, other] = await open(t)
    for (const group of ['a', 'b', 'c']) await put(store, { topic: 'orders', group }, itemAt(1))
    await listed(store, 'orders', ['a', 'b', 'c'])
    await put(store, { topic: 'orders', group: 'a' }, itemAt(2), itemAt(1))
    await store.remove({ topic: 'orders', group: 'b' }, itemAt(1))
    await listed(other, 'orders', ['a', 'c'])
    await put(other, { topic: 'orders', group: 'b' }, itemAt(1))
    await listed(store, 'orders', ['a', 'b', 'c'])
  })
}
