import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeState, encodeState } from '../../../src/domain/groups/codec.ts'
import { newGroup, type GroupState, type Lease, type RetryRun, type Run } from '../../../src/domain/groups/state.ts'

const at = Date.UTC(2026, 0, 1)
const next = 2 ** 40
const offset = fc.integer({ min: 1, max: next - 10_000 })
const count = fc.integer({ min: 1, max: 1_000 })
const bucket = fc.integer({ min: 0, max: 2 ** 24 - 1 })
const time = fc.integer({ min: 0, max: 2 ** 45 })
const run: fc.Arbitrary<Run> = fc.record({
  first: offset, count, attempt: fc.integer({ min: 0, max: 1_000 }), expired: fc.boolean(), bucket: fc.option(bucket, { nil: undefined })
}).map(({ bucket, ...rest }) => bucket === undefined ? rest : { ...rest, bucket })
const runs = fc.array(run, { maxLength: 5 })
const text = (maxLength: number): fc.Arbitrary<string | undefined> =>
  fc.option(fc.string({ unit: 'binary', maxLength }), { nil: undefined })
const state: fc.Arbitrary<GroupState> = fc.record({
  next: fc.integer({ min: next, max: next + 100 }),
  committed: fc.integer({ min: 1, max: next }),
  seq: fc.nat(),
  soughtSeq: fc.nat(),
  leases: fc.array(fc.record({
    seq: fc.nat(), tag: fc.stringMatching(/^[0-9a-f]{16}$/), expires: time, consumer: text(64), runs
  }), { maxLength: 6 }).map((leases) => leases.sort((a, b) => a.seq - b.seq)),
  retry: fc.array(fc.tuple(run, time).map(([each, notBefore]): RetryRun => ({ ...each, notBefore })), { maxLength: 6 }),
  lanes: fc.array(fc.record({ bucket, from: offset }), { maxLength: 5 }),
  dead: fc.array(fc.record({ runs, reason: fc.constantFrom('max_attempts', 'rejected'), detail: text(100) }), { maxLength: 5 }),
  deadSeq: fc.nat(),
  movedUntil: time,
  redriven: offset
})

test('every state comes back', () => {
  fc.assert(fc.property(state, (each) => { assert.deepEqual(decodeState(encodeState(each)), structuredClone(each)) }), { numRuns: 500 })
})

test('a state that is cut is an Error, wherever the cut is', () => {
  fc.assert(fc.property(state, (each) => {
    const bytes = encodeState(each)
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeState(bytes.subarray(0, length)), /^Error: state of a group/)
    }
    assert.throws(() => decodeState(Buffer.concat([bytes, Buffer.from([0])])), /1 bytes more than expected/)
  }), { numRuns: 100 })
})

// A changed byte can be another state that is right. But never one that takes hours to walk through.
test('changed bytes are an Error, or another state within bounds', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(fc.property(state, fc.array(change, { minLength: 1, maxLength: 4 }), (each, changes) => {
    const bytes = Buffer.from(encodeState(each))
    for (const [place, value] of changes) bytes[place % bytes.length] = value
    let decoded: GroupState
    try {
      decoded = decodeState(bytes)
    } catch (error) {
      assert.match(String(error), /^Error: state of a group: /)
      return
    }
    const all = [...decoded.leases.flatMap(({ runs }) => runs), ...decoded.retry, ...decoded.dead.flatMap(({ runs }) => runs)]
    assert.ok(all.reduce((sum, { count }) => sum + count, 0) <= 100_000)
    assert.ok(all.every(({ first, count }) => first >= 1 && count >= 1 && Number.isSafeInteger(first + count)))
  }), { numRuns: 2_000 })
})

test('lists and texts that claim to be long are refused without room for them', () => {
  const prefix = [...encodeState(newGroup(1))].slice(0, -4)
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
  assert.throws(() => decodeState(Buffer.from([...prefix, ...huge])), /a list of \d+ elements/)
  assert.throws(() => decodeState(Buffer.from([...prefix, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...huge])), /the end is missing/)
  assert.throws(() => decodeState(Buffer.from([...prefix, ...Array<number>(9).fill(0xff)])), /a number is above/)
  assert.throws(() => decodeState(Buffer.from([...prefix, ...Array<number>(1_000).fill(0x80), 0])), /a number is above/)
  assert.throws(() => decodeState(new Uint8Array(201 * 1024)), /more than 204800/)
  assert.throws(() => decodeState(Buffer.from([2])), /expected version 1, got 2/)
  const many = [...prefix, 0, 1, 2, 0xa1, 0x8d, 0x06, 4, 0]
  assert.throws(() => decodeState(Buffer.from([...many, 0, 0])), /a run of 100001 messages/)
})

function runAt (first: number, count: number, bucket?: number): Run {
  const plain = { first, count, attempt: 1, expired: false }
  return bucket === undefined ? plain : { ...plain, bucket }
}

function leases (number: number, runsOf: (first: number) => Run[]): Lease[] {
  return Array.from({ length: number }, (_, i) => {
    const [tag, expires] = [(i + 1).toString(16).padStart(16, '7'), at + 30_000 + i * 37]
    return { seq: 1_000 + i, tag, expires, consumer: undefined, runs: runsOf(1e6 + i * 10) }
  })
}

function sizeOf (parts: Partial<GroupState>): number {
  return encodeState({ ...newGroup(2e6), committed: 1e6, seq: 1_300, movedUntil: 0, redriven: 1e6, ...parts }).length
}

// Of the state alone. The other attributes of the item take about 250 bytes more (groups §2.3).
test('a state is as small as it is told to be', () => {
  assert.equal(sizeOf({}), 19)
  assert.equal(sizeOf({ leases: leases(8, (first) => [runAt(first, 10)]) }), 147)
  assert.equal(sizeOf({ leases: leases(25, (first) => [runAt(first, 10)]) }), 402)
  const keys = leases(8, (first) => Array.from({ length: 10 }, (_, i) => runAt(first + i, 1, first + i)))
  const lanes = Array.from({ length: 8 }, (_, i) => ({ bucket: i, from: 1e6 + 100 + i * 5 }))
  assert.equal(sizeOf({ leases: keys, lanes }), 635)
})

test('the largest state that the bounds allow is below what the codec refuses, which tells so', () => {
  const each = (first: number): Run[] =>
    Array.from({ length: 15 }, (_, i) => ({ ...runAt(first + i * 1e4, 1, i), attempt: 999, expired: true }))
  const largest: Partial<GroupState> = {
    leases: leases(256, each).map((lease) => ({ ...lease, consumer: 'c'.repeat(64) })),
    lanes: Array.from({ length: 1_024 }, (_, i) => ({ bucket: i, from: 1e6 + i * 700 })),
    dead: Array.from({ length: 160 }, (_, i) => ({
      runs: [runAt(1e6 + i * 1e3, 1, i)], reason: 'rejected', detail: i < 64 ? 'd'.repeat(100) : undefined
    }))
  }
  assert.equal(sizeOf(largest), 67_166)
  const tooMuch = { ...newGroup(1e6), retry: Array.from({ length: 90_000 }, (_, i) => ({ ...runAt(1 + i * 2, 1), notBefore: 0 })) }
  assert.throws(() => encodeState(tooMuch), /takes \d+ bytes, more than 204800/)
})
