import { systemClock } from './adapters/system/clock.ts'
import { SettingsError } from './app/config.ts'
import { nameOf, openSource, openTarget, placeOf, type OpenedStores } from './copy-stores.ts'
import { copyAll, CopyError, noCounts, type CopyCounts } from './domain/copy/copy.ts'
import { StoreError } from './ports/errors.ts'

/**
 * `node src/copy.ts [--dry-run] FROM TO`: copies all data, to back it up, to restore it, or to move it (log §8). Each of FROM and TO
 * is `folder:PATH` or `aws:BUCKET/TABLE`, with the region and endpoints of the usual settings.
 *
 * The exit code is 0 if the copy is complete, 2 if it is complete and has segments that are damaged in the source, and 1 if it is
 * not complete: the same command then continues it.
 */
const PROGRESS_MS = 5_000
const DAMAGED_CODE = 2

const dryRun = process.argv.includes('--dry-run')
const [from, to, ...others] = process.argv.slice(2).filter((argument) => argument !== '--dry-run')

try {
  if (from === undefined || to === undefined || others.length > 0) {
    throw new CopyError('expected where to copy from, and where to: npm run copy -- [--dry-run] FROM TO\n' +
      'Each is folder:PATH or aws:BUCKET/TABLE')
  }
  process.exit(await copy(from, to))
} catch (error) {
  const isOperatorError = error instanceof CopyError || error instanceof SettingsError || error instanceof StoreError
  console.error(isOperatorError ? error.message : error)
  process.exit(1)
}

/** @returns the exit code */
async function copy (fromText: string, toText: string): Promise<number> {
  const [fromPlace, toPlace] = [placeOf(fromText, 'FROM'), placeOf(toText, 'TO')]
  const [fromName, toName] = [nameOf(fromPlace), nameOf(toPlace)]
  if (fromName === toName) throw new CopyError(`TO: expected another place than FROM, got ${toName}`)
  const opened: OpenedStores[] = []
  const counts = noCounts()
  const progress = setInterval(() => { console.error(`… ${inWords(counts)}`) }, PROGRESS_MS)
  try {
    const source = await openSource(fromPlace)
    opened.push(source)
    const target = await openTarget(toPlace, dryRun)
    opened.push(target)
    await copyAll({ source, target, clock: systemClock, from: fromName, dryRun, counts, notice: console.error })
  } finally {
    clearInterval(progress)
    for (const stores of opened) stores.close()
  }
  console.log(dryRun
    ? `${fromName} has ${inWords(counts)}. Nothing was copied.`
    : `${fromName} was copied to ${toName}: ${inWords(counts)}.`)
  if (counts.damaged === 0) return 0
  console.error(`${counts.damaged} segments are damaged, in the source and in the copy.`)
  return DAMAGED_CODE
}

function inWords ({ topics, segments, bytes, present, groups, records, tokens }: CopyCounts): string {
  const before = present === 0 ? '' : ` (and ${present} from before)`
  return `${topics} topics, ${segments} segments${before} of ${bytes} bytes, ${groups} consumer groups, ${records} records, ` +
    `${tokens} tokens`
}
