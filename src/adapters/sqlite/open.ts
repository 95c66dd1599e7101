import {
  accessSync, closeSync, constants, existsSync, fdatasync, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, readSync, statSync,
  writeSync
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CopyStore, SegmentRestore } from '../../ports/copy-store.ts'
import type { GroupStore } from '../../ports/group-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { NamedSegmentStore } from '../../ports/segment-store.ts'
import type { TokenStore } from '../../ports/token-store.ts'
import type { TopicStore } from '../../ports/topic-store.ts'
import { copyDatabase } from './backup.ts'
import { createStoreClock } from './clock.ts'
import { createSqliteCopyStore } from './copy-store.ts'
import * as sqlite from './errors.ts'
import { SqliteStartError } from './errors.ts'
import { createFile, DATABASE_FILE, flushFolder, FOLDER_MODE, LOG_FILE } from './files.ts'
import { belongTogether } from './generation.ts'
import { createSqliteGroupStore } from './group-store.ts'
import { Journal, type Sync } from './journal.ts'
import { createSqliteRecordStore } from './record-store.ts'
import { APPLICATION_ID, COPY_ID, MIGRATIONS, PAGE_BYTES, SCHEMA, SCHEMA_VERSION } from './schema.ts'
import { createSqliteSegmentStore } from './segment-store.ts'
import { freeBytesOf } from './space.ts'
import { createSqliteTokenStore } from './token-store.ts'
import { createSqliteTopicStore } from './topic-store.ts'

export { SqliteStartError, type SqliteStartFailure } from './errors.ts'

export interface SqliteStore {
  readonly segments: NamedSegmentStore & SegmentRestore
  readonly topics: TopicStore
  readonly records: RecordStore
  readonly groups: GroupStore
  readonly copies: CopyStore
  readonly tokens: TokenStore
  /**
   * Copies the store to a new folder, with everything that was acknowledged before the call. Other calls continue.
   * @throws BackupError, StoreError
   */
  backup (folder: string): Promise<void>
  /** Closes the store and releases the folder. Calls in progress still return; later ones fail. */
  close (): void
}

export interface SqliteStoreOptions {
  /** The wall clock, in ms. */
  readonly now?: () => number
  /** Ms since an arbitrary start; never decreases. */
  readonly elapsed?: () => number
  /** For tests of power cuts and failing disks. */
  readonly sync?: Sync
  /** Bytes that can still be written on the disk of the folder. */
  readonly freeBytes?: () => number
  /** The store is to be filled by a copy, which may have been begun before. */
  readonly forCopy?: boolean
}

/**
 * Opens the store in the folder, or creates it.
 *
 * The kernel's lock on the file keeps a second server out, and is released when the process ends in any way. It would also
 * be released if other code in this process opened and closed the file, so only SQLite may open it.
 *
 * @throws SqliteStartError
 */
export function openSqliteStore (folder: string, options: SqliteStoreOptions = {}): SqliteStore {
  const path = resolve(folder)
  const { now = Date.now, elapsed = () => performance.now(), sync = fdatasync, freeBytes = () => freeBytesOf(path) } = options
  makeFolder(path)
  refuseWriteProtected(path)
  makeFile(join(path, DATABASE_FILE))
  const log = hasLog(path)
  if (log && !belongTogether(join(path, DATABASE_FILE))) throw doNotBelongTogether(path)
  const database = openDatabase(path)
  try {
    const moved = prepare(database, path, options.forCopy === true)
    const clock = createStoreClock(newestTime(database), now, elapsed)
    const wal = openSync(join(path, LOG_FILE), 'r+')
    const walPages = moved ? 0 : Math.ceil(fstatSync(wal).size / PAGE_BYTES)
    const journal = new Journal(database, { wal, walPages, sync, freeBytes, elapsed })
    return {
      segments: createSqliteSegmentStore(database, journal, clock),
      topics: createSqliteTopicStore(database, journal, clock),
      records: createSqliteRecordStore(database, journal),
      groups: createSqliteGroupStore(database, journal, clock),
      copies: createSqliteCopyStore(database, journal),
      tokens: createSqliteTokenStore(database, journal),
      backup: async (target) => {
        journal.read(() => {})
        await copyDatabase(database, target)
      },
      close: () => journal.close()
    }
  } catch (error) {
    database.close()
    throw startError(error, path, log)
  }
}

/** Without `recursive: true`, which never ends if a parent exists but allows no folders, such as /proc. */
function makeFolder (path: string): void {
  try {
    const missing: string[] = []
    for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
    for (const folder of missing) {
      mkdirSync(folder, { mode: FOLDER_MODE })
      flushFolder(dirname(folder))
    }
  } catch (error) {
    throw new SqliteStartError('unwritable', `DATA_DIR: the folder ${path} cannot be created: ${text(error)}`, { cause: error })
  }
  if (!statSync(path).isDirectory()) throw new SqliteStartError('unwritable', `DATA_DIR: expected a folder, got ${path}, which is a file`)
}

function makeFile (file: string): void {
  try {
    const found = lstatSync(file, { throwIfNoEntry: false })
    if (found === undefined) {
      createFile(file)
      flushFolder(dirname(file))
    } else if (found.isSymbolicLink()) {
      // SQLite would put the write-ahead log beside the file that the link names.
      throw new SqliteStartError('unwritable',
        `DATA_DIR: expected ${file} to be a file, got a symbolic link: move the file there, or link the whole folder`)
    } else if (!found.isFile()) throw new SqliteStartError('unwritable', `DATA_DIR: expected ${file} to be a file, got something else`)
  } catch (error) {
    if (error instanceof SqliteStartError) throw error
    const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
    const reason = full ? 'no space is left on the disk' : text(error)
    throw new SqliteStartError(full ? 'full' : 'unwritable', `DATA_DIR: ${file} cannot be created: ${reason}`, { cause: error })
  }
}

/** Checked first, because SQLite would open the file for reading only and report an I/O error later. */
function refuseWriteProtected (path: string): void {
  try {
    const file = join(path, DATABASE_FILE)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new SqliteStartError('unwritable',
      `DATA_DIR: the server has no permission to write in the folder ${path} (${text(error)})`, { cause: error })
  }
}

function openDatabase (path: string): DatabaseSync {
  try {
    return new DatabaseSync(join(path, DATABASE_FILE))
  } catch (error) {
    throw startError(error, path, false)
  }
}

/** Whether there is a write-ahead log that is not empty, left by a killed process or by a copy. */
function hasLog (path: string): boolean {
  return (statSync(join(path, LOG_FILE), { throwIfNoEntry: false })?.size ?? 0) > 0
}

function doNotBelongTogether (path: string, options?: ErrorOptions): SqliteStartError {
  return new SqliteStartError('damaged',
    `DATA_DIR: ${DATABASE_FILE} and ${LOG_FILE} in ${path} are of different times, or one of them is damaged. Was the folder copied ` +
    'while a server ran on it? Restore a backup made by "npm run backup", or a copy made while no server ran', options)
}

/** @returns whether the whole write-ahead log has been moved to the database */
function prepare (database: DatabaseSync, path: string, forCopy: boolean): boolean {
  // Before the first access, which then takes the lock and keeps it.
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES}`)
  const id = checkOrigin(database, path, forCopy)
  if (pragma(database, 'journal_mode = WAL') !== 'wal') {
    throw new SqliteStartError('failed', `DATA_DIR: SQLite cannot keep a write-ahead log in ${path}`)
  }
  // The journal flushes and moves the log itself.
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
  // On macOS, other flushes do not reach the disk.
  database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
  // No files outside the folder.
  database.exec('PRAGMA temp_store = MEMORY')
  const empty = isEmpty(database)
  const older = MIGRATIONS[Number(pragma(database, 'user_version'))]
  try {
    // Also writes if the tables exist, so that a start fails if the database is not writable.
    database.exec(`BEGIN IMMEDIATE; ${older ?? ''} ${SCHEMA} PRAGMA application_id = ${id}; COMMIT`)
    // What a killed process left in the WAL may not be on the disk yet, but calls will return it.
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return true
  } catch (error) {
    if (sqlite.sqliteCode(error) !== sqlite.SQLITE_FULL || empty) throw error
    if (older !== undefined) {
      throw new SqliteStartError('full', `DATA_DIR: no space is left for the folder ${path}, which an older version wrote: ` +
        'free some space, so that it can be converted', { cause: error })
    }
    // The disk is full, but the store can still be read.
    if (database.isTransaction) database.exec('ROLLBACK')
    rewrite(join(path, LOG_FILE))
    return false
  }
}

/**
 * Makes what a killed process left in the write-ahead log durable, if the disk has no room to move it to the database: writes
 * the same bytes to the same places and flushes them. After a failed flush, another one alone can succeed without having
 * written the pages.
 */
function rewrite (file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    const bytes = Buffer.alloc(1024 * 1024)
    for (let position = 0, read; (read = readSync(descriptor, bytes, 0, bytes.length, position)) > 0; position += read) {
      writeSync(descriptor, bytes, 0, read, position)
    }
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** @returns the application id that the file has, or gets @throws SqliteStartError */
function checkOrigin (database: DatabaseSync, path: string, forCopy: boolean): number {
  const version = Number(pragma(database, 'user_version'))
  const id = pragma(database, 'application_id')
  if (id === COPY_ID && !forCopy) {
    throw new SqliteStartError('unfinished', `DATA_DIR: the copy in ${path} is not complete: run the same "npm run copy" again, ` +
      'or delete the folder')
  }
  if (id !== APPLICATION_ID && id !== COPY_ID && !isEmpty(database)) {
    throw new SqliteStartError('damaged', `DATA_DIR: ${join(path, DATABASE_FILE)} is a database of another program`)
  }
  if (version > SCHEMA_VERSION) {
    throw new SqliteStartError('newer', `DATA_DIR: ${path} was written by a newer version of this server ` +
      `(format ${version}, this one knows ${SCHEMA_VERSION}): start that version, or use another folder`)
  }
  return id === COPY_ID ? COPY_ID : APPLICATION_ID
}

function isEmpty (database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined
}

/** The newest time in the file, in ms. Segments are in insertion order, so the last row has their newest time. */
function newestTime (database: DatabaseSync): number {
  const row = database.prepare(`
    SELECT max(
      coalesce((SELECT modified_ms FROM segments ORDER BY rowid DESC LIMIT 1), 0),
      coalesce((SELECT max(reserved_at) FROM topics), 0),
      coalesce((SELECT max(created_at) FROM topics), 0),
      coalesce((SELECT max(modified_ms) FROM groups), 0)
    ) AS newest`).get() as { newest: number }
  return row.newest
}

function pragma (database: DatabaseSync, statement: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${statement}`).get() ?? {})[0]
}

function startError (error: unknown, path: string, log: boolean): unknown {
  if (error instanceof SqliteStartError) return error
  const options = { cause: error }
  switch (sqlite.sqliteCode(error)) {
    case undefined:
      return error
    case sqlite.SQLITE_BUSY:
      return new SqliteStartError('in-use',
        `DATA_DIR: another server is running on the folder ${path}: stop it, or use another folder`, options)
    case sqlite.SQLITE_NOTADB:
    case sqlite.SQLITE_CORRUPT:
      if (log) return doNotBelongTogether(path, options)
      return new SqliteStartError('damaged', `DATA_DIR: ${join(path, DATABASE_FILE)} is damaged, or is not a database (${text(error)}): ` +
        'restore the folder from a backup, or use another folder', options)
    case sqlite.SQLITE_CANTOPEN:
    case sqlite.SQLITE_READONLY:
    case sqlite.SQLITE_PERM:
      return new SqliteStartError('unwritable', `DATA_DIR: ${join(path, DATABASE_FILE)} cannot be written (${text(error)})`, options)
    case sqlite.SQLITE_FULL:
      return new SqliteStartError('full', `DATA_DIR: no space is left for the folder ${path}`, options)
    default:
      return new SqliteStartError('failed', `DATA_DIR: the database in ${path} cannot be opened: ${text(error)}`, options)
  }
}

function text (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
