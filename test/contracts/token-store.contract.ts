import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import type { StoredToken, TokenStore } from '../../src/ports/token-store.ts'
import { eventually } from '../support/eventually.ts'

export interface TokenStoreContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
}

/** Two clients of one empty store, which may be the same; they are closed after `t`. */
export type OpenTokenStore = (t: TestContext) => Promise<readonly [TokenStore, TokenStore]> | readonly [TokenStore, TokenStore]

const ci: StoredToken = { id: 'Abc012xyz', text: '{"name":"ci"}' }

/** What every TokenStore keeps to. */
export function tokenStoreContract (name: string, open: OpenTokenStore, options: TokenStoreContractOptions = {}): void {
  describe(`${name} keeps the contract of TokenStore`, { skip: options.skip ?? false }, () => {
    test('a token is created once, and stays as it is until it is removed', async (t) => {
      const [store, other] = await open(t)
      assert.equal(await store.read(ci.id), undefined)
      assert.equal(await store.remove(ci.id), false)
      assert.equal(await store.create(ci), 'created')
      for (const text of [ci.text, '{"name":"another"}']) assert.equal(await other.create({ id: ci.id, text }), 'exists')
      assert.deepEqual(await other.read(ci.id), ci)
      assert.equal(await other.remove(ci.id), true)
      assert.equal(await store.remove(ci.id), false)
      assert.equal(await store.read(ci.id), undefined)
      assert.equal(await other.create({ id: ci.id, text: 'again' }), 'created')
      assert.deepEqual(await store.read(ci.id), { id: ci.id, text: 'again' })
    })

    test('the text comes back as it was, and ids are apart', async (t) => {
      const [store, other] = await open(t)
      const texts = ['{}', 'x'.repeat(64 * 1024), '日本 😀', '"\\\'', '\u0000a\u0000', 'é', 'e\u0301', ' ', '\n']
      const ids = ['a', 'A', '0', 'aa', 'z'.repeat(64), 'Z'.repeat(64), 'aA', 'Aa', '00']
      for (const [i, id] of ids.entries()) assert.equal(await store.create({ id, text: texts[i]! }), 'created')
      for (const [i, id] of ids.entries()) assert.deepEqual(await other.read(id), { id, text: texts[i]! })
    })

    testList(open)
    testRaces(open)

    // What never waits has nothing to end.
    if (options.io !== true) return
    test('an aborted signal ends the wait as a timeout', async (t) => {
      const [store] = await open(t)
      const signal = AbortSignal.abort()
      const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
      await assert.rejects(store.read(ci.id, { signal }), timeout)
      await assert.rejects(store.create(ci, { signal }), timeout)
      await assert.rejects(store.remove(ci.id, { signal }), timeout)
      await assert.rejects(store.list('', 10, { signal }), timeout)
    })
  })
}

function testList (open: OpenTokenStore): void {
  test('tokens are listed in order of their ids, page by page', async (t) => {
    const [store, other] = await open(t)
    const ids = ['a', 'A', 'ab', 'aB', 'Z', '0', '9z', 'z'.repeat(64), 'Ba0', 'b']
    const sorted = ids.toSorted()
    await Promise.all(ids.map((id) => store.create({ id, text: id })))
    await listed(other, sorted)
    for (const limit of [1, 3, ids.length - 1, ids.length, ids.length + 1, 1_000]) {
      const pages: string[] = []
      for (let truncated = true; truncated;) {
        const page = await store.list(pages.at(-1) ?? '', limit)
        assert.ok(page.ids.length <= limit)
        assert.ok(page.ids.length > 0 || !page.truncated, 'an empty page is not truncated')
        pages.push(...page.ids)
        assert.ok(pages.length <= ids.length, `pages of ${limit} end`)
        truncated = page.truncated
      }
      assert.deepEqual(pages, sorted, `pages of ${limit}`)
    }
    assert.deepEqual([...(await other.list('aA', 10)).ids], sorted.slice(sorted.indexOf('aB')), 'after an id that no token has')
    assert.deepEqual({ ...await other.list('z'.repeat(64), 10) }, { ids: [], truncated: false })
  })

  test('a removed token is not listed', async (t) => {
    const [store, other] = await open(t)
    await listed(store, [])
    for (const id of ['a', 'b', 'c']) await store.create({ id, text: id })
    await listed(other, ['a', 'b', 'c'])
    await other.remove('b')
    await listed(store, ['a', 'c'])
  })
}

/** Waits until all tokens are these: what was just created or removed may take a moment. */
async function listed (store: TokenStore, expected: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { ids, truncated } = await store.list('', 1_000)
    return !truncated && ids.join(' ') === expected.join(' ')
  })
}

function testRaces (open: OpenTokenStore): void {
  test('of those who create a token with one id at the same time, one does', async (t) => {
    const clients = await open(t)
    for (let round = 0; round < 5; round++) {
      const id = `round${round}`
      const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => clients[(n + round) % 2]!.create({ id, text: `${n}` })))
      const winners = answers.flatMap((answer, n) => answer === 'created' ? [n] : [])
      assert.equal(winners.length, 1)
      for (const client of clients) assert.deepEqual(await client.read(id), { id, text: `${winners[0]}` })
    }
  })

  test('of those who remove a token at the same time, one does, and readers get all of it or nothing', async (t) => {
    const clients = await open(t)
    for (let round = 0; round < 5; round++) {
      const token = { id: `round${round}`, text: 'x'.repeat(10_000) }
      await clients[0].create(token)
      const calls = Array.from({ length: 8 }, (_, n) => {
        const client = clients[(n + round) % 2]!
        return n % 2 === 0 ? client.remove(token.id) : client.read(token.id)
      })
      const answers = await Promise.all(calls)
      assert.equal(answers.filter((answer) => answer === true).length, 1)
      for (const answer of answers) if (typeof answer === 'object') assert.deepEqual(answer, token)
      for (const client of clients) assert.equal(await client.read(token.id), undefined, 'the removal counts for all reads after it')
    }
  })
}
