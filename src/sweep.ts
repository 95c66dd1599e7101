import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DATABASE_FILE } from './adapters/sqlite/files.ts'
import { loadSettings, type Settings, SettingsError } from './app/config.ts'
import { totalOf } from './app/sweeper.ts'
import type { Catalog, Swept, SweptTopic } from './domain/catalog/catalog.ts'
import { StartError, wire } from './wiring.ts'

/**
 * `node src/sweep.ts [--dry-run]`: removes what retention allows, with the settings of the server; with `--dry-run` only says
 * what it would remove. For S3 and DynamoDB, or for a folder that no server has open.
 */
const [option, ...others] = process.argv.slice(2)
const dryRun = option === '--dry-run'

try {
  if ((option !== undefined && !dryRun) || others.length > 0) {
    throw new StartError('expected no argument, or --dry-run: npm run sweep -- --dry-run')
  }
  const settings = loadSettings(process.env)
  checkStorage(settings)
  const wiring = await wire(settings, console.error)
  try {
    await sweepAll(wiring.catalog)
  } finally {
    await wiring.close()
  }
} catch (error) {
  const isOperatorError = error instanceof StartError || error instanceof SettingsError
  console.error(isOperatorError ? error.message : error)
  process.exitCode = 1
}

/** A folder that does not exist would be created. @throws StartError */
function checkStorage ({ storage }: Settings): void {
  if (storage.kind === 'memory') {
    throw new StartError('DATA_DIR: expected a folder, because what a server has in memory can\'t be reached from here, got :memory:')
  }
  if (storage.kind === 'folder' && !existsSync(join(storage.path, DATABASE_FILE))) {
    throw new StartError(`DATA_DIR: expected a folder with ${DATABASE_FILE}, got ${resolve(storage.path)}`)
  }
}

async function sweepAll (catalog: Catalog): Promise<void> {
  const parts: Swept[] = []
  let after: string | undefined = ''
  while (after !== undefined) {
    const swept = await catalog.sweep({ dryRun, after })
    parts.push(swept)
    for (const result of swept.results) console.log(lineOf(result))
    if (swept.error !== undefined) throw swept.error
    after = swept.next
  }
  const { topics, segments, bytes, records, calls } = totalOf(parts)
  console.log(`${topics} topics looked at, ${dryRun ? 'would remove' : 'removed'} ${segments} segments of ${bytes} bytes` +
    `${dryRun ? '' : ` and ${records} expired records`}; ` +
    `${calls.read} reads, ${calls.write} writes, ${calls.list} lists, ${calls.remove} deletions`)
  if (parts.some(({ results }) => results.some(({ error }) => error !== undefined))) process.exitCode = 1
}

function lineOf ({ topic, before, segments, bytes, error }: SweptTopic): string {
  if (error !== undefined) return `${topic}: failed: ${error.message}`
  const below = before === undefined ? '' : `, with all messages below ${before}`
  return `${topic}: ${dryRun ? 'would remove' : 'removed'} ${segments} segments of ${bytes} bytes${below}`
}
