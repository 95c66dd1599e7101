import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { client } from './session.ts'

export interface Polled<T> {
  readonly data: Signal<T | undefined>
  readonly error: Signal<unknown>
  readonly refresh: () => void
}

/**
 * Asks again and again, the next time `everyMs` after an answer, and not while the page is hidden.
 * @param keys as of `useEffect`: another question
 */
export function usePoll<T> (ask: (signal: AbortSignal) => Promise<T>, everyMs: number, keys: readonly unknown[]): Polled<T> {
  const data = useSignal<T | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  const asking = useRef(ask)
  asking.current = ask
  const again = useRef(() => {})
  useEffect(() => {
    data.value = undefined
    error.value = undefined
    const poll = poller(async (signal) => {
      try {
        data.value = await asking.current(signal)
        error.value = undefined
      } catch (caught) {
        if (!signal.aborted) error.value = caught
      }
    }, everyMs)
    again.current = poll.now
    return poll.stop
  }, [...keys, client.value])
  return { data, error, refresh: () => { again.current() } }
}

export interface Poller {
  readonly now: () => void
  readonly stop: () => void
}

/** @param ask must not reject */
export function poller (ask: (signal: AbortSignal) => Promise<void>, everyMs: number): Poller {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAsking = false
  let askAgain = false
  const now = (): void => {
    clearTimeout(timer)
    if (controller.signal.aborted) return
    if (isAsking) {
      askAgain = true
      return
    }
    isAsking = true
    inBackground(ask(controller.signal).then(() => {
      isAsking = false
      if (askAgain) {
        askAgain = false
        now()
      } else if (!document.hidden) timer = setTimeout(now, everyMs)
    }))
  }
  const onVisible = (): void => { if (!document.hidden) now() }
  document.addEventListener('visibilitychange', onVisible)
  now()
  return {
    now,
    stop () {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
      controller.abort()
    }
  }
}

/** Does not wait for it. It should not reject; if it does, the browser's console has the error. */
export function inBackground (work: Promise<unknown>): void {
  work.catch(reportError)
}

/** Runs tasks, so many at a time. */
export async function inTurns<T> (items: readonly T[], atOnce: number, run: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await run(item)
  }))
}
