import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Belief, Changed, Refused, Reserved, TopicItem, TopicStore, Wanted } from '../../../src/ports/topic-store.ts'
import { OPEN, plain, reserve, WRITER_NOW, type OpenTopicStore } from './support.ts'

type Answer = Changed | Refused | Reserved

const RACERS = 8
const ROUNDS = 5
const now = { now: WRITER_NOW }

/** Conditions that at most one of several reservations with the same belief can meet. */
const once: Record<string, { wanted: (racer: number) => Wanted, belief: Partial<Belief> }> = {
  'the version of a producer': {
    wanted: (n) => ({ count: 1, producers: new Map([['p', `${n}`]]) }), belief: { producers: new Map([['p', 5]]) }
  },
  'that a producer is absent': {
    wanted: (n) => ({ count: 2, producers: new Map([['new', `${n}`]]) }), belief: { producers: new Map([['new', null]]), moves: 0 }
  },
  'that a producer is inside, which moves out': {
    wanted: () => ({ count: 1, movedOut: ['p'] }), belief: { producers: new Map([['p', 5]]) }
  },
  'the number of moves': { wanted: () => ({ count: 1, movedOut: ['q'] }), belief: { moves: 0 } },
  'the string sequence': { wanted: (n) => ({ count: 3, order: `${n}` }), belief: { order: 5 } },
  'that nobody is closing': { wanted: (n) => ({ count: 1, closing: `${n}` }), belief: {} },
  'that it is not closed': { wanted: () => ({ count: 0 }), belief: {} },
  'the current offset': { wanted: () => ({ count: 1 }), belief: { currentOffset: 5 } }
}

/** Two clients that race on each condition. */
export function testRaces (open: OpenTopicStore): void {
  for (const [what, { wanted, belief }] of Object.entries(once)) {
    test(`of concurrent reservations that believe ${what} one wins`, (t) => race(t, open, {
      prepare: (store, topic) => five(store, topic, { producers: new Map([['p', 'P'], ['q', 'Q']]), order: 'O' }),
      act: (store, topic, _, n) => store.reserve(topic, wanted(n), { ...OPEN, ...belief }, now),
      judge (answers, item) {
        winner(answers)
        for (const answer of answers) assert.deepEqual(plain(answer.item), plain(item), 'a refusal tells what the winner wrote')
      }
    }))
  }
  testConfigs(open)
  testDeletions(open)
  testTrims(open)

  test('of a close alone and reservations nothing is above the close', (t) => race(t, open, {
    prepare: five,
    act: (store, topic, _, n) => store.reserve(topic, { count: n === 3 ? 0 : 1 }, OPEN, now),
    judge (answers, item) {
      assert.equal(answers[3]!.kind, 'reserved')
      assert.equal(item.closed, item.currentOffset)
      assert.equal(answers[3]!.item?.closed, item.closed)
    }
  }))
}

function testConfigs (open: OpenTopicStore): void {
  const act: Race['act'] = (store, topic, seen, n) => store.configure(topic, `${n}`, seen, now)

  test('of concurrent creations with a config one wins', (t) => race(t, open, {
    prepare: async () => undefined, act, judge: (answers, item) => assert.equal(item.config, `${winner(answers)}`)
  }))

  test('of concurrent changes of a config one wins', (t) => race(t, open, {
    prepare: five, act, judge: (answers, item) => assert.equal(item.config, `${winner(answers)}`)
  }))

  test('of concurrent creations of a deleted topic one wins', (t) => race(t, open, {
    async prepare (store, topic) {
      await five(store, topic)
      return (await store.markDeleted(topic, 5)).item
    },
    act,
    judge (answers, item) {
      const config = `${winner(answers)}`
      assert.deepEqual(plain(item), { currentOffset: 6, earliest: 7, deletedAtOffset: 5, moves: 0, producers: {}, config })
    }
  }))

  test('a reservation that believes an older config is not made after the change', (t) => race(t, open, {
    prepare: five,
    act: (store, topic, seen, n) => n === 3 ? act(store, topic, seen, n) : store.reserve(topic, { count: 1 }, OPEN, now),
    judge (answers, item) {
      assert.deepEqual([answers[3]!.kind, item.config], ['changed', '3'])
      for (const { kind, item: { config } = {} } of answers.toSpliced(3, 1)) assert.equal(config, kind === 'reserved' ? undefined : '3')
    }
  }))
}

function testDeletions (open: OpenTopicStore): void {
  const prepare: Race['prepare'] = (store, topic) => five(store, topic, { producers: new Map([['p', 'P']]) })

  test('of concurrent deletions one wins', (t) => race(t, open, {
    prepare, act: (store, topic) => store.markDeleted(topic, 5), judge: (answers) => { winner(answers) }
  }))

  test('of a deletion and reservations one order is seen by all', (t) => race(t, open, {
    prepare,
    act: (store, topic, _, n) => n === 3
      ? store.markDeleted(topic, 5)
      : store.reserve(topic, { count: 1, producers: new Map([[`p${n}`, `${n}`]]) }, { ...OPEN, exists: true }, now),
    judge (answers, item) {
      const reserved = answers.filter(({ kind }) => kind === 'reserved')
      const expected = answers[3]!.kind === 'changed' ? [0, 0, 5] : [RACERS - 1, RACERS, undefined]
      assert.deepEqual([reserved.length, item.producers.size, item.deletedAtOffset], expected)
    }
  }))
}

function testTrims (open: OpenTopicStore): void {
  test('of trims that found different things of a close one wins', (t) => race(t, open, {
    prepare: (store, topic) => five(store, topic, { closing: 'C' }),
    act: (store, topic, _, n) => store.raiseEarliest(topic, 6 + n, { closing: { last: 5, stands: n % 2 === 0 } }),
    judge (answers, item) {
      const won = winner(answers)
      assert.deepEqual([item.closed, item.closing, item.earliest], [won % 2 === 0 ? 5 : undefined, undefined, 6 + won])
    }
  }))

  test('a trim does not store what it found of a fact that a reservation has replaced', (t) => race(t, open, {
    prepare: (store, topic) => five(store, topic, { producers: new Map([['p', 'P']]), order: 'O' }),
    act (store, topic, _, n) {
      const found = { last: 5, text: 'found' }
      if (n % 4 !== 3) return store.raiseEarliest(topic, 6, { producers: new Map([['p', found]]), order: found })
      const belief = { ...OPEN, producers: new Map([['p', 5]]), order: 5 }
      return store.reserve(topic, { count: 1, producers: new Map([['p', 'next']]), order: 'next' }, belief, now)
    },
    judge (answers, item) {
      assert.equal(answers.filter(({ kind }) => kind === 'reserved').length, 1)
      assert.deepEqual([item.producers.get('p'), item.order], [{ last: 6, text: 'next' }, { last: 6, text: 'next' }])
      assert.equal(item.earliest, answers.some(({ kind }) => kind === 'changed') ? 6 : 1)
    }
  }))

  test('a trim that resolves nothing is never refused, whatever else is changed', (t) => race(t, open, {
    prepare: five,
    act: (store, topic, _, n) => n % 2 === 0 ? store.raiseEarliest(topic, 2 + n % 3, {}) : store.reserve(topic, { count: 1 }, OPEN, now),
    judge (answers, item) {
      assert.ok(answers.every(({ kind }) => kind !== 'refused'))
      assert.deepEqual([item.earliest, item.currentOffset], [4, 9])
    }
  }))
}

interface Race {
  readonly prepare: (store: TopicStore, topic: string) => Promise<TopicItem | undefined>
  /** What each racer does, with the item as it was prepared. */
  readonly act: (store: TopicStore, topic: string, item: TopicItem | undefined, racer: number) => Promise<Answer>
  readonly judge: (answers: readonly Answer[], item: TopicItem) => void
}

/** Runs the race a few times, each with a topic of its own. */
async function race (t: TestContext, open: OpenTopicStore, { prepare, act, judge }: Race): Promise<void> {
  const clients = await open(t)
  for (let round = 0; round < ROUNDS; round++) {
    const topic = `t${round}`
    const item = await prepare(clients[0], topic)
    const answers = await Promise.all(Array.from({ length: RACERS }, (_, n) => act(clients[(n + round) % 2]!, topic, item, n)))
    judge(answers, (await clients[round % 2]!.read(topic))!)
  }
}

async function five (store: TopicStore, topic: string, wanted: object = {}): Promise<TopicItem> {
  return (await reserve(store, topic, 5, wanted)).item
}

/** The index of the only one that was not refused. */
function winner (answers: readonly Answer[]): number {
  const won = answers.flatMap(({ kind }, n) => kind === 'refused' ? [] : [n])
  assert.equal(won.length, 1, `${won.length} of ${answers.length} won`)
  return won[0]!
}
