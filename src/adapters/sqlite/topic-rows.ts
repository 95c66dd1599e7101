import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../../ports/errors.ts'
import type { Fact, TopicItem } from '../../ports/topic-store.ts'
import { PAGE_BYTES } from './schema.ts'

/** Rows that one statement lists; other calls get a turn in between. */
const LISTED_AT_ONCE = 1_000

interface TopicRow {
  readonly current_offset: number
  readonly reserved_at: number | null
  readonly earliest: number
  readonly deleted_at: number | null
  readonly created_at: number
  readonly moves: number
  readonly closed: number | null
  readonly closing: number | null
  readonly closing_of: string | null
  readonly order_last: number | null
  readonly order_of: string | null
  readonly config: string | null
  readonly swept: string | null
}

const COLUMNS = [
  'current_offset', 'reserved_at', 'earliest', 'deleted_at', 'created_at', 'moves', 'closed', 'closing', 'closing_of', 'order_last',
  'order_of', 'config', 'swept'
] as const satisfies ReadonlyArray<keyof TopicRow>

/** One for all items without producers. */
const NONE: ReadonlyMap<string, Fact> = new Map()

/** What is to be written for a change of an item. */
export interface ItemChange {
  /** Pages of the database, about. */
  readonly pages: number
  /** To be run as one write. @throws StoreError `unavailable` if the row is not as it was before: then nothing is written */
  write (): void
}

/** The rows of the topics' items. */
export interface TopicRows {
  load (topic: string): TopicItem | undefined
  change (topic: string, before: TopicItem | undefined, after: TopicItem): ItemChange
  /** Topics after `after`, at most {@link LISTED_AT_ONCE}, deleted ones included. */
  list (after: string): ReadonlyArray<{ readonly topic: string, readonly deleted: number }>
}

export function createTopicRows (database: DatabaseSync): TopicRows {
  const select = database.prepare(`SELECT ${COLUMNS.join(', ')} FROM topics WHERE topic = ?`)
  const producersOf = database.prepare('SELECT id, last, text FROM producers WHERE topic = ?')
  const insert = database.prepare(`
    INSERT INTO topics (topic, ${COLUMNS.join(', ')}) VALUES (:topic, ${COLUMNS.map((name) => `:${name}`).join(', ')})
    ON CONFLICT DO NOTHING`)
  const update = database.prepare(`
    UPDATE topics SET ${COLUMNS.map((name) => `${name} = :${name}`).join(', ')}
    WHERE topic = :topic AND current_offset = :before`)
  // What most reservations change.
  const advance = database.prepare('UPDATE topics SET current_offset = ?, reserved_at = ? WHERE topic = ? AND current_offset = ?')
  const putProducer = database.prepare(`
    INSERT INTO producers (topic, id, last, text) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET last = excluded.last, text = excluded.text`)
  const dropProducer = database.prepare('DELETE FROM producers WHERE topic = ? AND id = ?')
  const page = database.prepare(`
    SELECT topic, deleted_at IS current_offset AS deleted FROM topics WHERE topic > ? ORDER BY topic LIMIT ${LISTED_AT_ONCE}`)
  const begin = database.prepare('BEGIN')
  const commit = database.prepare('COMMIT')
  const rollback = database.prepare('ROLLBACK')

  function writeRow (topic: string, before: TopicItem | undefined, after: TopicItem): void {
    const { changes } = before === undefined
      ? insert.run({ topic, ...rowOf(after) })
      : onlyAdvances(before, after)
        ? advance.run(after.currentOffset, after.reservedAtMs ?? null, topic, before.currentOffset)
        : update.run({ topic, before: before.currentOffset, ...rowOf(after) })
    // Or an offset would be reserved twice.
    if (changes !== 1) throw new StoreError('unavailable', 'none', `The item of topic ${topic} was changed by another part of the server`)
  }

  function transaction (write: () => void): void {
    begin.run()
    try {
      write()
      commit.run()
    } catch (error) {
      // SQLite itself rolls back after some failures.
      if (database.isTransaction) rollback.run()
      throw error
    }
  }

  return {
    load (topic) {
      const row = select.get(topic) as TopicRow | undefined
      if (row === undefined) return undefined
      const producers = producersOf.all(topic) as unknown as Array<{ id: string } & Fact>
      return itemOf(row, producers.length === 0 ? NONE : new Map(producers.map(({ id, ...fact }) => [id, fact])))
    },

    change (topic, before, after) {
      const { put, dropped, bytes } = changedProducers(before?.producers ?? NONE, after.producers)
      if (put.length === 0 && dropped.length === 0) return { pages: 1, write: () => { writeRow(topic, before, after) } }
      return {
        pages: 2 + Math.ceil(bytes / PAGE_BYTES),
        write () {
          transaction(() => {
            writeRow(topic, before, after)
            for (const [id, { last, text }] of put) putProducer.run(topic, id, last, text)
            for (const id of dropped) dropProducer.run(topic, id)
          })
        }
      }
    },

    list (after) {
      return page.all(after) as unknown as Array<{ topic: string, deleted: number }>
    }
  }
}

function itemOf (row: TopicRow, producers: ReadonlyMap<string, Fact>): TopicItem {
  return {
    currentOffset: row.current_offset,
    reservedAtMs: row.reserved_at ?? undefined,
    createdAtMs: row.created_at === 0 ? undefined : row.created_at,
    earliest: row.earliest,
    deletedAtOffset: row.deleted_at ?? undefined,
    closed: row.closed ?? undefined,
    closing: factOf(row.closing, row.closing_of),
    order: factOf(row.order_last, row.order_of),
    moves: row.moves,
    producers,
    config: row.config ?? undefined,
    swept: row.swept ?? undefined
  }
}

function factOf (last: number | null, text: string | null): Fact | undefined {
  return last === null || text === null ? undefined : { last, text }
}

function rowOf (item: TopicItem): Record<keyof TopicRow, number | string | null> {
  return {
    current_offset: item.currentOffset,
    reserved_at: item.reservedAtMs ?? null,
    earliest: item.earliest,
    deleted_at: item.deletedAtOffset ?? null,
    created_at: item.createdAtMs ?? 0,
    moves: item.moves,
    closed: item.closed ?? null,
    closing: item.closing?.last ?? null,
    closing_of: item.closing?.text ?? null,
    order_last: item.order?.last ?? null,
    order_of: item.order?.text ?? null,
    config: item.config ?? null,
    swept: item.swept ?? null
  }
}

/** Whether the row of the topic differs in the offset and its time only. */
function onlyAdvances (before: TopicItem, after: TopicItem): boolean {
  return before.earliest === after.earliest && before.deletedAtOffset === after.deletedAtOffset &&
    before.createdAtMs === after.createdAtMs && before.moves === after.moves && before.closed === after.closed &&
    before.closing === after.closing && before.order === after.order && before.config === after.config && before.swept === after.swept
}

interface ChangedProducers {
  readonly put: ReadonlyArray<readonly [id: string, fact: Fact]>
  readonly dropped: readonly string[]
  readonly bytes: number
}

function changedProducers (before: ReadonlyMap<string, Fact>, after: ReadonlyMap<string, Fact>): ChangedProducers {
  if (before === after) return { put: [], dropped: [], bytes: 0 }
  const put = [...after].filter(([id, fact]) => before.get(id) !== fact)
  const dropped = [...before.keys()].filter((id) => !after.has(id))
  let bytes = 0
  for (const [id, { text }] of put) bytes += id.length + text.length
  for (const id of dropped) bytes += id.length
  return { put, dropped, bytes }
}
