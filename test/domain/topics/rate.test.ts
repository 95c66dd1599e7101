import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Rates } from '../../../src/domain/topics/rate.ts'

function setUp (topicsMax?: number) {
  const time = { now: 1_000_000 }
  return { time, rates: new Rates(() => time.now, topicsMax) }
}

const one = { messages: 1, bytes: 100 }

test('a topic takes a burst of one second, and then its rate', () => {
  const { time, rates } = setUp()
  const rate = { messages: 4 }
  for (let i = 0; i < 4; i++) assert.equal(rates.take('t', rate, one), 0)
  assert.equal(rates.take('t', rate, one), 1)
  time.now += 249
  assert.equal(rates.take('t', rate, one), 1)
  time.now += 1
  assert.equal(rates.take('t', rate, one), 0)
  assert.equal(rates.take('t', rate, one), 1)
  time.now += 60_000
  for (let i = 0; i < 4; i++) assert.equal(rates.take('t', rate, one), 0)
  assert.equal(rates.take('t', rate, one), 1)
})

test('a topic without a rate is not limited, and topics do not share', () => {
  const { rates } = setUp()
  for (const rate of [undefined, {}]) for (let i = 0; i < 100; i++) assert.equal(rates.take('free', rate, one), 0)
  assert.equal(rates.take('a', { messages: 1 }, one), 0)
  assert.equal(rates.take('b', { messages: 1 }, one), 0)
  assert.notEqual(rates.take('a', { messages: 1 }, one), 0)
})

test('an append larger than the burst passes when the bucket is full, and the next one waits for all of it', () => {
  const { time, rates } = setUp()
  const rate = { bytes: 1_000 }
  const large = { messages: 1, bytes: 5_500 }
  assert.equal(rates.take('t', rate, large), 0)
  assert.equal(rates.take('t', rate, one), 5)
  assert.equal(rates.take('t', rate, large), 6)
  time.now += 5_499
  assert.equal(rates.take('t', rate, large), 1)
  time.now += 1
  assert.equal(rates.take('t', rate, large), 0)
})

test('what one bucket refuses is not taken from the other', () => {
  const { time, rates } = setUp()
  const rate = { messages: 100, bytes: 100 }
  assert.equal(rates.take('t', rate, { messages: 1, bytes: 100 }), 0)
  for (let i = 0; i < 500; i++) assert.notEqual(rates.take('t', rate, { messages: 1, bytes: 100 }), 0)
  time.now += 1_000
  assert.equal(rates.take('t', rate, { messages: 100, bytes: 100 }), 0)
})

test('a changed rate holds at once', () => {
  const { rates } = setUp()
  assert.equal(rates.take('t', { messages: 1_000 }, one), 0)
  assert.equal(rates.take('t', { messages: 1 }, one), 0)
  assert.equal(rates.take('t', { messages: 1 }, one), 1)
  assert.equal(rates.take('t', { messages: 1, bytes: 1_000 }, one), 1)
  assert.equal(rates.take('t', { bytes: 1_000 }, one), 0)
})

test('remembers a bounded number of topics', () => {
  const { rates } = setUp(10)
  const rate = { messages: 1 }
  for (let i = 0; i < 100; i++) assert.equal(rates.take(`t${i}`, rate, one), 0)
  assert.equal(rates.take('t99', rate, one), 1)
  assert.equal(rates.take('t0', rate, one), 0)
})

test('at any time no more was taken than the burst, the rate and the largest append allow, and Retry-After is never in vain', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 3_000 }), messages: fc.integer({ min: 1, max: 30 }), bytes: fc.integer({ min: 1, max: 3_000 })
  })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { time, rates } = setUp()
    const start = time.now
    const rate = { messages: 7, bytes: 900 }
    const taken = { messages: 0, bytes: 0 }
    for (const { waitMs, ...cost } of steps) {
      time.now += waitMs
      const retryAfter = rates.take('t', rate, cost)
      if (retryAfter > 0) {
        time.now += retryAfter * 1_000
        assert.equal(rates.take('t', rate, cost), 0)
      }
      for (const unit of ['messages', 'bytes'] as const) {
        const before = taken[unit]
        taken[unit] += cost[unit]
        // The append itself may be larger than the burst; all before it kept to the rate.
        assert.ok(before <= rate[unit] + (time.now - start) / 1_000 * rate[unit] - Math.min(cost[unit], rate[unit]) + 1e-6)
      }
    }
  }))
})
