import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimiter, tooFast } from '../../../src/app/http/bounds/rate-limiter.ts'
import { problem } from '../../support/http/requests.ts'
import { toProblem } from '../../../src/app/http/problem.ts'

function limiter (ratePerSecond: number, keysMax = 100) {
  const time = { now: 5_000 }
  return { time, limiter: new RateLimiter(ratePerSecond, keysMax, () => time.now) }
}

test('after a pause, one second of the rate may come at once; then requests are spread', () => {
  const { time, limiter: rates } = limiter(4)
  const burst = (): number[] => Array.from({ length: 5 }, () => rates.take('a'))
  assert.deepEqual(burst(), [0, 0, 0, 0, 250])
  // A refused request has taken nothing.
  time.now += 249
  assert.equal(rates.take('a'), 1)
  time.now += 1
  assert.deepEqual([rates.take('a'), rates.take('a')], [0, 250])
  time.now += 60_000
  assert.deepEqual(burst(), [0, 0, 0, 0, 250])
})

test('no rate is exceeded, whatever the pauses, and none is missed', () => {
  for (const rate of [1, 3, 7, 1_000]) {
    const { time, limiter: rates } = limiter(rate)
    let served = 0
    // 0.1 has no exact representation, so errors add up.
    for (let i = 0; i <= 100_000; i++) {
      if (rates.take('a') === 0) served++
      time.now += 0.1
    }
    assert.equal(served, rate * 11, `${rate} a second, for 10 s and a burst`)
  }
})

test('keys do not share a bucket, and a key may have a rate of its own', () => {
  const { time, limiter: rates } = limiter(1)
  assert.deepEqual([rates.take('a'), rates.take('a'), rates.take('b')], [0, 1_000, 0])
  assert.deepEqual([rates.take('c', 2), rates.take('c', 2), rates.take('c', 2)], [0, 0, 500])
  assert.equal(rates.take('d', Infinity) + rates.take('d', Infinity), 0)
  // The rate is lowered: what it owes from before is not more than a second.
  time.now += 1_000
  assert.deepEqual([rates.take('c', 1), rates.take('c', 1)], [0, 1_000])
})

test('as many keys are remembered as allowed: the one seen longest ago is forgotten', () => {
  const { limiter: rates } = limiter(1, 3)
  for (const key of ['a', 'b', 'c', 'a', 'd']) rates.take(key)
  assert.equal(rates.size, 3)
  assert.deepEqual([rates.take('a'), rates.take('b')], [1_000, 0])
  for (let i = 0; i < 10_000; i++) rates.take(`key ${i}`)
  assert.equal(rates.size, 3)
})

test('the error names the rate, and whole seconds after which to come again', () => {
  const detail = 'requests: expected at most 5 a second from one address, got more'
  assert.deepEqual(toProblem(tooFast('address', 5, 200)), problem('rate_limited', detail, { retry_after: 1 }))
  assert.deepEqual(toProblem(tooFast('address', 5, 1_001)), problem('rate_limited', detail, { retry_after: 2 }))
})
