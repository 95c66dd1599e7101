import type { Clock } from '../ports/clock.ts'
import { StoreError } from '../ports/errors.ts'

export function sleep (clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => { clock.timer(ms, resolve) })
}

/**
 * What `call` answers within `ms`. After that the call is told to stop, its answer is dropped, and its outcome is
 * unknown: a request that nobody waits for may still arrive.
 * @throws StoreError `timeout`, effect `unknown`; or what `call` throws
 */
export function within<T> (clock: Clock, ms: number, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController()
    const cancel = clock.timer(Math.max(0, ms), () => {
      reject(new StoreError('timeout', 'unknown', `${what} did not answer within ${Math.round(ms)} ms`))
      controller.abort()
    })
    call(controller.signal).then(
      (value) => { cancel(); resolve(value) },
      (error: unknown) => { cancel(); reject(error instanceof Error ? error : new Error(String(error))) }
    )
  })
}
