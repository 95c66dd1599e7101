import { close } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../../ports/errors.ts'
import { generationCounter } from './generation.ts'
import { createSpace } from './space.ts'
import { PAGE_BYTES } from './schema.ts'
import { SQLITE_CONSTRAINT, SQLITE_FULL, SQLITE_TOOBIG, sqliteCode } from './errors.ts'

/** Flushes a file to the disk, as `fs.fdatasync` does. */
export type Sync = (descriptor: number, done: (error: Error | null) => void) => void

/**
 * After about this many frames (one page each), the WAL is moved to the database and starts again.
 * Measured: with four times as many, or a larger page cache, appends are not faster, and the event loop is blocked longer.
 */
const CHECKPOINT_FRAMES = 1_000

/**
 * Writes to the database and flushes the write-ahead log (WAL).
 *
 * Transactions commit to the WAL without waiting for the disk (`synchronous=NORMAL`). The journal flushes the WAL itself:
 * in the thread pool, so that the event loop is not blocked, and one flush covers all writes since the last one, to all
 * topics. This is safe because of one rule: **a call returns only after everything that its result depends on has been
 * flushed.** A crash can only lose the tail of the WAL, so a flush covers all earlier writes, including reservations. Only
 * `reserve` returns at once: its result is used in a put, and the put waits (log §2.5).
 *
 * After a failed flush, the state of the disk is unknown: the kernel may have dropped the pages and forgotten the error, and
 * a later flush can succeed without having written them. So every call is refused until a restart. Opening the store
 * moves the whole WAL to the database, which writes every page again, and fails if that fails.
 */
export interface Journal {
  /**
   * Runs a statement that writes about this many pages. An `append` is refused before the disk is completely full; `upkeep`
   * may use the space that is reserved for it.
   * @throws StoreError
   */
  write<T> (use: 'append' | 'upkeep', pages: number, statement: () => T): T
  /** Runs a statement that only reads. Its result may be used outside of the store only after {@link durable}. @throws StoreError */
  read<T> (statement: () => T): T
  /** @throws StoreError if the database does not work; `full` if appends are refused */
  check (): void
  /** Resolves when everything that was written before the call is on the disk. @throws StoreError with `effect` */
  durable (effect: StoreError['effect']): Promise<void>
  close (): void
}

interface Waiter { readonly resolve: () => void, readonly reject: (error: StoreError) => void, readonly effect: StoreError['effect'] }

export interface JournalOptions {
  /** The descriptor of the write-ahead log, which the journal closes. */
  readonly wal: number
  /** Pages in the write-ahead log. */
  readonly walPages: number
  readonly sync: Sync
  /** Bytes that the user can still write on the disk. */
  readonly freeBytes: () => number
  /** Ms since an arbitrary start; never decreases. */
  readonly elapsed: () => number
}

export function createJournal (database: DatabaseSync, { wal, walPages, sync, freeBytes, elapsed }: JournalOptions): Journal {
  const moveToDatabase = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  const answer = database.prepare('SELECT 1')
  const freePages = database.prepare('PRAGMA freelist_count')
  let refusal: { message: string, cause?: unknown } | undefined
  /** Writes are numbered. All up to `flushed` are on the disk; the flush in progress, if any, covers those up to `flushing`. */
  let written = 0
  let flushing: number | undefined
  let flushed = 0
  let currentFlush: Waiter[] = []
  let nextFlush: Waiter[] = []
  /** Pages written since the last attempt to move them to the database, and since the last one that succeeded. */
  let pages = Math.min(walPages, CHECKPOINT_FRAMES - 1)
  let unmovedPages = walPages
  const raiseGeneration = generationCounter(database)
  let logIsNew = walPages === 0
  let closed = false

  const space = createSpace(
    () => freeBytes() + (freePages.get() as { freelist_count: number }).freelist_count * PAGE_BYTES,
    () => unmovedPages * PAGE_BYTES,
    elapsed
  )

  function refuseIfFailed (effect: StoreError['effect'] = 'none'): void {
    if (refusal !== undefined) throw refused(effect)
  }

  function refused (effect: StoreError['effect']): StoreError {
    return new StoreError('unavailable', effect, refusal!.message, { cause: refusal!.cause })
  }

  function fail (error: unknown): void {
    refusal ??= { message: `The database refuses all calls until a restart, because a write has failed: ${text(error)}`, cause: error }
    const waiters = [...currentFlush, ...nextFlush]
    currentFlush = nextFlush = []
    for (const { reject, effect } of waiters) reject(refused(effect))
  }

  function flush (): void {
    flushing = written
    currentFlush = nextFlush
    nextFlush = []
    sync(wal, (error) => {
      if (error === null) flushed = flushing!
      flushing = undefined
      if (error !== null) fail(error)
      for (const { resolve } of currentFlush) resolve()
      currentFlush = []
      if (nextFlush.length > 0) flushSoon()
      else if (closed) close(wal)
    })
  }

  function read<T> (statement: () => T): T {
    refuseIfFailed()
    try {
      return statement()
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error
      throw new StoreError('unavailable', 'none', `The database cannot be read: ${text(error)}`, { cause: error })
    }
  }

  /** Not at once, so that all writes of this turn of the event loop share the flush. */
  function flushSoon (): void {
    flushing = -1
    setImmediate(flush)
  }

  /**
   * Moves the WAL to the database. SQLite's automatic checkpoints are off because they ignore a failed flush of the WAL: a
   * later flush could then succeed although data was lost.
   */
  function checkpoint (): void {
    if (refusal !== undefined) return
    pages = 0
    try {
      const { log, checkpointed } = moveToDatabase.get() as { log: number, checkpointed: number }
      logIsNew = log === checkpointed
      unmovedPages = 0
    } catch (error) {
      // The WAL still has everything. The next attempt follows after as many more pages.
      if (sqliteCode(error) !== SQLITE_FULL) fail(error)
    }
  }

  return {
    write (use, about, statement) {
      refuseIfFailed()
      if (use === 'append') space.take(about * PAGE_BYTES)
      written++
      if (pages < CHECKPOINT_FRAMES && pages + about >= CHECKPOINT_FRAMES) setImmediate(checkpoint)
      pages += about
      unmovedPages += about
      try {
        if (logIsNew) raiseGeneration()
        logIsNew = false
        return statement()
      } catch (error) {
        const code = sqliteCode(error)
        if (code === undefined) throw error
        if (code === SQLITE_FULL) {
          space.exhausted()
          throw new StoreError('full', 'none', 'The disk of the data folder is full', { cause: error })
        }
        if (code === SQLITE_TOOBIG || code === SQLITE_CONSTRAINT) throw new StoreError('unavailable', 'none', text(error), { cause: error })
        fail(error)
        throw refused('unknown')
      }
    },

    read,

    check () {
      read(() => answer.get())
      space.take(0)
    },

    async durable (effect) {
      refuseIfFailed(effect)
      if (flushed === written) return
      await new Promise<void>((resolve, reject) => {
        (flushing === written ? currentFlush : nextFlush).push({ resolve, reject, effect })
        if (flushing === undefined) flushSoon()
      })
    },

    close () {
      if (closed) return
      closed = true
      refusal ??= { message: 'The database is closed' }
      database.close()
      // A flush in progress still needs the descriptor, and its result is correct: closing the database has either moved
      // the WAL to the database and flushed that, or kept the WAL.
      if (flushing === undefined) close(wal)
    }
  }
}

function text (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
