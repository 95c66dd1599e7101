import type { DatabaseSync } from 'node:sqlite'
import type { GroupItem, GroupName, GroupStore, GroupVersion, StoreInstant } from '../../ports/group-store.ts'
import type { Journal } from './journal.ts'
import { PAGE_BYTES } from './schema.ts'

/** Pages that a new row or a removed one changes: a leaf of the table, a leaf of its index, and sometimes one above. */
const PAGES_PER_ROW = 3
/** Names returned by one list. */
const NAMES_AT_ONCE = 1_000

/** @param now the store's clock, ms */
export function createSqliteGroupStore (database: DatabaseSync, journal: Journal, now: () => number): GroupStore {
  const select = database.prepare('SELECT gen, rev, writer AS by, config, state FROM groups WHERE topic = ? AND name = ?')
  const insert = database.prepare(`
    INSERT INTO groups (topic, name, gen, rev, writer, modified_ms, config, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`)
  const update = database.prepare(`
    UPDATE groups SET gen = ?, rev = ?, writer = ?, modified_ms = ?, config = ?, state = ?
    WHERE topic = ? AND name = ? AND gen = ? AND rev = ?`)
  const remove = database.prepare('DELETE FROM groups WHERE topic = ? AND name = ? AND gen = ? AND rev = ?')
  const page = database.prepare('SELECT name FROM groups WHERE topic = ? AND name > ? ORDER BY name LIMIT ?')

  function load ({ topic, group }: GroupName): GroupItem | undefined {
    const row = journal.read(() => select.get(topic, group)) as unknown as GroupItem | undefined
    return row === undefined ? undefined : { ...row }
  }

  /** @returns whether the condition was met */
  function put ({ topic, group }: GroupName, item: GroupItem, expected: GroupVersion | null, at: number): boolean {
    const { gen, rev, by, config, state } = item
    // A write of a row that is smaller than a page changes this page alone.
    const pages = Math.floor((config.length + state.length) / PAGE_BYTES)
    const { changes } = expected === null
      ? journal.write('append', PAGES_PER_ROW + pages, () => insert.run(topic, group, gen, rev, by, at, config, state))
      : journal.write('append', 1 + pages, () => update.run(gen, rev, by, at, config, state, topic, group, expected.gen, expected.rev))
    return changes === 1
  }

  function instant (at: number): StoreInstant {
    return { low: at, high: at }
  }

  return {
    async read (name) {
      const item = load(name)
      const at = now()
      await journal.durable('none')
      return { item, now: instant(at) }
    },

    async write (name, item, expected) {
      const at = now()
      const written = put(name, item, expected, at)
      const there = written ? undefined : load(name)
      await journal.durable(written ? 'unknown' : 'none')
      return written ? { kind: 'written', now: instant(at) } : { kind: 'refused', item: there, now: instant(at) }
    },

    async remove (name, { gen, rev }) {
      const at = now()
      const { changes } = journal.write('upkeep', PAGES_PER_ROW, () => remove.run(name.topic, name.group, gen, rev))
      const there = changes === 1 ? undefined : load(name)
      await journal.durable(changes === 1 ? 'unknown' : 'none')
      return changes === 1 ? { kind: 'written', now: instant(at) } : { kind: 'refused', item: there, now: instant(at) }
    },

    async list (topic, after, most) {
      const limit = Math.min(most, NAMES_AT_ONCE)
      const rows = journal.read(() => page.all(topic, after, limit + 1)) as Array<{ name: string }>
      await journal.durable('none')
      return { groups: rows.slice(0, limit).map(({ name }) => name), truncated: rows.length > limit }
    }
  }
}
