import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { StoreError } from '../../../ports/errors.ts'
import type { CallOptions } from '../../../ports/segment-store.ts'

/** A check of a part that the service needs, with the name that operators know. */
export interface StoreCheck {
  readonly name: string
  /** Resolves if the part works. @throws StoreError */
  readonly check: (options: CallOptions) => Promise<void>
}

/**
 * The state of the parts that the service needs. Each check can cost a call to the storage, and anybody may ask. So requests that
 * come during a run share its result, and so do those within `readinessKeptMs` after it.
 */
export class Readiness {
  readonly #checks: readonly StoreCheck[]
  readonly #limits: Limits
  /** The current run, or the last one. */
  #run: Promise<void> | undefined
  /** When the last run ended, in ms of `performance.now`; Infinity while one is under way. */
  #endedAt = -Infinity

  constructor (checks: readonly StoreCheck[], limits: Limits) {
    this.#checks = checks
    this.#limits = limits
  }

  /** @throws LogError `storage_unavailable`, `storage_misconfigured` */
  check (): Promise<void> {
    if (this.#run !== undefined && performance.now() - this.#endedAt < this.#limits.readinessKeptMs) return this.#run
    this.#endedAt = Infinity
    const run = this.#run = checkAll(this.#checks, this.#limits.getTimeoutMs)
    const ended = (): void => { this.#endedAt = performance.now() }
    run.then(ended, ended)
    return run
  }
}

async function checkAll (checks: readonly StoreCheck[], timeoutMs: number): Promise<void> {
  const errors = await Promise.all(checks.map((part) => failureOf(part, timeoutMs)))
  const failed = errors.filter((failure) => failure !== undefined)
  if (failed.length === 0) return
  const detail = `Not ready: ${failed.map(({ name, reason }) => `${name} (${reason})`).join(', ')}.`
  const code = failed.some(({ reason }) => reason === 'misconfigured') ? 'storage_misconfigured' : 'storage_unavailable'
  throw new LogError(code, detail, { cause: failed[0]!.error })
}

async function failureOf (part: StoreCheck, timeoutMs: number): Promise<{ name: string, reason: string, error: unknown } | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    await Promise.race([part.check({ signal }), aborted(signal)])
    return undefined
  } catch (error) {
    return { name: part.name, reason: error instanceof StoreError ? error.failure : 'unavailable', error }
  }
}

/** Rejects when the signal aborts, so that a check that ignores its signal does not delay the response. */
function aborted (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(new StoreError('timeout', 'unknown', 'no response in time')) }, { once: true })
  })
}
