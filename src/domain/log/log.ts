import type { Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { createOperation, type Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import { FollowedTopics, type Follower } from './follow.ts'
import { GroupCommit, type Appended } from './group-commit.ts'
import type { Page } from './page.ts'
import { readPage, type ReadRequest } from './read.ts'
import { createLogContext, TopicStorage, toLogError, type LogDeps } from './topic-storage.ts'
import { deleteTopic, trim } from './trim.ts'

export type { LogDeps } from './topic-storage.ts'
export type { Appended } from './group-commit.ts'
export { messagesOf, type Page, type PageSize } from './page.ts'
export type { ReadRequest } from './read.ts'
export type { Follower } from './follow.ts'

/**
 * Topics with ordered offsets, on a segment store and an offset counter. All methods throw only LogError. A caller that
 * bounds an operation, or wants to know what it cost, hands an {@link Operation} in.
 */
export interface Log {
  /** Appends the messages atomically, at consecutive offsets. @throws LogError with `written` */
  append (topic: string, messages: readonly NewMessage[], operation?: Operation): Promise<Appended>
  read (topic: string, request: ReadRequest, operation?: Operation): Promise<Page>
  /** Reads from `from` on, and waits if there are no messages yet. The caller must close the follower. */
  follow (topic: string, from: Offset, operation?: Operation): Follower
  /** The offset that `earliest` or `latest` currently means. */
  position (topic: string, at: 'earliest' | 'latest'): Promise<Offset>
  /** Removes the messages below `before`. @returns the new earliest offset */
  trim (topic: string, before: Offset): Promise<Offset>
  /** Removes all messages of the topic. If it is written to again, its offsets continue from there. */
  deleteTopic (topic: string): Promise<void>
  /** Refuses new appends and waits for those in progress. */
  close (): Promise<void>
}

export function createLog (deps: LogDeps): Log {
  const context = createLogContext(deps)
  const followedTopics = new FollowedTopics(context)
  const queues = new Map<string, GroupCommit>()
  let closed: (() => void) | undefined

  const toLogErrors = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (error) {
      throw toLogError(error)
    }
  }

  return {
    append (topic, messages, operation = createOperation()) {
      if (closed !== undefined) return Promise.reject(new LogError('shutting_down', 'The server is shutting down.', { written: 'no' }))
      let queue = queues.get(topic)
      if (queue === undefined) {
        queue = new GroupCommit(context, topic, () => {
          queues.delete(topic)
          if (queues.size === 0) closed?.()
        }, (segment) => { followedTopics.appended(topic, segment) })
        queues.set(topic, queue)
      }
      return queue.append(messages, operation)
    },

    read: (topic, request, operation = createOperation()) => readPage(context, topic, request, operation),

    follow: (topic, from, operation = createOperation()) => followedTopics.follow(topic, from, operation),

    position: (topic, at) => toLogErrors((async () => {
      const state = await new TopicStorage(context, topic, createOperation()).state()
      if (state === undefined) return 1
      return at === 'earliest' ? state.earliest : Math.max(state.currentOffset + 1, state.earliest)
    })()),

    trim: (topic, before) => toLogErrors(trim(context, topic, before)),

    deleteTopic: (topic) => toLogErrors(deleteTopic(context, topic)),

    close () {
      return new Promise((resolve) => {
        closed = resolve
        if (queues.size === 0) resolve()
      })
    }
  }
}
