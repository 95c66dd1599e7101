import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { CopyStore, Scanned } from '../../src/ports/copy-store.ts'
import type { GroupItem, GroupStore } from '../../src/ports/group-store.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import type { TokenStore } from '../../src/ports/token-store.ts'
import type { TopicItem, TopicStore } from '../../src/ports/topic-store.ts'
import { exactly, reserve } from '../support/storage/items.ts'

/** The stores of one place. */
export interface CopyableStores {
  readonly copies: CopyStore
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly records: RecordStore
  readonly tokens: TokenStore
}

/** An empty place, closed after `t`. */
export type OpenCopyable = (t: TestContext) => Promise<CopyableStores> | CopyableStores

const group = (gen: string): GroupItem => ({ gen: gen.repeat(32), rev: 7, by: 'me', config: '{"a":1}', state: Buffer.from([0, 255, 128]) })
const fact = (last: number): { last: number, text: string } => ({ last, text: `fact ${last}` })
/** A time in whole seconds, which every store keeps as it is. */
const EXPIRES = 4_102_444_800_000

/** Everything that an item can have. */
const full: TopicItem = {
  currentOffset: 90,
  reservedAtMs: 1_702_000_000_123,
  createdAtMs: 1_702_000_000_001,
  earliest: 12,
  deletedAtOffset: 5,
  closed: 90,
  closing: fact(80),
  order: fact(70),
  moves: 3,
  producers: new Map([['p', fact(60)], ['p#q/é', fact(61)]]),
  config: '{"retention_ms":1000}',
  swept: 'a note'
}
const least: TopicItem = { currentOffset: 0, earliest: 1, moves: 0, producers: new Map() }
const deleted: TopicItem = { currentOffset: 9, earliest: 10, deletedAtOffset: 9, moves: 1, producers: new Map() }
const many: TopicItem = { ...least, currentOffset: 200, producers: new Map(Array.from({ length: 128 }, (_, i) => [`p${i}`, fact(i + 1)])) }

/** What every store keeps to that a copy is made from, or into (log §8). */
export function copyStoreContract (name: string, open: OpenCopyable, { skip = false }: { readonly skip?: string | false } = {}): void {
  describe(`${name} keeps the contract of CopyStore`, { skip }, () => {
    test('an item is restored as it was, once', async (t) => {
      const { copies, topics } = await open(t)
      const items = { full, least, deleted, many }
      for (const [topic, item] of Object.entries(items)) {
        assert.equal(await copies.restoreTopic(topic, item), true)
        assert.deepEqual(exactly(await topics.read(topic)), exactly(item), topic)
        assert.equal(await copies.restoreTopic(topic, least), false)
        assert.deepEqual(exactly(await topics.read(topic)), exactly(item), topic)
      }
      assert.deepEqual((await topics.list('', 10)).topics, ['full', 'least', 'many'], 'a deleted one is not listed')
    })

    test('a restored topic goes on where it was', async (t) => {
      const { copies, topics } = await open(t)
      await copies.restoreTopic('least', { ...least, currentOffset: 5, deletedAtOffset: 4, earliest: 5 })
      const { first, last, item } = await reserve(topics, 'least', 2)
      assert.deepEqual([first, last, item.earliest, item.deletedAtOffset], [6, 7, 5, 4])
    })

    test('everything is scanned, each once, deleted topics and expired records included', async (t) => {
      const { copies, topics, groups, records, tokens } = await open(t)
      const names = ['a', 'a-b', 'a.b', 'A', 'z'.repeat(249)]
      for (const topic of names) {
        await reserve(topics, topic, 1)
        for (const id of ['g', 'group']) await groups.write({ topic, group: id }, group('a'), null)
        for (const kind of ['producer', 'key'] as const) {
          for (const id of ['x', 'x#y', '#', 'é']) {
            await records.replace({ kind, topic, id }, fact(3), null, { expiresAtMs: id === 'x' ? 1_000 : EXPIRES })
          }
        }
      }
      for (const id of ['b', 'A1', 'z'.repeat(64)]) await tokens.create({ id, text: '{}' })
      assert.deepEqual((await all((after) => copies.scanTokens(after))).sort(), ['A1', 'b', 'z'.repeat(64)])
      await topics.markDeleted('a', 1)
      assert.deepEqual((await all((after) => copies.scanTopics(after))).sort(), names.toSorted())
      const found = await all((after) => copies.scanGroups(after))
      const groupNames = names.flatMap((topic) => [`${topic}#g`, `${topic}#group`])
      assert.deepEqual(found.map(({ topic, group: id }) => `${topic}#${id}`).sort(), groupNames.sort())
      const scanned = await all((after) => copies.scanRecords(after))
      assert.equal(scanned.length, 40)
      assert.equal(new Set(scanned.map(({ name }) => JSON.stringify(name))).size, 40)
      for (const { name, record, expiresAtMs } of scanned) {
        assert.deepEqual(record, fact(3))
        assert.equal(expiresAtMs, name.id === 'x' ? 1_000 : EXPIRES)
        assert.deepEqual(await records.read(name), fact(3), 'the name is the one that it was stored by')
      }
    })

    test('more than one page is scanned', async (t) => {
      const { copies, topics } = await open(t)
      const names = Array.from({ length: 1_100 }, (_, i) => `t${i}`)
      for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map((topic) => reserve(topics, topic, 1)))
      const scanned = await all((after) => copies.scanTopics(after))
      assert.deepEqual(scanned.toSorted(), names.toSorted())
    })

    test('the mark of a copy is there until that copy ends', async (t) => {
      const { copies } = await open(t)
      assert.deepEqual(await copies.state(), { kind: 'empty' })
      assert.equal(await copies.begin({ source: 'here', run: '1' }), true)
      assert.deepEqual(await copies.state(), { kind: 'unfinished', source: 'here' })
      assert.equal(await copies.begin({ source: 'elsewhere', run: '2' }), false)
      assert.deepEqual(await copies.state(), { kind: 'unfinished', source: 'here' })
      assert.equal(await copies.begin({ source: 'here', run: '3' }), true, 'a later process takes it over')
      assert.equal(await copies.finish('1'), false)
      assert.equal(await copies.finish('3'), true)
      assert.equal(await copies.finish('3'), false)
      assert.deepEqual(await copies.state(), { kind: 'empty' })
      await copies.restoreTopic('t', deleted)
      assert.deepEqual(await copies.state(), { kind: 'used' })
    })

    test('all but the mark is cleared', async (t) => {
      const { copies, topics, groups, records, tokens } = await open(t)
      await copies.begin({ source: 'here', run: '1' })
      for (let i = 0; i < 20; i++) {
        await copies.restoreTopic(`t${i}`, full)
        await groups.write({ topic: 't', group: `g${i}` }, group('b'), null)
        await tokens.create({ id: `t${i}`, text: '{}' })
        await records.replace({ kind: 'key', topic: 't', id: `${i}` }, fact(1), null, { expiresAtMs: EXPIRES })
      }
      await copies.clear()
      assert.deepEqual(await copies.state(), { kind: 'unfinished', source: 'here' })
      assert.equal(await copies.finish('1'), true)
      assert.deepEqual(await copies.state(), { kind: 'empty' })
      assert.equal(await copies.restoreTopic('t0', least), true)
      assert.deepEqual(exactly(await topics.read('t0')), exactly(least), 'nothing is left of its producers')
    })
  })
}

async function all<T> (scan: (after: string | undefined) => Promise<Scanned<T>>): Promise<T[]> {
  const found: T[] = []
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await scan(after)
    found.push(...page.found)
    after = page.next
  }
  return found
}
