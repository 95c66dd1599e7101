import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { listNames, type NameLists } from '../../../src/adapters/s3/topic-names.ts'

/** S3's answers for a bucket that has an object of each of these topics. */
function bucket (topics: readonly string[], keysMax: number): NameLists {
  const keys = topics.map((topic) => `${topic}/`).sort()
  return {
    async list (after, token = '') {
      const listed = keys.filter((key) => key > after && key > token)
      const page = listed.slice(0, keysMax)
      return { names: page.map((key) => key.slice(0, -1)), token: listed.length > page.length ? page.at(-1) : undefined }
    },
    hasObjects: async (topic) => topics.includes(topic)
  }
}

async function all (topics: readonly string[], keysMax: number, limit: number): Promise<string[]> {
  const lists = bucket(topics, keysMax)
  const found: string[] = []
  for (let after = ''; ;) {
    const { topics: page, truncated } = await listNames(lists, after, limit)
    assert(page.length <= limit)
    found.push(...page)
    if (!truncated) return found
    assert(page.length > 0, 'an empty listing is never truncated')
    after = page.at(-1)!
  }
}

test('names come in ascending order, though S3 lists a-b and a.b before a', async () => {
  const topics = ['a', 'a-', 'a--b', 'a-b', 'a.b', 'a0', 'aa', 'b', 'b-1', 'b-1-2', 'b-2']
  for (const limit of [1, 2, 3, 100]) assert.deepEqual(await all(topics, limit + 2, limit), topics)
})

test('whatever the names are, each comes once and in order, with pages of any size', async () => {
  const name = fc.stringMatching(/^[ab.0-]{1,6}$/)
  const names = fc.uniqueArray(name, { maxLength: 30 })
  const few = fc.integer({ min: 1, max: 8 })
  await fc.assert(fc.asyncProperty(names, few, few, async (topics, keysMax, limit) => {
    assert.deepEqual(await all(topics, keysMax, limit), [...topics].sort())
  }))
})
