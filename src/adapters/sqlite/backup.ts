import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { backup, type DatabaseSync } from 'node:sqlite'
import { text as readAll } from 'node:stream/consumers'
import { DATABASE_FILE, FOLDER_MODE, createFile, flushFolder } from './files.ts'

/** Pages copied in one go: other statements of the process wait that long. */
const PAGES_AT_ONCE = 100
/** In the data folder: where a running server takes requests for backups. */
const SOCKET_FILE = 'backup.sock'

/** A backup cannot be made. The message is all that an operator needs. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/**
 * Copies the database, while it is being written, to a new folder that a store can be opened on. The copy has at least
 * all that was there at the call. The folder appears when it is complete.
 * @throws BackupError
 */
export async function copyDatabase (database: DatabaseSync, folder: string): Promise<void> {
  const target = resolve(folder)
  if (existsSync(target)) throw new BackupError(`TARGET_DIR: expected a folder that does not exist yet, got ${target}, which exists`)
  const partial = `${target}.partial-${process.pid}`
  try {
    mkdirSync(partial, { mode: FOLDER_MODE })
    createFile(join(partial, DATABASE_FILE))
    await backup(database, join(partial, DATABASE_FILE), { rate: PAGES_AT_ONCE })
    flushFolder(partial)
    // An empty folder would be replaced.
    if (existsSync(target)) throw new Error('it was made by another process meanwhile')
    renameSync(partial, target)
    flushFolder(dirname(target))
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw new BackupError(`TARGET_DIR: ${target} cannot be written: ${textOf(error)}`, { cause: error })
  }
}

interface Answer { readonly error?: string }

/**
 * Takes requests for backups on a socket in the data folder, since no other process can read the database meanwhile.
 * A request is the path of the new folder; the answer, one JSON object, comes when it is done.
 * @throws Error where there can be no socket: its path is too long, for example
 */
export async function listenForBackups (folder: string, makeBackup: (target: string) => Promise<void>): Promise<Server> {
  const path = join(resolve(folder), SOCKET_FILE)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A client that goes away does not end its backup.
    socket.on('error', () => {})
    readAll(socket).then(makeBackup).then((): Answer => ({}), (error: unknown): Answer => ({ error: textOf(error) }))
      .then((answer) => { socket.end(JSON.stringify(answer)) }, () => {})
  })
  // A killed server leaves its socket. Whoever has the database open is the only server here.
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path, resolve) })
  chmodSync(path, 0o600)
  return server.unref()
}

/**
 * Has the server that runs on the folder make a backup.
 * @returns false if no server runs there, or none that listens
 * @throws BackupError
 */
export async function requestBackup (folder: string, target: string): Promise<boolean> {
  const socket = connect(join(resolve(folder), SOCKET_FILE))
  try {
    await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
  } catch {
    return false
  }
  socket.end(resolve(target))
  let answer: Answer
  try {
    answer = JSON.parse(await readAll(socket)) as Answer
  } catch (error) {
    throw new BackupError('The server ended before the backup was complete', { cause: error })
  }
  if (answer.error !== undefined) throw new BackupError(answer.error)
  return true
}

function textOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
