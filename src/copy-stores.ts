import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DATABASE_FILE } from './adapters/sqlite/files.ts'
import { loadSettings, type AwsStorage } from './app/config.ts'
import { CopyError, type CopyableStores } from './domain/copy/copy.ts'

/** Where a copy comes from, or goes to. */
export type Place = { readonly kind: 'folder', readonly path: string } | AwsStorage

export interface OpenedStores extends CopyableStores {
  close (): void
}

const EXPECTED = 'folder:PATH or aws:BUCKET/TABLE'

/**
 * @param name of the argument, for the message
 * @throws CopyError, SettingsError
 */
export function placeOf (text: string, name: 'FROM' | 'TO'): Place {
  const [, kind, rest = ''] = /^(folder|aws):(.+)$/s.exec(text) ?? []
  if (kind === 'folder') return { kind, path: resolve(rest) }
  const [bucket, table, ...others] = rest.split('/')
  if (kind !== 'aws' || !bucket || !table || others.length > 0) throw new CopyError(`${name}: expected ${EXPECTED}, got ${text}`)
  const { storage } = loadSettings({ ...process.env, BUCKET_NAME: bucket, COUNTERS_TABLE: table })
  if (storage.kind !== 'aws') throw new CopyError(`${name}: expected ${EXPECTED}, got ${text}`)
  return storage
}

/** The place in words, always in the same ones. */
export function nameOf (place: Place): string {
  return place.kind === 'folder' ? `folder:${place.path}` : `aws:${place.bucket}/${place.table}`
}

/** @throws CopyError, SqliteStartError, StoreError */
export async function openSource (place: Place): Promise<OpenedStores> {
  if (place.kind === 'aws') return await openAws(place)
  // A folder that does not exist would be created.
  if (!existsSync(join(place.path, DATABASE_FILE))) {
    throw new CopyError(`FROM: expected a folder with ${DATABASE_FILE}, got ${place.path}`)
  }
  return await openFolder(place.path, 'FROM')
}

/** @throws CopyError, SqliteStartError, StoreError */
export async function openTarget (place: Place, dryRun: boolean): Promise<OpenedStores> {
  if (place.kind === 'aws') return await openAws(place)
  if (!existsSync(join(place.path, DATABASE_FILE))) {
    if (existsSync(place.path) && readdirSync(place.path).length > 0) {
      throw new CopyError(`TO: expected a folder that is empty or does not exist, got ${place.path}`)
    }
    if (dryRun) return await openNothing()
  }
  return await openFolder(place.path, 'TO')
}

async function openFolder (path: string, name: 'FROM' | 'TO'): Promise<OpenedStores> {
  const { openSqliteStore, SqliteStartError } = await import('./adapters/sqlite/open.ts')
  try {
    return openSqliteStore(path, { forCopy: true })
  } catch (error) {
    if (!(error instanceof SqliteStartError)) throw error
    if (error.failure !== 'in-use') throw new CopyError(error.message.replace(/^DATA_DIR/, name), { cause: error })
    throw new CopyError(name === 'FROM'
      ? `FROM: a server is running on the folder ${path}: make a back-up with "npm run backup", and copy that, or stop the server`
      : `TO: another process is using the folder ${path}: expected a new folder`, { cause: error })
  }
}

async function openAws (place: AwsStorage): Promise<OpenedStores> {
  const [{ openAwsStores }, { createDynamoCopyStore }] = await Promise.all([
    import('./aws-stores.ts'), import('./adapters/dynamodb/copy-store.ts')
  ])
  const stores = openAwsStores(place)
  return { ...stores, copies: createDynamoCopyStore({ client: stores.client, table: place.table }) }
}

/** The target of a dry run that does not exist yet, and is not created. */
async function openNothing (): Promise<OpenedStores> {
  const [
    { createMemoryCopyStore, memoryItems }, { createMemorySegmentStore }, { createMemoryTopicStore }, { createMemoryRecordStore },
    { createMemoryGroupStore }, { createMemoryTokenStore }
  ] = await Promise.all([
    import('./adapters/memory/copy-store.ts'), import('./adapters/memory/segment-store.ts'), import('./adapters/memory/topic-store.ts'),
    import('./adapters/memory/record-store.ts'), import('./adapters/memory/group-store.ts'),
    import('./adapters/memory/token-store.ts')
  ])
  return {
    segments: createMemorySegmentStore(),
    topics: createMemoryTopicStore(),
    records: createMemoryRecordStore(),
    groups: createMemoryGroupStore(),
    tokens: createMemoryTokenStore(),
    copies: createMemoryCopyStore(memoryItems()),
    close () {}
  }
}
