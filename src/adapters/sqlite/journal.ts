import { close } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StoreError } from '../../ports/errors.ts'
import { SQLITE_CONSTRAINT, SQLITE_FULL, SQLITE_TOOBIG, sqliteCode } from './errors.ts'
import { FlushQueue } from './flush-queue.ts'
import { generationCounter } from './generation.ts'
import { PAGE_BYTES } from './schema.ts'
import { createSpace, type Space } from './space.ts'

/** Flushes a file to the disk, as `fs.fdatasync` does. */
export type Sync = (descriptor: number, done: (error: Error | null) => void) => void

/**
 * After about this many frames (one page each), the WAL is moved to the database and starts again. With four times as many,
 * or with a larger page cache, appends were not faster, and the event loop was blocked for longer (measured).
 */
const CHECKPOINT_FRAMES = 1_000

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
export class Journal {
  readonly #database: DatabaseSync
  readonly #wal: number
  readonly #flushes: FlushQueue
  readonly #space: Space
  readonly #moveToDatabase: StatementSync
  readonly #selectOne: StatementSync
  readonly #raiseGeneration: () => void
  /** Why calls are refused; `undefined` as long as they are not. */
  #refusal: { readonly message: string, readonly cause?: unknown } | undefined
  /** Pages written since the last attempt to move them to the database, and since the last one that succeeded. */
  #pages: number
  #unmovedPages: number
  /** Whether the next write begins a new log. */
  #logIsNew: boolean
  #closed = false

  constructor (database: DatabaseSync, { wal, walPages, sync, freeBytes, elapsed }: JournalOptions) {
    this.#database = database
    this.#wal = wal
    this.#flushes = new FlushQueue((done) => { sync(wal, done) }, (error) => { this.#fail(error) })
    const freePages = database.prepare('PRAGMA freelist_count')
    this.#space = createSpace(
      () => freeBytes() + (freePages.get() as { freelist_count: number }).freelist_count * PAGE_BYTES,
      () => this.#unmovedPages * PAGE_BYTES,
      elapsed
    )
    this.#moveToDatabase = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
    this.#selectOne = database.prepare('SELECT 1')
    this.#raiseGeneration = generationCounter(database)
    this.#pages = Math.min(walPages, CHECKPOINT_FRAMES - 1)
    this.#unmovedPages = walPages
    this.#logIsNew = walPages === 0
  }

  /**
   * Runs a statement that writes about this many pages. An `append` is refused before the disk is completely full; `upkeep`
   * may use the space that is reserved for it.
   * @throws StoreError
   */
  write<T> (use: 'append' | 'upkeep', pages: number, statement: () => T): T {
    this.#refuseIfFailed('none')
    if (use === 'append') this.#space.take(pages * PAGE_BYTES)
    this.#flushes.add()
    if (this.#pages < CHECKPOINT_FRAMES && this.#pages + pages >= CHECKPOINT_FRAMES) setImmediate(() => { this.#checkpoint() })
    this.#pages += pages
    this.#unmovedPages += pages
    try {
      if (this.#logIsNew) this.#raiseGeneration()
      this.#logIsNew = false
      return statement()
    } catch (error) {
      throw this.#writeError(error)
    }
  }

  /** Runs a statement that only reads. Its result may be used outside of the store only after {@link durable}. @throws StoreError */
  read<T> (statement: () => T): T {
    this.#refuseIfFailed('none')
    try {
      return statement()
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error
      throw new StoreError('unavailable', 'none', `The database cannot be read: ${text(error)}`, { cause: error })
    }
  }

  /** @throws StoreError if the database does not work; `full` if appends are refused */
  check (): void {
    this.read(() => this.#selectOne.get())
    this.#space.take(0)
  }

  /** Resolves when everything that was written before the call is on the disk. @throws StoreError with `effect` */
  async durable (effect: StoreError['effect']): Promise<void> {
    this.#refuseIfFailed(effect)
    if (this.#flushes.isFlushed) return
    try {
      await this.#flushes.flushed()
    } catch {
      throw this.#refused(effect)
    }
  }

  close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#refusal ??= { message: 'The database is closed' }
    this.#database.close()
    // A flush in progress still needs the descriptor. Its callers get the right result: closing the database has either
    // moved the WAL to the database and flushed that, or kept the WAL.
    this.#flushes.whenIdle(() => { close(this.#wal) })
  }

  /**
   * Moves the WAL to the database. SQLite's automatic checkpoints are off because they ignore a failed flush of the WAL: a
   * later flush could then succeed although data was lost.
   */
  #checkpoint (): void {
    if (this.#refusal !== undefined) return
    this.#pages = 0
    try {
      const { log, checkpointed } = this.#moveToDatabase.get() as { log: number, checkpointed: number }
      this.#logIsNew = log === checkpointed
      this.#unmovedPages = 0
    } catch (error) {
      // The WAL still has everything. The next attempt follows after as many more pages.
      if (sqliteCode(error) !== SQLITE_FULL) this.#fail(error)
    }
  }

  #writeError (error: unknown): unknown {
    const code = sqliteCode(error)
    if (code === undefined) return error
    if (code === SQLITE_FULL) {
      this.#space.exhausted()
      return new StoreError('full', 'none', 'The disk of the data folder is full', { cause: error })
    }
    if (code === SQLITE_TOOBIG || code === SQLITE_CONSTRAINT) return new StoreError('unavailable', 'none', text(error), { cause: error })
    this.#fail(error)
    return this.#refused('unknown')
  }

  #fail (error: unknown): void {
    this.#refusal ??= {
      message: `The database refuses all calls until a restart, because a write has failed: ${text(error)}`,
      cause: error
    }
    this.#flushes.rejectAll(error)
  }

  #refuseIfFailed (effect: StoreError['effect']): void {
    if (this.#refusal !== undefined) throw this.#refused(effect)
  }

  #refused (effect: StoreError['effect']): StoreError {
    const { message, cause } = this.#refusal!
    return new StoreError('unavailable', effect, message, { cause })
  }
}

function text (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
