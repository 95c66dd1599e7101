import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeProducer, type Verdict } from '../../../src/domain/producers/judge.ts'
import type { ProducerRecord } from '../../../src/domain/producers/record.ts'

const resolved: ProducerRecord = {
  epoch: 3,
  base: 7,
  timeS: 0,
  writer: 'w',
  count: 1,
  standing: [{ first: 41, last: 45 }, { first: 50, last: 50 }],
  riding: []
}
const open: ProducerRecord = { ...resolved, riding: [{ back: 1, count: 1 }, { back: 0, count: 1 }] }

const cases: ReadonlyArray<readonly [name: string, record: ProducerRecord | undefined, epoch: number, seq: number, verdict: Verdict]> = [
  ['a new producer begins at 0', undefined, 0, 0, { kind: 'accepted' }],
  ['a new producer begins at 0 in any epoch', undefined, 12, 0, { kind: 'accepted' }],
  ['a new producer does not begin in the middle', undefined, 0, 4, { kind: 'gap', expectedSeq: 0 }],
  ['a lower epoch is fenced', resolved, 2, 8, { kind: 'fenced', epoch: 3 }],
  ['a lower epoch is fenced, a repeat, too', resolved, 2, 7, { kind: 'fenced', epoch: 3 }],
  ['the newest seq again is a repeat', resolved, 3, 7, { kind: 'repeat', range: { first: 50, last: 50 } }],
  ['the one before it is a repeat', resolved, 3, 6, { kind: 'repeat', range: { first: 41, last: 45 } }],
  ['below the window the offsets are not known', resolved, 3, 5, { kind: 'old' }],
  ['the next seq is accepted', resolved, 3, 8, { kind: 'accepted' }],
  ['another one is a gap', resolved, 3, 9, { kind: 'gap', expectedSeq: 8 }],
  ['a higher epoch begins at 0', resolved, 4, 0, { kind: 'accepted' }],
  ['a higher epoch does not go on', resolved, 4, 8, { kind: 'gap', expectedSeq: 0 }],
  ['a repeat does not need the open range', open, 3, 6, { kind: 'repeat', range: { first: 41, last: 45 } }],
  ['what rides on an open range waits for it', open, 3, 8, { kind: 'unresolved' }],
  ['what would follow it does, too', open, 3, 10, { kind: 'unresolved' }],
  ['what leaves a gap does, too: the seq that is expected depends on it', open, 3, 12, { kind: 'unresolved' }],
  ['so does a higher epoch', open, 4, 0, { kind: 'unresolved' }],
  ['a lower epoch does not', open, 2, 0, { kind: 'fenced', epoch: 3 }]
]

for (const [name, record, epoch, seq, verdict] of cases) {
  test(name, () => { assert.deepEqual(judgeProducer(record, { id: 'p', epoch, seq }), verdict) })
}
