import type { CopyMark, CopyStore, Scanned, StoredRecord } from '../../ports/copy-store.ts'
import type { GroupItem } from '../../ports/group-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'

/** What the other stores of this room hold, by their keys. */
export interface MemoryItems {
  readonly topics: Map<string, TopicItem>
  /** By `topic#group`. */
  readonly groups: Map<string, GroupItem>
  readonly records: Map<string, StoredRecord>
  readonly tokens: Map<string, string>
}

export function memoryItems (): MemoryItems {
  return { topics: new Map(), groups: new Map(), records: new Map(), tokens: new Map() }
}

export function createMemoryCopyStore (items: MemoryItems): CopyStore {
  const { topics, groups, records, tokens } = items
  let mark: CopyMark | undefined

  /** One at a time, so that tests see what happens between two pages. */
  function scan<T, Found> (
    map: ReadonlyMap<string, T>, after: string | undefined, found: (key: string, value: T) => Found
  ): Scanned<Found> {
    const [key, other] = [...map.keys()].filter((key) => after === undefined || key > after).sort()
    if (key === undefined) return { found: [], next: undefined }
    return { found: [found(key, map.get(key)!)], next: other === undefined ? undefined : key }
  }

  return {
    async scanTopics (after) {
      return scan(topics, after, (topic) => topic)
    },

    async scanGroups (after) {
      return scan(groups, after, (key) => {
        const [topic = '', group = ''] = key.split('#')
        return { topic, group }
      })
    },

    async scanRecords (after) {
      return scan(records, after, (_, record) => record)
    },

    async scanTokens (after) {
      return scan(tokens, after, (id) => id)
    },

    async state () {
      if (mark !== undefined) return { kind: 'unfinished', source: mark.source }
      return { kind: topics.size + groups.size + records.size + tokens.size === 0 ? 'empty' : 'used' }
    },

    async begin (wanted) {
      if (mark !== undefined && mark.source !== wanted.source) return false
      mark = wanted
      return true
    },

    async clear () {
      for (const map of [topics, groups, records, tokens]) map.clear()
    },

    async restoreTopic (topic, item) {
      if (topics.has(topic)) return false
      topics.set(topic, item)
      return true
    },

    async finish (run) {
      if (mark?.run !== run) return false
      mark = undefined
      return true
    }
  }
}
