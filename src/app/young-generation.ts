import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Bytes, Ms } from '../ports/units.ts'

/**
 * V8 doubles its young generation while many objects survive a collection, up to 128 MiB, and rarely shrinks it. All of it is
 * resident, because V8 fills it from one end to the other. With half of that, appends took no more CPU (measured: 64 connections,
 * and batches of 100).
 */
const MAX_BYTES: Bytes = 64 * 1024 * 1024
const CHECK_MS: Ms = 250

/** Stops the growth of V8's young generation at about 64 MiB. It may still shrink, and grow again. Does not keep the process alive. */
export function limitYoungGeneration (): void {
  let isFull = false
  setInterval(() => {
    const { space_size: size = 0 } = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space') ?? {}
    if (isFull === (size >= MAX_BYTES)) return
    isFull = !isFull
    // V8 reads this flag at each growth. It reads --max-semi-space-size only at its start, before this code runs.
    setFlagsFromString(`--semi-space-growth-factor=${isFull ? 1 : 2}`)
  }, CHECK_MS).unref()
}
