import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { GroupItem, GroupName, GroupStore, GroupWritten } from '../../../src/ports/group-store.ts'
import { assertStored, itemAt, orders, OTHER_LIFE, outcomeOf, put, refusedWith, type OpenGroupStore } from './support.ts'

const RACERS = 8
const ROUNDS = 5

/** Two clients that race for a group. */
export function testRaces (open: OpenGroupStore): void {
  test('of concurrent writes in place of the same version one wins, again and again', async (t) => {
    const clients = await open(t)
    let there = await put(clients[0], orders, itemAt(1))
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = racers((n) => itemAt(there.rev + 1, { by: `${n}`, state: Buffer.alloc(n * 1_000, n) }))
      const answers = await Promise.all(wanted.map((item, n) => clients[(n + round) % 2]!.write(orders, item, there)))
      there = wanted[winner(answers)]!
      assertRefusalsTell(answers, there)
      await assertStored(clients[round % 2]!, orders, there)
    }
  })

  test('of those who make a group one wins', (t) => race(t, open, {
    prepare: async () => {},
    act: (store, name, n) => store.write(name, itemAt(1, { by: `${n}` }), null),
    judge: (answers, item) => {
      assert.equal(item?.by, `${winner(answers)}`)
      assertRefusalsTell(answers, item)
    }
  }))

  test('of concurrent removals one wins', (t) => race(t, open, {
    prepare: five,
    act: (store, name) => store.remove(name, itemAt(5)),
    judge: (answers, item) => {
      winner(answers)
      assertRefusalsTell(answers, item)
      assert.equal(item, undefined)
    }
  }))

  test('of writes and removals one wins', (t) => race(t, open, {
    prepare: five,
    act: (store, name, n) => n % 2 === 0 ? store.remove(name, itemAt(5)) : store.write(name, itemAt(6, { by: `${n}` }), itemAt(5)),
    judge: (answers, item) => {
      const won = winner(answers)
      assert.equal(item?.by, won % 2 === 0 ? undefined : `${won}`)
      assertRefusalsTell(answers, item)
    }
  }))

  test('a group that is removed and made again is never written by those who saw the earlier one', (t) => race(t, open, {
    prepare: five,
    async act (store, name, n) {
      if (n > 0) return store.write(name, itemAt(6, { by: `${n}` }), itemAt(5))
      const removed = await store.remove(name, itemAt(5))
      return removed.kind === 'refused' ? removed : store.write(name, itemAt(5, { gen: OTHER_LIFE, by: '0' }), null)
    },
    judge: (answers, item) => {
      assert.equal(item?.by, `${winner(answers)}`)
    }
  }))

  test('counting by writes that are repeated on what a refusal tells loses nothing', async (t) => {
    const clients = await open(t)
    await put(clients[0], orders, itemAt(0, { state: Buffer.of(0) }))
    await Promise.all(racers(async (n) => {
      let { item: there } = await clients[n % 2]!.read(orders)
      for (let counted = 0; counted < ROUNDS;) {
        const next: GroupItem = itemAt(there!.rev + 1, { state: Buffer.of(there!.state[0]! + 1) })
        const answer = await clients[n % 2]!.write(orders, next, there!)
        there = answer.kind === 'written' ? next : answer.item
        if (answer.kind === 'written') counted++
      }
    }))
    const all = RACERS * ROUNDS
    await assertStored(clients[1], orders, itemAt(all, { state: Buffer.of(all) }))
  })
}

interface Race {
  readonly prepare: (store: GroupStore, name: GroupName) => Promise<unknown>
  readonly act: (store: GroupStore, name: GroupName, racer: number) => Promise<GroupWritten>
  /** @param item what is stored in the end */
  readonly judge: (answers: readonly GroupWritten[], item: GroupItem | undefined) => void
}

/** Runs the race a few times, each with a group of its own. */
async function race (t: TestContext, open: OpenGroupStore, { prepare, act, judge }: Race): Promise<void> {
  const clients = await open(t)
  for (let round = 0; round < ROUNDS; round++) {
    const name = { topic: 'orders', group: `${round}` }
    await prepare(clients[0], name)
    const answers = await Promise.all(racers((n) => act(clients[(n + round) % 2]!, name, n)))
    judge(answers, (await clients[round % 2]!.read(name)).item)
  }
}

function racers<T> (act: (n: number) => T): T[] {
  return Array.from({ length: RACERS }, (_, n) => act(n))
}

function five (store: GroupStore, name: GroupName): Promise<GroupItem> {
  return put(store, name, itemAt(5))
}

/** The index of the only one that was not refused. */
function winner (answers: readonly GroupWritten[]): number {
  const won = answers.flatMap(({ kind }, n) => kind === 'refused' ? [] : [n])
  assert.equal(won.length, 1, `${won.length} of ${answers.length} won`)
  return won[0]!
}

function assertRefusalsTell (answers: readonly GroupWritten[], item: GroupItem | undefined): void {
  for (const answer of answers) if (answer.kind === 'refused') assert.deepEqual(outcomeOf(answer), refusedWith(item))
}
