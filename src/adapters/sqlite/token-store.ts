import type { DatabaseSync } from 'node:sqlite'
import type { StoredToken, TokenStore } from '../../ports/token-store.ts'
import type { Journal } from './journal.ts'
import { PAGE_BYTES } from './schema.ts'

/** Pages that a new row or a removed one changes: a leaf of the table, and sometimes one above. */
const PAGES_PER_ROW = 2
/** Ids returned by one list. */
const IDS_AT_ONCE = 1_000

export function createSqliteTokenStore (database: DatabaseSync, journal: Journal): TokenStore {
  const select = database.prepare('SELECT id, text FROM tokens WHERE id = ?')
  const insert = database.prepare('INSERT INTO tokens (id, text) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const remove = database.prepare('DELETE FROM tokens WHERE id = ?')
  const page = database.prepare('SELECT id FROM tokens WHERE id > ? ORDER BY id LIMIT ?')

  return {
    async read (id) {
      const row = journal.read(() => select.get(id)) as StoredToken | undefined
      await journal.durable('none')
      return row === undefined ? undefined : { id: row.id, text: row.text }
    },

    async create ({ id, text }) {
      const pages = PAGES_PER_ROW + Math.floor(text.length / PAGE_BYTES)
      const { changes } = journal.write('append', pages, () => insert.run(id, text))
      await journal.durable(changes === 1 ? 'unknown' : 'none')
      return changes === 1 ? 'created' : 'exists'
    },

    async remove (id) {
      const { changes } = journal.write('upkeep', PAGES_PER_ROW, () => remove.run(id))
      await journal.durable(changes === 1 ? 'unknown' : 'none')
      return changes === 1
    },

    async list (after, most) {
      const limit = Math.min(most, IDS_AT_ONCE)
      const rows = journal.read(() => page.all(after, limit + 1)) as Array<{ id: string }>
      await journal.durable('none')
      return { ids: rows.slice(0, limit).map(({ id }) => id), truncated: rows.length > limit }
    }
  }
}
