import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until it is so. */
export async function eventually (condition: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  for (const started = performance.now(); !await condition(); await sleep(10)) {
    assert(performance.now() - started < withinMs, `not within ${withinMs} ms: ${String(condition)}`)
  }
}
