import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StoreError } from '../../../src/ports/errors.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import { createTestCatalog } from '../../support/catalog/stores.ts'

const notFound = { name: 'LogError', code: 'topic_not_found' }

async function allPages (catalog: ReturnType<typeof createTestCatalog>['catalog'], limit: number): Promise<string[]> {
  const topics: string[] = []
  let after: string | undefined = ''
  for (let pages = 0; after !== undefined; pages++) {
    assert.ok(pages < 1_000, 'the listing ends')
    const page: Awaited<ReturnType<typeof catalog.list>> = await catalog.list(after, limit)
    assert.ok(page.topics.length <= limit)
    topics.push(...page.topics)
    after = page.next
  }
  return topics
}

test('lists topics that were created, that have messages, and that another implementation wrote', async () => {
  const { catalog, append, put, stores, callsMade } = createTestCatalog({
    stores: ({ topics }) => {
      const list: typeof topics.list = async (after, limit) => {
        const { topics: names, truncated } = await topics.list(after, limit)
        return { topics: names.filter((name) => name !== 'foreign'), truncated }
      }
      return { topics: { ...topics, list } }
    }
  })
  await catalog.put('empty', {})
  await append('written')
  await append('foreign')
  await append('deleted', 10)
  await catalog.delete('deleted')
  await put('no-item', 5)
  await stores.segments.putIfAbsent('not a topic', 1, { body: new Uint8Array(1), contentType: 'x', metadata: {} }, { reservedAtMs: null })
  callsMade()
  assert.deepEqual(await catalog.list('', 10), { topics: ['empty', 'foreign', 'written'], next: undefined })
  assert.deepEqual(callsMade(), { 'topics.list': 1, 'segments.topics': 1, 'topics.read': 3 })
  assert.deepEqual(await catalog.list('empty', 1), { topics: ['foreign'], next: 'foreign' })
  assert.deepEqual(await catalog.list('written', 1), { topics: [], next: undefined })
})

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** A listing of these names, which may be shorter than it could be. */
function listing (names: readonly string[], after: string, limit: number) {
  const later = names.filter((name) => byBytes(name, after) > 0).sort(byBytes)
  const length = Math.max(1, limit - later.length % 3)
  return { topics: later.slice(0, length), truncated: later.length > length }
}

test('pages are complete, sorted and without duplicates, and their work is bounded', async () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'B', '.', '-', '1', '😀', '\uffff'), minLength: 1, maxLength: 3 })
  const kind = fc.constantFrom('created', 'written', 'foreign', 'deleted', 'no item')
  const topics = fc.uniqueArray(fc.tuple(name, kind), { selector: ([text]) => text, maxLength: 40 })
  const isValid = (name: string): boolean => /^[aB1.-]+$/.test(name) && !/^\.\.?$/.test(name)
  await fc.assert(fc.asyncProperty(topics, fc.integer({ min: 1, max: 9 }), async (all, limit) => {
    const foreign = new Set(all.filter(([, kind]) => kind === 'foreign').map(([name]) => name))
    const { catalog, append, put, stores, callsMade } = createTestCatalog({
      stores: ({ topics, segments }) => {
        const listed = async (): Promise<string[]> => (await topics.list('', 1_000)).topics.filter((name) => !foreign.has(name))
        const stored = async (): Promise<readonly string[]> => (await segments.topics('', 1_000)).topics
        return {
          topics: { ...topics, list: async (after, limit) => listing(await listed(), after, limit) },
          segments: { ...segments, topics: async (after, limit) => listing(await stored(), after, limit) }
        }
      }
    })
    for (const [name, kind] of all) {
      if (kind === 'no item') await put(name, 3)
      else if (kind !== 'created') await append(name, 10)
      else if (isValid(name)) await catalog.put(name, {})
      if (kind === 'deleted') await stores.topics.markDeleted(name, 1)
    }
    const expected = all.filter(([name, kind]) => isValid(name) && kind !== 'deleted' && kind !== 'no item').map(([name]) => name)
    assert.deepEqual(await allPages(catalog, limit), expected.sort(byBytes))
    callsMade()
    await catalog.list('', limit)
    assert.ok((callsMade()['topics.read'] ?? 0) <= limit)
  }), { numRuns: 300 })
})

test('describes a topic', async () => {
  const { catalog, append, stores, time } = createTestCatalog()
  await assert.rejects(catalog.describe('t'), notFound)
  await assert.rejects(catalog.describe('a b'), { code: 'invalid_topic' })
  await catalog.put('t', { retentionMs: 5 })
  assert.deepEqual(await catalog.describe('t'), {
    topic: 't',
    earliest: 1,
    end: 1,
    createdAtMs: 1_000,
    closed: false,
    config: { retentionMs: 5, retentionBytes: undefined, maxMessageBytes: undefined, rate: undefined }
  })
  await append('t', 10, 5)
  await stores.topics.raiseEarliest('t', 3, {})
  const { earliest, end } = await catalog.describe('t')
  assert.deepEqual({ earliest, end }, { earliest: 3, end: 6 })
  await append('first')
  assert.equal((await catalog.describe('first')).createdAtMs, time.now)
})

test('a topic is closed if its item says so, or if its closing append stands', async () => {
  const stands = new Set<string>()
  const { catalog, append, stores, time } = createTestCatalog({
    resolveClosing: async (topic, item) => {
      assert.deepEqual(item.closing, { last: 2, text: 'writer' })
      return stands.has(topic)
    }
  })
  for (const topic of ['closed', 'closing']) {
    await append(topic)
    const wanted = topic === 'closed' ? { count: 0 } : { count: 1, closing: 'writer' }
    await stores.topics.reserve(topic, wanted, { closed: null, closing: null, config: null }, { now: time.now })
  }
  assert.equal((await catalog.describe('closed')).closed, true)
  assert.equal((await catalog.describe('closing')).closed, false)
  stands.add('closing')
  assert.equal((await catalog.describe('closing')).closed, true)
})

test('put creates a topic once, merges changes, and writes nothing the second time', async () => {
  const { catalog, callsMade } = createTestCatalog()
  const first = await catalog.put('t', { retentionMs: 10, rate: { messages: 5 } })
  assert.equal(first.created, true)
  assert.deepEqual(callsMade(), { 'topics.read': 1, 'topics.configure': 1 })
  const again = await catalog.put('t', { retentionMs: 10, rate: { messages: 5 } })
  assert.deepEqual(again, { created: false, description: first.description })
  assert.deepEqual(callsMade(), { 'topics.read': 1 })
  const changed = await catalog.put('t', { retentionBytes: 7, retentionMs: null })
  assert.equal(changed.created, false)
  const { config } = changed.description
  assert.deepEqual(config, { retentionMs: undefined, retentionBytes: 7, maxMessageBytes: undefined, rate: { messages: 5 } })
  assert.deepEqual(changed.description, await catalog.describe('t'))
})

test('put without a change leaves alone what only a newer version knows', async () => {
  const { catalog, stores, callsMade } = createTestCatalog()
  await stores.topics.configure('t', '{"retention_ms":5,"compaction":true}', undefined, { now: 1 })
  callsMade()
  assert.equal((await catalog.put('t', { retentionMs: 5 })).created, false)
  assert.deepEqual(callsMade(), { 'topics.read': 1 })
})

test('put configures a topic that was created by its first message, and brings back a deleted one', async () => {
  const { catalog, append } = createTestCatalog()
  await append('t', 100, 4)
  assert.equal((await catalog.put('t', { retentionMs: 1 })).created, false)
  await catalog.delete('t')
  const { created, description } = await catalog.put('t', { retentionBytes: 9 })
  assert.equal(created, true)
  // One offset is handed out to nobody.
  const { earliest, end, config } = description
  assert.deepEqual([earliest, end, config.retentionMs, config.retentionBytes], [6, 6, undefined, 9])
})

test('put and delete try again when others change the item, but not for ever', async () => {
  let others = 5
  let n = 0
  const { catalog, append, callsMade } = createTestCatalog({
    stores: ({ topics }) => {
      const interfere = async (): Promise<void> => {
        if (others-- <= 0) return
        await topics.configure('t', `{"max_message_bytes":${++n}}`, await topics.read('t'), { now: 1 })
        await append('t')
      }
      const configure: typeof topics.configure = async (...args) => {
        await interfere()
        return topics.configure(...args)
      }
      const markDeleted: typeof topics.markDeleted = async (...args) => {
        await interfere()
        return topics.markDeleted(...args)
      }
      return { topics: { ...topics, configure, markDeleted } }
    }
  })
  const { description } = await catalog.put('t', { retentionMs: 3 })
  assert.deepEqual(description.config, { retentionMs: 3, retentionBytes: undefined, maxMessageBytes: 5, rate: undefined })
  assert.deepEqual(callsMade(), { 'topics.read': 1, 'topics.configure': 6 })
  others = 5
  await catalog.delete('t')
  others = Infinity
  await assert.rejects(catalog.put('t', { retentionMs: 3 }), { code: 'storage_unavailable' })
  await assert.rejects(catalog.delete('t'), { code: 'storage_unavailable' })
})

test('two that create the same topic: one has created it, both have it', async () => {
  const { catalog } = createTestCatalog()
  const outcomes = await Promise.all([catalog.put('t', { retentionMs: 1 }), catalog.put('t', { retentionBytes: 2 })])
  assert.deepEqual(outcomes.map(({ created }) => created).sort(), [false, true])
  const { config } = await catalog.describe('t')
  assert.deepEqual([config.retentionMs, config.retentionBytes], [1, 2])
})

test('delete removes the segments, and a topic that is not there is not found', async () => {
  const { catalog, append, lasts, callsMade, stores } = createTestCatalog()
  await assert.rejects(catalog.delete('t'), notFound)
  await assert.rejects(catalog.delete(''), { code: 'invalid_topic' })
  for (let i = 0; i < 3; i++) await append('t')
  callsMade()
  await catalog.delete('t')
  assert.deepEqual(callsMade(), { 'topics.read': 1, 'topics.markDeleted': 1, 'segments.list': 1, 'segments.remove': 1 })
  assert.deepEqual(await lasts('t'), [])
  await assert.rejects(catalog.delete('t'), notFound)
  await assert.rejects(catalog.describe('t'), notFound)
  assert.equal((await stores.topics.read('t'))!.earliest, 4)
  assert.equal(await append('t'), 4)
  assert.deepEqual(await catalog.describe('t').then(({ earliest, end }) => [earliest, end]), [4, 5])
})

test('what may be a young seal stays, and a failure to remove segments does not undo the deletion', async () => {
  const { catalog, append, lasts, time } = createTestCatalog()
  await append('t', 64)
  time.now += 20 * 60_000 + 1
  await append('t', 64)
  await append('t', 65)
  await catalog.delete('t')
  assert.deepEqual(await lasts('t'), [2])

  const remove = async (): Promise<void> => { throw new StoreError('unavailable', 'unknown', 'reset') }
  const failing = createTestCatalog({ stores: ({ segments }) => ({ segments: { ...segments, remove } }) })
  await failing.append('t')
  await failing.catalog.delete('t')
  await assert.rejects(failing.catalog.describe('t'), notFound)
  assert.deepEqual(await failing.lasts('t'), [1])
})

test('failures of the stores are errors of the log, and passing ones are tried again', async () => {
  let failures = 2
  const read = async (): Promise<TopicItem | undefined> => {
    if (failures-- > 0) throw new StoreError('throttled', 'none', 'slow down')
    return undefined
  }
  const { catalog } = createTestCatalog({ stores: ({ topics }) => ({ topics: { ...topics, read } }) })
  await assert.rejects(catalog.describe('t'), notFound)
  failures = 3
  await assert.rejects(catalog.describe('t'), { name: 'LogError', code: 'storage_throttled' })
})
