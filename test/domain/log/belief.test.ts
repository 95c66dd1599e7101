import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TopicBelief, TopicBeliefs } from '../../../src/domain/log/belief.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'

function item (currentOffset: number, producers = 0): TopicItem {
  const facts = Array.from({ length: producers }, (_, i) => [`p${i}`, { last: 1, text: '' }] as const)
  return { currentOffset, earliest: 1, moves: 0, producers: new Map(facts) }
}

test('an answer to an older question does not replace that to a newer one', () => {
  const belief = new TopicBelief()
  const [older, newer] = [belief.tick(), belief.tick()]
  belief.learn(item(2), newer)
  belief.learn(item(1), older)
  assert.equal(belief.item!.currentOffset, 2)
  belief.learn(undefined, belief.tick())
  assert.deepEqual([belief.item, belief.known], [undefined, true])
})

test('only an item that was asked for after an append came is newer than it', () => {
  const belief = new TopicBelief()
  const before = belief.tick()
  const arrived = belief.tick()
  assert.equal(belief.isNewerThan(arrived), false, 'nothing is known')
  belief.learn(item(1), before)
  assert.equal(belief.isNewerThan(arrived), false)
  belief.learn(item(1), belief.tick())
  assert.equal(belief.isNewerThan(arrived), true)
})

test('a record outside is known for as long as none has left the item since', () => {
  const belief = new TopicBelief()
  assert.equal(belief.outside('p', 0), undefined)
  belief.learnOutside('p', { last: 7, text: 'r' }, 3)
  assert.deepEqual(belief.outside('p', 3), { fact: { last: 7, text: 'r' }, moves: 3 })
  assert.equal(belief.outside('p', 4), undefined)
  belief.learnOutside('p', undefined, 4)
  assert.deepEqual(belief.outside('p', 4), { fact: undefined, moves: 4 })
})

test('the newest outcomes are remembered', () => {
  const belief = new TopicBelief()
  for (let last = 1; last <= 5_000; last++) belief.resolved(last, 'void')
  assert.equal(belief.outcomeOf(5_000), 'void')
  assert.equal(belief.outcomeOf(4_500), 'void')
  assert.equal(belief.outcomeOf(1), undefined)
})

test('topics that were not used for longest are forgotten, those with many producers before others', () => {
  const beliefs = new TopicBeliefs()
  const first = beliefs.of('first')
  assert.equal(beliefs.of('first'), first)
  for (let n = 0; n < 1_000; n++) beliefs.of(`small ${n}`)
  assert.equal(beliefs.of('first'), first)
  for (let n = 0; n < 2_000; n++) {
    const belief = beliefs.of(`large ${n}`)
    belief.learn(item(1, 64), belief.tick())
    beliefs.of(`large ${n}`)
  }
  assert.notEqual(beliefs.of('first'), first)
})
