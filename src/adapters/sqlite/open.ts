import { accessSync, closeSync, constants, existsSync, fdatasync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { OffsetCounter } from '../../ports/offset-counter.ts'
import type { SegmentStore } from '../../ports/segment-store.ts'
import { createStoreClock } from './clock.ts'
import * as sqlite from './errors.ts'
import { SqliteStartError } from './errors.ts'
import { createJournal, type Sync } from './journal.ts'
import { createSqliteOffsetCounter } from './offset-counter.ts'
import { APPLICATION_ID, PAGE_BYTES, SCHEMA, SCHEMA_VERSION } from './schema.ts'
import { createSqliteSegmentStore } from './segment-store.ts'

export { SqliteStartError, type SqliteStartFailure } from './errors.ts'

const FILE = 'streams.db'

export interface SqliteStore {
  readonly segments: SegmentStore
  readonly counter: OffsetCounter
  /** Gives the folder free. Calls that came before still get their answer; later ones fail. */
  close (): void
}

export interface SqliteStoreOptions {
  /** The wall clock, in ms. */
  readonly now?: () => number
  /** Ms from an arbitrary start, never going back. */
  readonly elapsed?: () => number
  /** For tests of power cuts and failing disks. */
  readonly sync?: Sync
}

/**
 * Opens the store in the folder, or makes one there.
 *
 * The lock that keeps a second server out is the kernel's, on the file, and goes with the process, however it ends. It
 * would also go if anything else in this process opened and closed the file: leave it to SQLite.
 *
 * @throws SqliteStartError
 */
export function openSqliteStore (folder: string, options: SqliteStoreOptions = {}): SqliteStore {
  const { now = Date.now, elapsed = () => performance.now(), sync = fdatasync } = options
  const path = resolve(folder)
  makeFolder(path)
  refuseWriteProtected(path)
  const database = openDatabase(path)
  try {
    prepare(database, path)
    const clock = createStoreClock(newestTime(database), now, elapsed)
    const journal = createJournal(database, openSync(join(path, `${FILE}-wal`), 'r+'), sync)
    return {
      segments: createSqliteSegmentStore(database, journal, clock),
      counter: createSqliteOffsetCounter(database, journal, clock),
      close: () => journal.close()
    }
  } catch (error) {
    database.close()
    throw startError(error, path)
  }
}

function makeFolder (path: string): void {
  try {
    const topmost = mkdirSync(path, { recursive: true })
    if (topmost === undefined) return
    // A new folder is on the disk when the one that names it is.
    for (let folder = path; folder !== dirname(topmost); folder = dirname(folder)) {
      const parent = openSync(dirname(folder), 'r')
      fsyncSync(parent)
      closeSync(parent)
    }
  } catch (error) {
    throw new SqliteStartError('unwritable', `DATA_DIR: the folder ${path} cannot be made: ${text(error)}`, { cause: error })
  }
}

/** Asked for beforehand, since SQLite would open the file for reading and later speak of an I/O error. */
function refuseWriteProtected (path: string): void {
  try {
    const file = join(path, FILE)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new SqliteStartError('unwritable', `DATA_DIR: the server may not write in the folder ${path} (${text(error)})`, { cause: error })
  }
}

function openDatabase (path: string): DatabaseSync {
  try {
    return new DatabaseSync(join(path, FILE))
  } catch (error) {
    throw startError(error, path)
  }
}

function prepare (database: DatabaseSync, path: string): void {
  // Before the first access, so that the lock is taken with it and kept.
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}`)
  refuseForeign(database, path)
  if (pragma(database, 'journal_mode = WAL') !== 'wal') {
    throw new SqliteStartError('failed', `DATA_DIR: SQLite cannot keep a write-ahead log in ${path}`)
  }
  // journal.ts says why.
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
  // macOS flushes to the disk itself only when told to.
  database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  // No files outside the folder.
  database.exec('PRAGMA temp_store = MEMORY')
  // Writes even where all is there already: a start that succeeds is one that can write.
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
  // What a killed process left in the WAL may not be on the disk, and calls are about to be answered from it.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

function refuseForeign (database: DatabaseSync, path: string): void {
  const version = Number(pragma(database, 'user_version'))
  const ours = pragma(database, 'application_id') === APPLICATION_ID
  const empty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined
  if (!ours && !empty) {
    throw new SqliteStartError('damaged', `DATA_DIR: ${join(path, FILE)} is a database of another program`)
  }
  if (version > SCHEMA_VERSION) {
    throw new SqliteStartError('newer', `DATA_DIR: ${path} was written by a newer version of this server ` +
      `(format ${version}, this one knows ${SCHEMA_VERSION}): start that version, or use another folder`)
  }
}

/** The newest time in the file, in ms. Segments are in the order in which they came, so the last row has the newest. */
function newestTime (database: DatabaseSync): number {
  const row = database.prepare(`
    SELECT max(
      coalesce((SELECT modified_ms FROM segments ORDER BY rowid DESC LIMIT 1), 0),
      coalesce((SELECT max(reserved_at) FROM topics), 0),
      coalesce((SELECT max(created_at) FROM topics), 0)
    ) AS newest`).get() as { newest: number }
  return row.newest
}

function pragma (database: DatabaseSync, statement: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${statement}`).get() ?? {})[0]
}

function startError (error: unknown, path: string): unknown {
  if (error instanceof SqliteStartError) return error
  const options = { cause: error }
  switch (sqlite.sqliteCode(error)) {
    case undefined:
      return error
    case sqlite.SQLITE_BUSY:
      return new SqliteStartError('in-use', `DATA_DIR: another server is running on the folder ${path}: stop it, or use another folder`, options)
    case sqlite.SQLITE_NOTADB:
    case sqlite.SQLITE_CORRUPT:
      return new SqliteStartError('damaged', `DATA_DIR: ${join(path, FILE)} is damaged, or is no database (${text(error)}): ` +
        'restore the folder from a backup, or use another', options)
    case sqlite.SQLITE_CANTOPEN:
    case sqlite.SQLITE_READONLY:
    case sqlite.SQLITE_PERM:
      return new SqliteStartError('unwritable', `DATA_DIR: ${join(path, FILE)} cannot be written (${text(error)})`, options)
    case sqlite.SQLITE_FULL:
      return new SqliteStartError('full', `DATA_DIR: no space is left for the folder ${path}`, options)
    default:
      return new SqliteStartError('failed', `DATA_DIR: the database in ${path} cannot be opened: ${text(error)}`, options)
  }
}

function text (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
