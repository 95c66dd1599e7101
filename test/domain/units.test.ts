import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits, type Limits } from '../../src/domain/limits.ts'
import type { Bytes, Ms, Offset } from '../../src/ports/units.ts'

/** Each line below `@ts-expect-error` must not compile: the type check fails if it does. */
test('swapped units do not compile; literals and arithmetic do', () => {
  const take = (offset: Offset, ms: Ms, bytes: Bytes): number => offset + ms + bytes
  const limits: Limits = defaultLimits
  const offset: Offset = 1
  assert.equal(take(offset, 20, limits.pageBytesMax - limits.pageBytesMax), 21)
  assert.equal(take(offset, limits.retryDelayMs, limits.keyBytesMax), 1 + 50 + 1_024)
  // @ts-expect-error an offset is no time
  take(1, offset, 1)
  // @ts-expect-error a limit in ms is no number of bytes
  take(1, 1, limits.retryDelayMs)
  // @ts-expect-error a limit in bytes is no time
  take(1, limits.pageBytesMax, 1)
})
