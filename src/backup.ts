import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BackupError, requestBackup } from './adapters/sqlite/backup.ts'
import { DATABASE_FILE } from './adapters/sqlite/files.ts'
import { openSqliteStore, SqliteStartError } from './adapters/sqlite/open.ts'
import { loadSettings, SettingsError } from './app/config.ts'

/** `node src/backup.ts TARGET_DIR`: copies the data folder to a new folder, also while a server runs on it. */
const [target, ...others] = process.argv.slice(2)

try {
  if (target === undefined || others.length > 0) {
    throw new BackupError('expected one folder that does not exist yet: npm run backup -- TARGET_DIR')
  }
  const { storage } = loadSettings(process.env)
  if (storage.kind === 'aws') {
    throw new BackupError('BUCKET_NAME: expected it to be unset, because this command copies the embedded store only')
  }
  const folder = storage.kind === 'folder' ? storage.path : ':memory:'
  if (!existsSync(join(folder, DATABASE_FILE))) {
    throw new BackupError(`DATA_DIR: expected a folder with ${DATABASE_FILE}, got ${resolve(folder)}`)
  }
  if (!await requestBackup(folder, target)) await copyClosed(folder, target)
  console.log(`The backup of ${resolve(folder)} is in ${resolve(target)}. ` +
    `To restore it, start a server with DATA_DIR=${resolve(target)}, or a copy of it.`)
} catch (error) {
  const isOperatorError = error instanceof BackupError || error instanceof SettingsError || error instanceof SqliteStartError
  console.error(isOperatorError ? error.message : error)
  process.exitCode = 1
}

/** To be called if no server has the folder open. */
async function copyClosed (folder: string, target: string): Promise<void> {
  const store = openSqliteStore(folder)
  try {
    await store.backup(target)
  } finally {
    store.close()
  }
}
