import type { Clock } from '../ports/clock.ts'
import { StoreError } from '../ports/errors.ts'
import type { Ms } from '../ports/units.ts'

export function sleep (clock: Clock, ms: Ms): Promise<void> {
  return new Promise((resolve) => { clock.timer(ms, resolve) })
}

/** Resolves or rejects as `promise` does; resolves with `otherwise` if that takes longer than `ms`. */
export function unlessLater<T, U> (clock: Clock, ms: Ms, promise: Promise<T>, otherwise: U): Promise<T | U> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(Math.max(0, ms), () => { resolve(otherwise) })
    promise.then(resolve, reject).finally(cancel)
  })
}

/**
 * Makes a call and waits for its answer, at most for `ms`. Then the call's signal is aborted and a later answer is dropped;
 * the outcome is unknown, because the request may still reach the store. If no time is left, the call is not made.
 * @throws StoreError `timeout`, effect `unknown`, or `none` if the call was not made; or what `call` throws
 */
export function within<T> (clock: Clock, ms: Ms, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (ms <= 0) return Promise.reject(new StoreError('timeout', 'none', `there was no time left for ${what}`))
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController()
    const cancel = clock.timer(ms, () => {
      reject(new StoreError('timeout', 'unknown', `${what} did not answer within ${Math.round(ms)} ms`))
      controller.abort()
    })
    call(controller.signal).then(
      (value) => { cancel(); resolve(value) },
      (error: unknown) => { cancel(); reject(error instanceof Error ? error : new Error(String(error))) }
    )
  })
}
