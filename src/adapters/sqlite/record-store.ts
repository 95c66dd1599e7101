import type { DatabaseSync } from 'node:sqlite'
import type { RecordStore } from '../../ports/record-store.ts'
import type { Fact } from '../../ports/topic-store.ts'
import type { Journal } from './journal.ts'

/** Pages that a change writes: a leaf of the table, one of the index, and sometimes one above. */
const PAGES_A_CHANGE = 3
/** Records that are removed at a time; other calls get a turn in between. */
const REMOVED_AT_ONCE = 100

export function createSqliteRecordStore (database: DatabaseSync, journal: Journal): RecordStore {
  const select = database.prepare('SELECT last, text FROM records WHERE kind = ? AND topic = ? AND id = ?')
  const put = database.prepare(`
    INSERT INTO records (kind, topic, id, last, text, expires_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET last = excluded.last, text = excluded.text, expires_at = excluded.expires_at`)
  const remove = database.prepare(`
    DELETE FROM records WHERE (kind, topic, id) IN (
      SELECT kind, topic, id FROM records WHERE expires_at <= ? LIMIT ?)`)

  return {
    async read ({ kind, topic, id }) {
      const row = journal.read(() => select.get(kind, topic, id)) as Fact | undefined
      await journal.durable('none')
      return row === undefined ? undefined : { last: row.last, text: row.text }
    },

    async replace ({ kind, topic, id }, { last, text }, seen, { expiresAtMs }) {
      const there = journal.read(() => select.get(kind, topic, id)) as Fact | undefined
      const refused = kind === 'producer' ? (there?.last ?? 0) > last : (there?.last ?? null) !== seen
      if (refused) {
        await journal.durable('none')
        return there === undefined ? undefined : { last: there.last, text: there.text }
      }
      journal.write('append', PAGES_A_CHANGE, () => put.run(kind, topic, id, last, text, expiresAtMs))
      await journal.durable('unknown')
      return 'replaced'
    },

    async removeExpired (nowMs, limit) {
      let removed = 0
      while (removed < limit) {
        const most = Math.min(limit - removed, REMOVED_AT_ONCE)
        const { changes } = journal.write('upkeep', most * PAGES_A_CHANGE, () => remove.run(nowMs, most))
        await journal.durable('unknown')
        removed += Number(changes)
        if (changes < most) break
      }
      return removed
    }
  }
}
