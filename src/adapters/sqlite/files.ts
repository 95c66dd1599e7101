import { closeSync, fsyncSync, openSync } from 'node:fs'

export const DATABASE_FILE = 'streams.db'
export const LOG_FILE = `${DATABASE_FILE}-wal`

/** Only the server's user may read messages. */
export const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/** Creates the database file, because SQLite would make it readable for everybody. SQLite's other files get the same mode. */
export function createFile (path: string): void {
  closeSync(openSync(path, 'ax', FILE_MODE))
}

/** Flushes the entries of a folder to the disk, so that files created or renamed in it survive a power cut. */
export function flushFolder (path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
