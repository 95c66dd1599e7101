import type { GroupStore, StoreInstant } from '../../../src/ports/group-store.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import type { Scheduler } from '../engine/scheduler.ts'
import type { GroupsChecker } from './checker.ts'
import type { Stored } from './history.ts'

interface Watch { readonly checker: GroupsChecker, readonly scheduler: Scheduler }

/** Tells the checker of each state the moment that it is stored. @param exact whether the store tells its time to the ms */
export function watchedGroups (store: GroupStore, exact: boolean, { checker, scheduler }: Watch): GroupStore {
  const instant = ({ low }: StoreInstant): StoreInstant => {
    const second = Math.floor(low / 1_000) * 1_000
    return exact ? { low, high: low } : { low: second, high: second + 999 }
  }
  const checked = (check: () => void): void => {
    try {
      check()
    } catch (error) {
      // Nobody hears the answer to a write that is late.
      scheduler.fail(error)
    }
  }
  return {
    ...store,
    read: async (name) => {
      const { item, now } = await store.read(name)
      return { item, now: instant(now) }
    },
    write: async (name, item, expected) => {
      const answer = await store.write(name, item, expected)
      if (answer.kind === 'written') checked(() => { checker.written(item) })
      return { ...answer, now: instant(answer.now) }
    },
    remove: async (name, expected) => {
      const answer = await store.remove(name, expected)
      if (answer.kind === 'written') checked(() => { checker.removed(expected.gen) })
      return { ...answer, now: instant(answer.now) }
    }
  }
}

/** Tells the checker of each deletion of a dead-letter topic the moment that it takes effect. */
export function watchedTopics (store: TopicStore, { checker }: Watch): TopicStore {
  return {
    ...store,
    markDeleted: async (name, currentOffset, options) => {
      const answer = await store.markDeleted(name, currentOffset, options)
      if (answer.kind === 'changed') checker.letters.topicDeleted(name, currentOffset)
      return answer
    }
  }
}

/**
 * Tells the checker of each segment the moment that it is stored.
 * @param topic of the group; every other one has dead letters
 */
export function watchedSegments (store: SegmentStore, topic: string, { checker, scheduler }: Watch): SegmentStore {
  return {
    ...store,
    putIfAbsent: async (name, last, object, options) => {
      const result = await store.putIfAbsent(name, last, object, options)
      if (result !== 'created' || object.metadata['sealed'] !== undefined) return result
      try {
        const lines = Buffer.from(object.body).toString().trim().split('\n').map((line) => JSON.parse(line) as Stored)
        if (name === topic) checker.stored(Number(object.metadata['first']), lines)
        else if (lines[0]!.headers !== undefined) checker.letters.stored(name, Number(object.metadata['first']), lines)
      } catch (error) {
        scheduler.fail(error)
      }
      return result
    }
  }
}
