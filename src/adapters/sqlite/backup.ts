import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { backup, type DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { SQLITE_OK, sqliteCode } from './errors.ts'
import { DATABASE_FILE, FOLDER_MODE, createFile, flushFolder } from './files.ts'
import { connectInFolder, listenInFolder } from './socket.ts'

/** Pages copied at a time; other statements of the process wait for them. */
const PAGES_AT_ONCE = 100
/** How often the first step of a copy is tried. Writes are short, so it meets one only by chance. */
const FIRST_STEPS = 100
const MS_BETWEEN_FIRST_STEPS = 10
/** In the data folder. A running server accepts backup requests on this socket. */
const SOCKET_FILE = 'backup.sock'

/** A backup cannot be made. The message tells the operator why, so no stack is printed. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/**
 * Copies the database to a new folder, on which a store can be opened. Writes can continue during the copy. The copy contains
 * at least everything that was stored before the call. The folder appears only when the copy is complete.
 * @throws BackupError
 */
export async function copyDatabase (database: DatabaseSync, folder: string): Promise<void> {
  const target = resolve(folder)
  if (existsSync(target)) throw new BackupError(`TARGET_DIR: expected a folder that does not exist yet, got ${target}, which exists`)
  const partial = `${target}.partial-${process.pid}`
  try {
    mkdirSync(partial, { mode: FOLDER_MODE })
    createFile(join(partial, DATABASE_FILE))
    await copyPages(database, join(partial, DATABASE_FILE))
    flushFolder(partial)
    // `renameSync` would replace an empty folder.
    if (existsSync(target)) throw new Error('another process has created it in the meantime')
    renameSync(partial, target)
    flushFolder(dirname(target))
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw new BackupError(`TARGET_DIR: ${target} cannot be written: ${textOf(error)}`, { cause: error })
  }
}

/**
 * Copies the database to the file. A step that meets a transaction of this process copies nothing, and Node takes the next step. Only
 * after the first one it believes that the copy has ended, as no page has been counted, and fails with `SQLITE_OK`: that is repeated.
 */
async function copyPages (database: DatabaseSync, file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await backup(database, file, { rate: PAGES_AT_ONCE })
      return
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_OK || attempt === FIRST_STEPS) throw error
      await delay(MS_BETWEEN_FIRST_STEPS)
    }
  }
}

interface Answer { readonly error?: string }

/**
 * Accepts backup requests. A request is the path of the new folder. The response, one JSON object, is sent when the backup is
 * complete.
 * @throws Error if the socket cannot be created, for example because its path is too long
 */
export function listenForBackups (folder: string, makeBackup: (target: string) => Promise<void>): Promise<Server> {
  return listenInFolder(folder, SOCKET_FILE, async (target) => {
    const answer = await makeBackup(target).then((): Answer => ({}), (error: unknown): Answer => ({ error: textOf(error) }))
    return JSON.stringify(answer)
  })
}

/**
 * Requests a backup from the server that runs on the folder.
 * @returns false if no server runs there, or if it does not listen on the socket
 * @throws BackupError
 */
export async function requestBackup (folder: string, target: string): Promise<boolean> {
  const connection = await connectInFolder(folder, SOCKET_FILE)
  if (connection === undefined) return false
  let answer: Answer
  try {
    answer = JSON.parse(await connection.ask(resolve(target))) as Answer
  } catch (error) {
    throw new BackupError('The server ended before the backup was complete', { cause: error })
  }
  if (answer.error !== undefined) throw new BackupError(answer.error)
  return true
}

function textOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
