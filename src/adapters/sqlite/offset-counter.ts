import type { DatabaseSync } from 'node:sqlite'
import type { OffsetCounter } from '../../ports/offset-counter.ts'
import type { Journal } from './journal.ts'

interface TopicRow {
  readonly current_offset: number
  readonly reserved_at: number | null
  readonly earliest: number
  readonly deleted_at: number | null
}

export function createSqliteOffsetCounter (database: DatabaseSync, journal: Journal, now: () => number): OffsetCounter {
  // Without RETURNING: `get` would reset the statement, and an error of the commit would not be noticed.
  const reserve = database.prepare(`
    INSERT INTO topics (topic, current_offset, reserved_at, created_at) VALUES (:topic, :count, :now, :now)
    ON CONFLICT DO UPDATE SET current_offset = current_offset + :count, reserved_at = :now`)
  const correct = database.prepare(`
    UPDATE topics SET reserved_at = :at
    WHERE topic = :topic AND current_offset = :currentOffset AND (reserved_at IS NULL OR reserved_at > :at)`)
  const raise = database.prepare(`
    INSERT INTO topics (topic, earliest, created_at) VALUES (:topic, :to, :now)
    ON CONFLICT DO UPDATE SET earliest = :to WHERE earliest < :to`)
  const mark = database.prepare(`
    INSERT INTO topics (topic, deleted_at, created_at) VALUES (:topic, :currentOffset, :now)
    ON CONFLICT DO UPDATE SET deleted_at = :currentOffset`)
  const select = database.prepare('SELECT current_offset, reserved_at, earliest, deleted_at FROM topics WHERE topic = ?')

  return {
    /**
     * Does not wait for the disk, so that an append needs only one flush. If a power cut removes the reservation, its offsets
     * are reserved again, and no reader has seen them: a reader passes over them only after it has read a message or a seal
     * there, and learns of them only from `read`. Both wait for a flush, which also covers the reservation.
     */
    async reserve (topic, count) {
      const at = now()
      const last = journal.write('append', 1, () => {
        reserve.run({ topic, count, now: at })
        return (select.get(topic) as unknown as TopicRow).current_offset
      })
      return { first: last - count + 1, last, reservedAtMs: at }
    },

    async read (topic) {
      const row = journal.read(() => select.get(topic)) as TopicRow | undefined
      await journal.durable('none')
      if (row === undefined) return undefined
      return {
        currentOffset: row.current_offset,
        writerReservedAtMs: row.reserved_at ?? undefined,
        earliest: row.earliest,
        deletedAtOffset: row.deleted_at ?? undefined
      }
    },

    async correctReservedAt (topic, { currentOffset, reservedAtMs: at }) {
      journal.write('upkeep', 1, () => correct.run({ topic, currentOffset, at }))
      await journal.durable('unknown')
    },

    async raiseEarliest (topic, to) {
      journal.write('upkeep', 1, () => raise.run({ topic, to, now: now() }))
      await journal.durable('unknown')
    },

    async markDeleted (topic, currentOffset) {
      journal.write('upkeep', 1, () => mark.run({ topic, currentOffset, now: now() }))
      await journal.durable('unknown')
    },

    async check () {
      journal.check()
    }
  }
}
