import type { StoredRecord } from '../../ports/copy-store.ts'
import type { RecordName, RecordStore } from '../../ports/record-store.ts'

/** Keeps the records in memory. @param records where it keeps them */
export function createMemoryRecordStore (records = new Map<string, StoredRecord>()): RecordStore {
  const keyOf = ({ kind, topic, id }: RecordName): string => `${kind}#${topic}#${id}`

  return {
    async read (name) {
      return records.get(keyOf(name))?.record
    },

    async replace (name, record, seen, { expiresAtMs }) {
      const there = records.get(keyOf(name))?.record
      const refused = name.kind === 'producer' ? (there?.last ?? 0) > record.last : (there?.last ?? null) !== seen
      if (refused) return there
      records.set(keyOf(name), { name, record, expiresAtMs })
      return 'replaced'
    },

    async removeExpired (nowMs, limit) {
      let removed = 0
      for (const [key, { expiresAtMs }] of records) {
        if (removed === limit) break
        if (expiresAtMs > nowMs) continue
        records.delete(key)
        removed++
      }
      return removed
    }
  }
}
