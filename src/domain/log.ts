import { createCore, Storage, toLogError, type LogDeps } from './core.ts'
import { LogError } from './errors.ts'
import { GroupCommit, type Appended } from './group-commit.ts'
import type { NewMessage } from './message.ts'
import type { Page } from './page.ts'
import { readPage, type ReadRequest } from './read.ts'
import { Tails, type Follower } from './tail.ts'
import { deleteTopic, trim } from './trim.ts'

export type { LogDeps, StorageCalls } from './core.ts'
export type { Appended } from './group-commit.ts'
export { messagesOf, type Page, type PageSize } from './page.ts'
export type { ReadRequest } from './read.ts'
export type { Follower } from './tail.ts'

/** Topics with ordered offsets over a segment store and an offset counter. Every method throws LogError and nothing else. */
export interface Log {
  /** Appends the messages at consecutive offsets, all or none. A failure says whether they may have been written. */
  append (topic: string, messages: readonly NewMessage[]): Promise<Appended>
  read (topic: string, request: ReadRequest): Promise<Page>
  /** Reads from `from` on, and waits where there is nothing yet. To be closed when done with. */
  follow (topic: string, from: number): Follower
  /** The offset that `earliest` or `latest` stands for now. */
  position (topic: string, at: 'earliest' | 'latest'): Promise<number>
  /** Removes what is below `before`. @returns the new earliest offset */
  trim (topic: string, before: number): Promise<number>
  /** Removes the topic's messages; its offsets go on from where they were if it is written to again. */
  deleteTopic (topic: string): Promise<void>
  /** Refuses new appends and waits for those under way. */
  close (): Promise<void>
}

export function createLog (deps: LogDeps): Log {
  const core = createCore(deps)
  const tails = new Tails(core)
  const queues = new Map<string, GroupCommit>()
  let closed: (() => void) | undefined

  const said = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (error) {
      throw toLogError(error)
    }
  }

  return {
    append (topic, messages) {
      if (closed !== undefined) return Promise.reject(new LogError('shutting_down', 'The server is shutting down.', { written: 'no' }))
      let queue = queues.get(topic)
      if (queue === undefined) {
        queue = new GroupCommit(core, topic, () => {
          queues.delete(topic)
          if (queues.size === 0) closed?.()
        }, (segment) => { tails.appended(topic, segment) })
        queues.set(topic, queue)
      }
      return queue.append(messages)
    },

    read: (topic, request) => readPage(core, topic, request),

    follow: (topic, from) => tails.follow(topic, from),

    position: (topic, at) => said((async () => {
      const state = await new Storage(core, topic).state()
      if (state === undefined) return 1
      return at === 'earliest' ? state.earliest : Math.max(state.currentOffset + 1, state.earliest)
    })()),

    trim: (topic, before) => said(trim(core, topic, before)),

    deleteTopic: (topic) => said(deleteTopic(core, topic)),

    close () {
      return new Promise((resolve) => {
        closed = resolve
        if (queues.size === 0) resolve()
      })
    }
  }
}
