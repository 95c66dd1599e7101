import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../../ports/errors.ts'
import type { SegmentRestore } from '../../ports/copy-store.ts'
import { PUT_ACCEPTED_MS, type NamedSegmentStore, type SegmentEntry, type SegmentObject } from '../../ports/segment-store.ts'
import { PAGE_BYTES } from './schema.ts'
import type { Journal } from './journal.ts'

/** Segments that are deleted at a time; other calls get a turn in between. */
const REMOVED_AT_ONCE = 100
/** Rows returned by one list. Its cost grows with the rows, and a page rarely needs more; the reader lists again if it does. */
const LISTED_AT_ONCE = 32
/** The same of topics. */
const NAMES_AT_ONCE = 1_000
/** Bytes that are read in one turn of the event loop; then other calls get a turn. */
const READ_IN_TURN_BYTES = 1024 * 1024
/** Pages that a small change writes: a leaf of the table, a leaf of its index, and sometimes one above. */
const PAGES_PER_CHANGE = 3

interface SegmentRow {
  readonly body: Uint8Array
  readonly content_type: string
  readonly content_encoding: string | null
  readonly metadata: string
}

export function createSqliteSegmentStore (database: DatabaseSync, journal: Journal, now: () => number): NamedSegmentStore & SegmentRestore {
  const insert = database.prepare(`
    INSERT INTO segments (topic, last, modified_ms, content_type, content_encoding, metadata, body) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`)
  const select = database.prepare('SELECT body, content_type, content_encoding, metadata FROM segments WHERE topic = ? AND last = ?')
  // The length of a blob is in the row's header, so this reads no bodies.
  const page = database.prepare(`
    SELECT last AS lastOffset, length(body) AS size, modified_ms AS lastModified
    FROM segments WHERE topic = ? AND last >= ? ORDER BY last LIMIT ?`)
  const remove = database.prepare('DELETE FROM segments WHERE topic = ? AND last IN (SELECT value FROM json_each(?))')

  // One step in the index for each name, however many segments a topic has.
  const names = database.prepare(`
    WITH RECURSIVE names (topic) AS (
      SELECT (SELECT min(topic) FROM segments WHERE topic > ?)
      UNION ALL
      SELECT (SELECT min(topic) FROM segments WHERE topic > names.topic) FROM names WHERE names.topic IS NOT NULL
    )
    SELECT topic FROM names WHERE topic IS NOT NULL LIMIT ?`)

  /** Bytes read in this turn of the event loop. */
  const turn = { bytes: 0 }

  /** @returns whether the object is new */
  function write (use: 'append' | 'upkeep', topic: string, last: number, object: SegmentObject, time: number): boolean {
    const { body, contentType, contentEncoding = null, metadata } = object
    const pages = PAGES_PER_CHANGE + Math.ceil(body.length / PAGE_BYTES)
    return journal.write(use, pages, () => (
      insert.run(topic, last, time, contentType, contentEncoding, JSON.stringify(metadata), body).changes === 1))
  }

  return {
    async putIfAbsent (topic, last, object, { reservedAtMs }) {
      const time = now()
      if (reservedAtMs !== null && time - reservedAtMs > PUT_ACCEPTED_MS) {
        throw new StoreError('expired', 'none', `the reservation of offset ${last} is older than ${PUT_ACCEPTED_MS} ms`)
      }
      const created = write(reservedAtMs === null ? 'upkeep' : 'append', topic, last, object, time)
      // Also if the object exists already: its own put may not be flushed yet, and a power cut would then remove it.
      await journal.durable(created ? 'unknown' : 'none')
      return created ? 'created' : 'exists'
    },

    async restore (topic, last, object, storedAtMs) {
      const created = write('append', topic, last, object, Math.min(storedAtMs, now()))
      await journal.durable(created ? 'unknown' : 'none')
      return created ? 'created' : 'exists'
    },

    async get (topic, last) {
      // If hundreds of reads arrive together, copying all of them at once would block the event loop.
      while (turn.bytes >= READ_IN_TURN_BYTES) await new Promise(setImmediate)
      const row = journal.read(() => select.get(topic, last)) as SegmentRow | undefined
      if (row !== undefined) {
        if (turn.bytes === 0) setImmediate(() => { turn.bytes = 0 })
        turn.bytes += row.body.length
      }
      await journal.durable('none')
      if (row === undefined) return undefined
      return {
        body: row.body,
        contentType: row.content_type,
        contentEncoding: row.content_encoding ?? undefined,
        metadata: JSON.parse(row.metadata) as Record<string, string>
      }
    },

    async list (topic, from, most) {
      const limit = Math.min(most, LISTED_AT_ONCE)
      const rows = journal.read(() => page.all(topic, from, limit + 1)) as unknown as SegmentEntry[]
      const time = now()
      await journal.durable('none')
      return { entries: rows.slice(0, limit), truncated: rows.length > limit, now: time }
    },

    async remove (topic, lasts) {
      for (let i = 0; i < lasts.length; i += REMOVED_AT_ONCE) {
        const some = lasts.slice(i, i + REMOVED_AT_ONCE)
        journal.write('upkeep', some.length * PAGES_PER_CHANGE, () => remove.run(topic, JSON.stringify(some)))
        await journal.durable('unknown')
      }
    },

    async topics (after, most) {
      const limit = Math.min(most, NAMES_AT_ONCE)
      const rows = journal.read(() => names.all(after, limit + 1)) as Array<{ topic: string }>
      await journal.durable('none')
      return { topics: rows.slice(0, limit).map(({ topic }) => topic), truncated: rows.length > limit }
    },

    async check () {
      journal.check()
    }
  }
}
