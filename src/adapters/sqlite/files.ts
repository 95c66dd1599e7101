import { closeSync, fsyncSync, openSync } from 'node:fs'

export const DATABASE_FILE = 'streams.db'
export const LOG_FILE = `${DATABASE_FILE}-wal`

/** Messages are nobody's business but the server's. */
export const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/** SQLite would let everybody read the file. It gives the mode of this one to the files that it puts beside it. */
export function createFile (path: string): void {
  closeSync(openSync(path, 'ax', FILE_MODE))
}

/** Brings on the disk what is new in a folder. */
export function flushFolder (path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
