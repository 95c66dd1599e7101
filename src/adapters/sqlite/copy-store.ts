import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { CopyStore, Scanned } from '../../ports/copy-store.ts'
import type { GroupName } from '../../ports/group-store.ts'
import type { RecordName } from '../../ports/record-store.ts'
import type { Journal } from './journal.ts'
import { BEGIN_COPY, FINISH_COPY } from './schema.ts'
import { createTopicRows } from './topic-rows.ts'

/** Rows that one scan returns; other calls get a turn in between. */
const SCANNED_AT_ONCE = 1_000
/** Rows that are removed at a time. */
const REMOVED_AT_ONCE = 1_000
/** Pages that a change of the mark writes. */
const MARK_PAGES = 4

/** The tables without segments and the generation of the log. */
const TABLES = ['topics', 'producers', 'records', 'groups', 'tokens'] as const
const KEYS = { topics: 'topic', producers: 'topic, id', records: 'kind, topic, id', groups: 'topic, name', tokens: 'id' } as const

type RecordRow = RecordName & { readonly last: number, readonly text: string, readonly expiresAtMs: number }

/** Only a process that serves nobody uses it: it changes rows behind the topic store, which keeps items in memory. */
export function createSqliteCopyStore (database: DatabaseSync, journal: Journal): CopyStore {
  const rows = createTopicRows(database)
  const topics = database.prepare(`SELECT topic FROM topics WHERE topic > ? ORDER BY topic LIMIT ${SCANNED_AT_ONCE}`)
  const groups = database.prepare(`
    SELECT topic, name AS "group" FROM groups WHERE (topic, name) > (?, ?) ORDER BY topic, name LIMIT ${SCANNED_AT_ONCE}`)
  const records = database.prepare(`
    SELECT kind, topic, id, last, text, expires_at AS expiresAtMs FROM records
    WHERE (kind, topic, id) > (?, ?, ?) ORDER BY kind, topic, id LIMIT ${SCANNED_AT_ONCE}`)
  const tokens = database.prepare(`SELECT id FROM tokens WHERE id > ? ORDER BY id LIMIT ${SCANNED_AT_ONCE}`)
  const anyRow = ['segments', ...TABLES].map((table) => `EXISTS (SELECT 1 FROM ${table})`)
  const isUsed = database.prepare(`SELECT ${anyRow.join(' OR ')} AS used`)
  const hasMark = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'copy_mark'")

  function mark (): { source: string, run: string } | undefined {
    if (hasMark.get() === undefined) return undefined
    return database.prepare('SELECT source, run FROM copy_mark').get() as { source: string, run: string } | undefined
  }

  /** @param keyOf where the next page begins */
  async function scan<Row> (statement: StatementSync, from: readonly string[], keyOf: (row: Row) => string[]): Promise<Scanned<Row>> {
    const found = journal.read(() => statement.all(...from)) as Row[]
    await journal.durable('none')
    return { found, next: found.length < SCANNED_AT_ONCE ? undefined : JSON.stringify(keyOf(found.at(-1)!)) }
  }

  const startOf = (after: string | undefined, parts: number): string[] => (
    after === undefined ? Array<string>(parts).fill('') : JSON.parse(after) as string[])

  async function change (statements: () => void): Promise<void> {
    journal.write('append', MARK_PAGES, () => {
      database.exec('BEGIN')
      try {
        statements()
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    })
    await journal.durable('unknown')
  }

  return {
    async scanTopics (after) {
      const { found, next } = await scan<{ topic: string }>(topics, startOf(after, 1), ({ topic }) => [topic])
      return { found: found.map(({ topic }) => topic), next }
    },

    async scanGroups (after) {
      const { found, next } = await scan<GroupName>(groups, startOf(after, 2), ({ topic, group }) => [topic, group])
      return { found: found.map(({ topic, group }) => ({ topic, group })), next }
    },

    async scanRecords (after) {
      const { found, next } = await scan<RecordRow>(records, startOf(after, 3), ({ kind, topic, id }) => [kind, topic, id])
      return {
        found: found.map(({ kind, topic, id, last, text, expiresAtMs }) => (
          { name: { kind, topic, id }, record: { last, text }, expiresAtMs })),
        next
      }
    },

    async scanTokens (after) {
      const { found, next } = await scan<{ id: string }>(tokens, startOf(after, 1), ({ id }) => [id])
      return { found: found.map(({ id }) => id), next }
    },

    async state () {
      const found = journal.read(mark)
      if (found !== undefined) return { kind: 'unfinished', source: found.source }
      const { used } = journal.read(() => isUsed.get()) as { used: number }
      return { kind: used === 1 ? 'used' : 'empty' }
    },

    async begin ({ source, run }) {
      const found = journal.read(mark)
      if (found !== undefined && found.source !== source) return false
      await change(() => {
        if (found === undefined) database.exec(BEGIN_COPY)
        database.exec('DELETE FROM copy_mark')
        database.prepare('INSERT INTO copy_mark (source, run) VALUES (?, ?)').run(source, run)
      })
      return true
    },

    async clear () {
      for (const table of TABLES) {
        const key = KEYS[table]
        const remove = database.prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} LIMIT ${REMOVED_AT_ONCE})`)
        for (let removed = REMOVED_AT_ONCE; removed === REMOVED_AT_ONCE;) {
          removed = Number(journal.write('upkeep', REMOVED_AT_ONCE, () => remove.run().changes))
          await journal.durable('unknown')
        }
      }
    },

    async restoreTopic (topic, item) {
      if (journal.read(() => rows.load(topic)) !== undefined) return false
      const change = rows.change(topic, undefined, item)
      journal.write('append', change.pages, () => { change.write() })
      await journal.durable('unknown')
      return true
    },

    async finish (run) {
      if (journal.read(mark)?.run !== run) return false
      await change(() => { database.exec(FINISH_COPY) })
      return true
    }
  }
}
