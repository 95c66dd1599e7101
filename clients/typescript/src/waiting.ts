/** How long to pause between attempts. */
export interface Pauses {
  /** The longest pause after the first attempt, in ms; it doubles with each. */
  readonly baseMs: number
  readonly maxMs: number
}

/** A pause with full jitter: anything up to a bound that doubles. @param attempt the one that failed, from 1 */
export function pauseOf ({ baseMs, maxMs }: Pauses, attempt: number): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30))
}

/** Resolves when others have had their turn: connections, timers. */
export function turn (): Promise<void> {
  const { setImmediate: soon = setTimeout } = globalThis as { setImmediate?: (callback: () => void) => unknown }
  return new Promise((resolve) => { soon(resolve) })
}

/** @returns a timer, or none for times that no timer can have: it would end at once */
export function timerOf (ms: number, callback: () => void): ReturnType<typeof setTimeout> | undefined {
  return ms < 2 ** 31 - 1 ? setTimeout(callback, ms) : undefined
}

/** @throws the reason of the signal */
export function sleep (ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      // Whatever a signal has for a reason.
      reject(signal!.reason as Error)
    }
    const timer = timerOf(ms, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

/**
 * After a long poll without messages. Some platforms, proxies and caches answer it at once: then the next one waits.
 * @param askedAt in ms of `performance.now` @throws the reason of the signal
 */
export async function pace (askedAt: number, signal: AbortSignal | undefined, ms = 1_000): Promise<void> {
  if (performance.now() - askedAt < 100) await sleep(ms, signal)
}

/**
 * A controller that aborts with its parent. `AbortSignal.any` would do the same, but keeps what follows a long-lived signal in
 * memory in several runtimes.
 */
export function childOf (parent: AbortSignal | undefined): { readonly controller: AbortController, readonly release: () => void } {
  const controller = new AbortController()
  if (parent === undefined) return { controller, release () {} }
  const abort = (): void => { controller.abort(parent.reason) }
  if (parent.aborted) abort()
  else parent.addEventListener('abort', abort, { once: true })
  return { controller, release () { parent.removeEventListener('abort', abort) } }
}

/** For work that nobody awaits and that never fails: a defect becomes an uncaught exception, not silence. */
export function unexpected (error: unknown): void {
  setTimeout(() => { throw error as Error })
}
