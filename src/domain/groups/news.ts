import type { Ms, Offset } from '../../ports/units.ts'
import type { Page, PageSize } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import type { GroupContext } from './group-context.ts'
import type { KeptGroup } from './kept-group.ts'

export interface NewsOptions {
  readonly topic: string
  /** The first offset of the topic that is not known yet; `undefined` if new messages are no news. */
  readonly from: Offset | undefined
  readonly size: PageSize
  /** Of the changes that were seen. */
  readonly version: number
  /** Whether other processes may settle something that is missing here. */
  readonly polls: boolean
  /** How long to wait at most. */
  readonly ms: Ms
  /** Each of them ends the wait when it is aborted. */
  readonly signals: readonly AbortSignal[]
  readonly operation: Operation
}

/**
 * Waits until a receive may get messages (groups §8): new ones in the topic, a change of the group in this process or another,
 * or the end of the time.
 * @returns the page of new messages, if that is what came
 */
export function waitForNews (
  { clock, log, limits }: GroupContext, kept: KeptGroup, { topic, from, size, version, polls, ms, signals, operation }: NewsOptions
): Promise<Page | undefined> {
  if (kept.version !== version) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const ends: Array<() => void> = []
    const end = (page?: Page): void => {
      for (const each of ends.splice(0)) each()
      resolve(page)
    }
    ends.push(clock.timer(ms, () => { end() }), kept.onChange(() => { end() }))
    if (polls) ends.push(kept.poll(limits.groupPollMs))
    for (const signal of signals) {
      const aborted = (): void => { end() }
      signal.addEventListener('abort', aborted, { once: true })
      ends.push(() => { signal.removeEventListener('abort', aborted) })
    }
    if (from === undefined) return
    const follower = log.follow(topic, from, operation)
    ends.push(() => { follower.close() })
    // After a failure, the receive reads again, and tells.
    follower.next(size, ms).then((page) => { if (page.count > 0 || page.nextOffset > from) end(page) }, () => { end() })
  })
}
