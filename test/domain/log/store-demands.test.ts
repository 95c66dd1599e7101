import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LogError } from '../../../src/domain/errors.ts'
import { createOperation } from '../../../src/domain/operation.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentListing } from '../../../src/ports/segment-store.ts'
import { payloadsOf } from '../../support/http/pages.ts'
import { failing, type Fault } from '../../support/storage/faults.ts'
import { testLog } from '../../support/test-log.ts'

const everything = { from: 1, limit: 1_000, maxBytes: 1_000_000 }

async function failureOf (call: Promise<unknown>): Promise<[code: string, cause: string]> {
  const error = await call.then(() => new Error('the call did not fail'), (error: unknown) => error)
  assert.ok(error instanceof LogError, String(error))
  return [error.code, (error.cause as Error).message]
}

/** Fails that often, then never again. */
function failsFirst (
  times: number, failure: 'throttled' | 'unavailable' | 'misconfigured'
): <Answer>(call: () => Promise<Answer>) => Promise<Answer> {
  let left = times
  return (call) => left-- > 0 ? Promise.reject(new StoreError(failure, 'unknown', `injected: ${failure}`)) : call()
}

// Adapters send a call once; nobody else repeats it.
describe('a call whose failure may pass is repeated', () => {
  test('twice, and counted each time', async (t) => {
    const { log, faults } = testLog(t)
    faults.topics.reserve = failsFirst(2, 'throttled')
    const append = createOperation()
    const { first } = await log.append('t', [{ payload: '1' }], {}, append)
    assert.deepEqual([first, append.calls.reserve], [1, 3])
    await log.append('t', [{ payload: '2' }])
    await log.append('t', [{ payload: '3' }])
    await log.append('t', [{ payload: '4' }])
    faults.topics.read = failsFirst(2, 'unavailable')
    faults.segments.list = failsFirst(2, 'unavailable')
    const read = createOperation()
    const page = await log.read('t', everything, read)
    assert.deepEqual([payloadsOf(page), read.calls.state, read.calls.list], [[1, 2, 3, 4], 3, 3])
  })

  test('but not for ever', async (t) => {
    const { log, faults } = testLog(t)
    faults.topics.reserve = failsFirst(3, 'throttled')
    assert.deepEqual(await failureOf(log.append('t', [{ payload: '1' }])), ['storage_throttled', 'injected: throttled'])
  })

  test('and one that will not pass is not repeated', async (t) => {
    const { log, faults } = testLog(t)
    faults.topics.reserve = failsFirst(1, 'misconfigured')
    assert.deepEqual(await failureOf(log.append('t', [{ payload: '1' }])), ['storage_misconfigured', 'injected: misconfigured'])
    assert.equal((await log.append('t', [{ payload: '1' }])).first, 1)
  })
})

test('an append that the store has refused every time was not written, although its seal was refused, too', async (t) => {
  const { log } = testLog(t, { faults: { segments: { putIfAbsent: failing('throttled', 'none') } } })
  const error = await log.append('t', [{ payload: '1' }]).then(() => undefined, (error: unknown) => error)
  assert.ok(error instanceof LogError)
  assert.deepEqual([error.code, error.written], ['storage_throttled', 'no'])
})

describe('a list that would lead past messages is refused', () => {
  const changed = (change: (listing: SegmentListing) => SegmentListing): Fault<SegmentListing> => async (call) => change(await call())
  const faulty: Array<[what: string, fault: Fault<SegmentListing>, cause: RegExp]> = [
    [
      'in descending order',
      changed((listing) => ({ ...listing, entries: listing.entries.toReversed() })),
      /^list: expected a key above 5, got 4: /
    ],
    [
      'with a key twice',
      changed((listing) => ({ ...listing, entries: [listing.entries[0]!, ...listing.entries] })),
      /^list: expected a key above 1, got 1: /
    ],
    ['without the time of a key', changed((listing) => ({
      ...listing,
      entries: listing.entries.map((entry) => ({ ...entry, lastModified: NaN }))
    })),
    /^list: expected the time at which 1 was stored, got NaN: /],
    ['without the time of the answer', changed((listing) => ({ ...listing, now: NaN })), /^list: expected the store's time, got NaN: /]
  ]
  for (const [what, fault, cause] of faulty) {
    test(what, async (t) => {
      const { log, faults } = testLog(t)
      for (let n = 1; n <= 5; n++) await log.append('t', [{ payload: String(n) }])
      faults.segments.list = fault
      const [code, message] = await failureOf(log.read('t', everything))
      assert.equal(code, 'storage_misconfigured')
      assert.match(message, cause)
      delete faults.segments.list
      assert.deepEqual(payloadsOf(await log.read('t', everything)), [1, 2, 3, 4, 5])
    })
  }

  test('with keys below those that were asked for', async (t) => {
    const { log, clock, faults } = testLog(t)
    for (let n = 1; n <= 5; n++) await log.append('t', [{ payload: String(n) }])
    faults.segments.list = changed((listing) => ({
      ...listing,
      entries: [{ lastOffset: 1, size: 1, lastModified: clock.wall() }, ...listing.entries]
    }))
    assert.match((await failureOf(log.read('t', { ...everything, from: 2 })))[1], /^list: expected a key above 1, got 1: /)
  })
})
