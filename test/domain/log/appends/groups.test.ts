import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FACTS_MAX } from '../../../../src/domain/log/group-draft.ts'
import { lastOffsets, messages, refusal, seq } from '../../../support/appends.ts'
import { testLog, type TestLog } from '../../../support/test-log.ts'

/** Refuses the updates of `log` that `applies` names, as if the item had changed meanwhile. */
function refuse ({ faults, topics }: TestLog, applies: (producers: readonly string[], nth: number) => boolean): void {
  let updates = 0
  faults.topics.reserve = async (call, [topic, wanted]) => {
    if (!applies([...wanted.producers?.keys() ?? []], ++updates)) return call()
    return { kind: 'refused', item: await topics.read(topic) }
  }
}

test('many producers share one update and one put', async (t) => {
  const { log, calls, segments } = testLog(t)
  const ids = Array.from({ length: 20 }, (_, i) => `p${i}`)
  for (let n = 0; n < 3; n++) {
    const answers = await Promise.all(ids.map((id, i) => log.append('t', messages(i), seq(n, { id }))))
    assert.deepEqual(answers.map(({ first }) => first), ids.map((_, i) => n * 20 + i + 1))
  }
  assert.deepEqual([calls, await lastOffsets(segments)], [{ reserve: 3, state: 0, put: 3, get: 0, list: 0 }, [20, 40, 60]])
})

test('a group has at most so many producers as one update can name', async (t) => {
  const { log, segments } = testLog(t)
  const ids = Array.from({ length: FACTS_MAX + 6 }, (_, i) => `p${i}`)
  const answers = await Promise.all(ids.map((id, i) => log.append('t', messages(i), seq(0, { id }))))
  assert.deepEqual(answers.map(({ first }) => first), ids.map((_, i) => i + 1))
  assert.deepEqual(await lastOffsets(segments), [FACTS_MAX, FACTS_MAX + 6])
})

test('a group has at most so many keys', async (t) => {
  const { log, segments } = testLog(t)
  const keys = Array.from({ length: FACTS_MAX + 6 }, (_, i) => `k${i}`)
  const answers = await Promise.all(keys.map((key, i) => log.append('t', messages(i), { key })))
  assert.deepEqual(answers.map(({ first }) => first).sort((a, b) => a - b), keys.map((_, i) => i + 1))
  assert.deepEqual(await lastOffsets(segments), [FACTS_MAX, FACTS_MAX + 6])
})

test('a refused update fails nobody: all are judged anew by the item that came with the refusal', async (t) => {
  const { log, other, calls, segments } = testLog(t)
  for (const id of ['p', 'q', 'r', 's']) await log.append('t', messages(0), seq(0, { id }))
  await other.append('t', messages(1), seq(1))
  await other.append('t', messages(10), seq(0, { id: 'q', epoch: 1 }))
  const before = { ...calls }
  const answers = await Promise.allSettled([
    log.append('t', messages(1), seq(1)), log.append('t', messages(2), seq(2)), log.append('t', messages(1), seq(1, { id: 'q' })),
    log.append('t', messages(1), seq(1, { id: 'r' })), log.append('t', messages(100)), log.append('t', messages(1), { key: 'k' }),
    log.append('t', messages(5), seq(0, { id: 's', epoch: 1 }))
  ])
  assert.deepEqual(answers.map((answer) => answer.status === 'fulfilled' ? answer.value : (answer.reason as { code: string }).code), [
    { first: 5, last: 5, duplicate: true },
    { first: 10, last: 10 },
    'producer_fenced',
    { first: 7, last: 7 },
    { first: 8, last: 8 },
    { first: 11, last: 11 },
    { first: 9, last: 9 }
  ])
  assert.deepEqual(await lastOffsets(segments), [1, 2, 3, 4, 5, 6, 9, 11])
  assert.equal(calls.put - before.put, 2)
})

test('after two refusals appends without conditions leave by themselves', async (t) => {
  const test = testLog(t)
  const { log, segments } = test
  refuse(test, (producers, nth) => producers.length > 0 && nth <= 3)
  const answers = await Promise.all([
    log.append('t', messages(1), seq(0)), log.append('t', messages(2)), log.append('t', messages(3), seq(0, { id: 'q' })),
    log.append('t', messages(4))
  ])
  assert.deepEqual(answers.map(({ first }) => first), [3, 1, 4, 2])
  assert.deepEqual(await lastOffsets(segments), [2, 4])
})

test('after two more refusals each producer leaves by itself', async (t) => {
  const test = testLog(t)
  const { log, segments } = test
  const groups: string[] = []
  refuse(test, (producers, nth) => {
    groups.push(producers.join(''))
    return producers.includes('p') && nth <= 9
  })
  const answers = await Promise.all([
    log.append('t', messages(1), seq(0, { id: 'q' })), log.append('t', messages(2), seq(1, { id: 'q' })),
    log.append('t', messages(3), seq(0)), log.append('t', messages(4), seq(0, { id: 'r' })), log.append('t', messages(5), seq(1))
  ])
  assert.deepEqual(answers.map(({ first }) => first), [1, 2, 3, 5, 4])
  assert.deepEqual(groups, ['qpr', 'qpr', 'qpr', 'qpr', 'q', 'pr', 'pr', 'pr', 'pr', 'p', 'r'])
  assert.deepEqual(await lastOffsets(segments), [2, 4, 5])
})

test('an append that must wait for an open range holds up nobody but the later seqs of its producer', async (t) => {
  const { log, other, clock, start } = testLog(t)
  await log.append('t', messages(0), seq(0))
  const slow = start()
  slow.faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(2_000)
    return call()
  }
  const first = slow.log.append('t', messages(1), seq(1))
  await clock.sleep(100)
  const told: string[] = []
  const tell = (name: string) => ({ first }: { first: number }) => { told.push(`${name} at ${first}`) }
  await Promise.all([
    other.append('t', messages(1), seq(1)).then(tell('repeat')), other.append('t', messages(2), seq(2)).then(tell('next')),
    other.append('t', messages(5), seq(0, { id: 'q' })).then(tell('q')), other.append('t', messages(6)).then(tell('plain'))
  ])
  assert.deepEqual(told, ['q at 3', 'plain at 4', 'repeat at 2', 'next at 5'])
  await first
})

test('those that are refused are told so, and the others share the segment', async (t) => {
  const { log, segments } = testLog(t)
  await log.append('t', messages(0), seq(0, { epoch: 2 }))
  const answers = await Promise.all([
    refusal(log.append('t', messages(1), seq(0, { epoch: 1 }))), log.append('t', messages(2), seq(1, { epoch: 2 })),
    log.append('t', messages(3)), refusal(log.append('t', messages(4), { expectedOffset: 2 }))
  ])
  assert.deepEqual(answers, [
    { code: 'producer_fenced', epoch: 2, written: 'no' }, { first: 2, last: 2 }, { first: 3, last: 3 },
    { code: 'offset_mismatch', end: 4, written: 'no' }
  ])
  assert.deepEqual(await lastOffsets(segments), [1, 3])
})
