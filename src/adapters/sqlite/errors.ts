/** The primary result codes of SQLite that are used here. */
export const SQLITE_OK = 0
export const SQLITE_PERM = 3
export const SQLITE_BUSY = 5
export const SQLITE_READONLY = 8
export const SQLITE_IOERR = 10
export const SQLITE_CORRUPT = 11
export const SQLITE_FULL = 13
export const SQLITE_CANTOPEN = 14
export const SQLITE_TOOBIG = 18
export const SQLITE_CONSTRAINT = 19
export const SQLITE_NOTADB = 26

/** The primary result code of an error that SQLite reported; `undefined` for any other error. */
export function sqliteCode (error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

/**
 * Why the store cannot be opened.
 *
 * - `in-use`: another process has it open.
 * - `unfinished`: a copy into the folder is being made, or was interrupted.
 * - `newer`: a later version of the server wrote it.
 * - `damaged`: not a database, a database of another program, or a damaged one.
 * - `unwritable`: the folder or the file cannot be created or written.
 * - `full`: no space left.
 * - `failed`: anything else, an I/O error for example.
 */
export type SqliteStartFailure = 'in-use' | 'unfinished' | 'newer' | 'damaged' | 'unwritable' | 'full' | 'failed'

export class SqliteStartError extends Error {
  override readonly name = 'SqliteStartError'
  readonly failure: SqliteStartFailure

  constructor (failure: SqliteStartFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}
