import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { createOperation, type Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import { toLogError } from '../to-log-error.ts'
import { earliestOf, endOf } from '../topics/state.ts'
import { FollowedTopics, type Follower } from './follow.ts'
import { failureOf, type Appended } from './append-queue.ts'
import type { AppendConditions } from './conditions.ts'
import { GroupCommit } from './group-commit.ts'
import type { Page } from './page.ts'
import { readPage, type ReadRequest } from './read.ts'
import { createLogContext, TopicStorage, type LogContext, type LogDeps } from './topic-storage.ts'
import { isClosed } from './resolve.ts'
import { seekTime } from './seek.ts'
import { deleteTopic, raiseEarliest, trim } from './trim.ts'

export type { LogDeps } from './topic-storage.ts'
export type { Appended } from './append-queue.ts'
export type { AppendConditions } from './conditions.ts'
export { messagesOf, pageBytes, type Page, type PageSize } from './page.ts'
export type { ReadRequest } from './read.ts'
export type { Follower } from './follow.ts'
export { bytesOf, mayBeYoungSeal, removeBelow, type Removed, type RemovalStorage } from './removal.ts'
export { toLogError } from '../to-log-error.ts'
export { isKnownToStand } from './keys.ts'
export { settled } from './settled.ts'
export { checkListing } from './topic-storage.ts'

/** A place in a topic other than an offset. `sinceMs`: the first message at or after this time, ms since epoch. */
export type Position = 'earliest' | 'latest' | { readonly sinceMs: Ms }

/**
 * Topics with ordered offsets, on a segment store, a topic store and a record store. All methods throw only LogError. A caller that
 * bounds an operation, or wants to know what it cost, hands an {@link Operation} in.
 */
export interface Log {
  /** Appends the messages atomically, at consecutive offsets. @throws LogError with `written` */
  append (topic: string, messages: readonly NewMessage[], conditions?: AppendConditions, operation?: Operation): Promise<Appended>
  read (topic: string, request: ReadRequest, operation?: Operation): Promise<Page>
  /** Reads from `from` on, and waits if there are no messages yet. The caller must close the follower. */
  follow (topic: string, from: Offset, operation?: Operation): Follower
  /** The offset that `earliest`, `latest` or a time currently means (log §4.6 for times). */
  position (topic: string, at: Position, operation?: Operation): Promise<Offset>
  /** Removes the messages below `before`. @returns the new earliest offset */
  trim (topic: string, before: Offset): Promise<Offset>
  /**
   * The first step of a trim: from then on, messages below `before` are not read, and can be removed. Stops below offsets that
   * may still be written. @returns the new earliest offset
   */
  raiseEarliest (topic: string, before: Offset): Promise<Offset>
  /** Whether the topic is closed. False while it is not known whether a closing append was written. @param item the topic's */
  isClosed (topic: string, item: TopicItem): Promise<boolean>
  /**
   * Removes all messages of the topic. If it is written to again, its offsets continue from there.
   * @returns false if it did not exist
   */
  deleteTopic (topic: string): Promise<boolean>
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
    append (topic, messages, conditions = {}, operation = createOperation()) {
      if (closed !== undefined) {
        context.telemetry.append('shutting_down', 0)
        return Promise.reject(failureOf(conditions, shuttingDown()))
      }
      let queue = queues.get(topic)
      if (queue === undefined) {
        queue = new GroupCommit(context, topic, {
          createsTopics: context.createsTopics,
          checkConfig: (append, config) => { context.rules.check(topic, append, config) },
          idle: () => {
            queues.delete(topic)
            if (queues.size === 0) closed?.()
          },
          appended: (segment, closes) => { followedTopics.appended(topic, segment, closes) },
          closed: () => { followedTopics.closed(topic) }
        })
        queues.set(topic, queue)
      }
      return queue.append(messages, conditions, operation)
    },

    read: (topic, request, operation = createOperation()) => readPage(context, topic, request, operation),

    follow: (topic, from, operation = createOperation()) => followedTopics.follow(topic, from, operation),

    position: (topic, at, operation = createOperation()) => toLogErrors(findPosition(context, topic, at, operation)),

    trim: (topic, before) => toLogErrors(trim(context, topic, before)),

    raiseEarliest: (topic, before) => toLogErrors(raiseEarliest(context, topic, before, { patient: true })),

    isClosed: (topic, item) => toLogErrors(isClosed(context, topic, item)),

    deleteTopic: (topic) => toLogErrors(deleteTopic(context, topic)),

    close () {
      return new Promise((resolve) => {
        closed = resolve
        if (queues.size === 0) resolve()
      })
    }
  }
}

async function findPosition (context: LogContext, topic: string, at: Position, operation: Operation): Promise<Offset> {
  const { clock, limits } = context
  const deadline = clock.monotonic() + Math.min(limits.readTimeoutMs, operation.timeoutMs ?? Infinity)
  const storage = new TopicStorage(context, topic, operation, deadline)
  const item = await storage.item()
  const range = { earliest: earliestOf(item), end: endOf(item) }
  if (typeof at === 'object') return await seekTime(storage, range, at.sinceMs, limits)
  return at === 'earliest' ? range.earliest : range.end
}

function shuttingDown (): LogError {
  return new LogError('shutting_down', 'The server is shutting down.', { written: 'no' })
}
