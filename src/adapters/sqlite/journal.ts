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
 * Once about so many frames (of a page each) are in the WAL, they are moved to the database, and the WAL starts anew.
 * Measured: four times as many, or a larger page cache, make appends no faster, and the event loop stands longer for it.
 */
const CHECKPOINT_FRAMES = 1_000

/**
 * What is on the disk, and when.
 *
 * Statements commit to the WAL without waiting for the disk (`synchronous=NORMAL`), and the WAL is flushed from here:
 * in the thread pool, so that the event loop goes on serving, and once for everything that was written meanwhile, to
 * whatever topic. This is safe because of one rule: **an answer is given only when all it is based on is on the disk.**
 * The WAL is lost from its end only, so that flush covers everything written before, reservations included. The
 * answer to `reserve` alone goes out at once: what it tells is used in a put, and the put's own answer waits.
 *
 * After a flush that failed nothing can be trusted: the kernel may have dropped the unwritten pages, forgotten the
 * error, and report success for a later flush that did not write them. What this process sees and what is on the disk
 * may then differ, so every call is refused until a restart. Opening the store moves all that the WAL has to the
 * database, which writes every page of it again, and does not go on unless that succeeds.
 */
export interface Journal {
  /**
   * Runs a statement that writes about so many pages. An `append` is refused before the disk is quite full; `upkeep` may
   * use the space kept for it.
   * @throws StoreError
   */
  write<T> (use: 'append' | 'upkeep', pages: number, statement: () => T): T
  /** Runs a statement that does not. What it gives may be told to others only after {@link durable}. @throws StoreError */
  read<T> (statement: () => T): T
  /** @throws StoreError when the database does not answer, `full` when it takes no appends */
  check (): void
  /** Resolves when all that was written before the call is on the disk. @throws StoreError with `effect` */
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
  /** Ms from an arbitrary start, never going back. */
  readonly elapsed: () => number
}

export function createJournal (database: DatabaseSync, { wal, walPages, sync, freeBytes, elapsed }: JournalOptions): Journal {
  const moveToDatabase = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  const answer = database.prepare('SELECT 1')
  const freePages = database.prepare('PRAGMA freelist_count')
  let refusal: { message: string, cause?: unknown } | undefined
  /** Writes are numbered: all up to `flushed` are on the disk, and up to `flushing` with the flush under way, if there is one. */
  let written = 0
  let flushing: number | undefined
  let flushed = 0
  let aboard: Waiter[] = []
  let queued: Waiter[] = []
  /** Written since the last try to move them to the database, and since the last one that succeeded. */
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
    refusal ??= { message: `The database refuses all calls until a restart, since writing it failed: ${text(error)}`, cause: error }
    const waiters = [...aboard, ...queued]
    aboard = queued = []
    for (const { reject, effect } of waiters) reject(refused(effect))
  }

  function flush (): void {
    flushing = written
    aboard = queued
    queued = []
    sync(wal, (error) => {
      if (error === null) flushed = flushing!
      flushing = undefined
      if (error !== null) fail(error)
      for (const { resolve } of aboard) resolve()
      aboard = []
      if (queued.length > 0) flushSoon()
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

  /** Not at once: what arrives in this turn of the event loop shares the flush. */
  function flushSoon (): void {
    flushing = -1
    setImmediate(flush)
  }

  /**
   * Not left to SQLite's own checkpoints: they swallow a failed flush of the WAL, and a later one would then succeed
   * without what was lost.
   */
  function checkpoint (): void {
    if (refusal !== undefined) return
    pages = 0
    try {
      const { log, checkpointed } = moveToDatabase.get() as { log: number, checkpointed: number }
      logIsNew = log === checkpointed
      unmovedPages = 0
    } catch (error) {
      // The WAL still has everything; tried again after as many pages more.
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
        (flushing === written ? aboard : queued).push({ resolve, reject, effect })
        if (flushing === undefined) flushSoon()
      })
    },

    close () {
      if (closed) return
      closed = true
      refusal ??= { message: 'The database is closed' }
      database.close()
      // A flush under way still needs the descriptor. It also tells its waiters the truth: closing has moved the WAL's
      // content to the database and flushed that, or else has kept the WAL.
      if (flushing === undefined) close(wal)
    }
  }
}

function text (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
