/**
 * How a call to a store can fail. Adapters throw no other errors for failures of the store.
 *
 * - `throttled`: the store asked to slow down (DynamoDB throttling, S3 `SlowDown`).
 * - `unavailable`: no response, a broken connection, a 5xx.
 * - `timeout`: no response within the time that the caller allowed.
 * - `conflict`: S3's `409 ConditionalRequestConflict`; repeat the call.
 * - `expired`: the put's reservation is older than the store accepts (log §3.2).
 * - `full`: no space is left. Reads continue to work; writes work again when there is space.
 * - `misconfigured`: bucket or table missing, access denied: retrying does not help.
 */
export type StoreFailure = 'throttled' | 'unavailable' | 'timeout' | 'conflict' | 'expired' | 'full' | 'misconfigured'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly failure: StoreFailure
  /** `none`: the store certainly did not apply the call. `unknown`: it may have, now or later. */
  readonly effect: 'none' | 'unknown'

  constructor (failure: StoreFailure, effect: 'none' | 'unknown', message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
    this.effect = effect
  }
}

/** Whether the same call may succeed a little later. Adapters send a call once; their callers repeat it. */
export function isPassing (error: unknown): boolean {
  return error instanceof StoreError && error.failure !== 'expired' && error.failure !== 'full' && error.failure !== 'misconfigured'
}

/** Whether a failed call may have taken effect, or may do so later: true unless the store certainly refused it. */
export function mayHaveTakenEffect (error: unknown): boolean {
  return !(error instanceof StoreError && error.effect === 'none')
}
