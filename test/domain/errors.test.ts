import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode, LogError } from '../../src/domain/errors.ts'

test('an error carries the details of its code, and its cause apart from them', () => {
  const cause = new Error('inside')
  const late = new LogError('append_timeout', 'Too slow.', { written: 'unknown', cause })
  assert.deepEqual([late.details, late.written, late.cause], [{ written: 'unknown' }, 'unknown', cause])
  const { details, written } = new LogError('internal', 'A defect.', { cause })
  assert.deepEqual([details, written], [{}, undefined])
})

test('the compiler demands the details of a code', () => {
  const range = new LogError('offset_out_of_range', 'offset: expected at most 3, got 5', { earliest: 1, end: 3 })
  assert.equal(hasCode(range, 'offset_out_of_range') && range.details.end, 3)
  assert.ok([
    // @ts-expect-error: without its range
    new LogError('offset_out_of_range', 'offset: expected at most 3, got 5'),
    // @ts-expect-error: without the end
    new LogError('offset_out_of_range', 'offset: expected at most 3, got 5', { earliest: 1 }),
    // @ts-expect-error: does not say whether the messages are written
    new LogError('append_timeout', 'Too slow.', {}),
    // @ts-expect-error: an append that is refused is never written
    new LogError('topic_closed', 'Too late.', { written: 'unknown', end: 3 }),
    // @ts-expect-error: no such code
    new LogError('out_of_tea', 'No tea.')
  ])
})
