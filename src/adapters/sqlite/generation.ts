import { pathToFileURL } from 'node:url'
import { DatabaseSync } from 'node:sqlite'

/**
 * The generations of a database, without and with its log. SQLite applies any intact log to any database, and does not
 * always notice that the result is corrupt.
 *
 * When all of the write-ahead log has been moved to the database, SQLite starts the log again. The first write to the new
 * log then raises the generation by one. So the generation with the log is equal to that of the database alone, or one
 * higher.
 */
interface Generations {
  /** `undefined` if the file has none. */
  readonly database: number | undefined
  readonly together: number | undefined
}

/** @returns a function that writes the next generation; to be called before the first write to a new log */
export function generationCounter (database: DatabaseSync): () => void {
  const raise = database.prepare('UPDATE log_generation SET generation = generation + 1')
  return () => { raise.run() }
}

/**
 * Whether a database and its log can belong together. To be called before this process opens the database: closing the
 * file here would release its lock. Nothing is written, not even when the files are closed: SQLite would move a wrong log to
 * the database then.
 * @returns true also if one of them cannot be read: after a kill while the log was moved, the database is complete only with
 *   its log; and while a server runs, no other process can read. Opening the store then reports the problem.
 */
export function belongTogether (file: string): boolean {
  const url = pathToFileURL(file)
  try {
    const together = readGeneration(url)
    url.searchParams.set('immutable', '1')
    return mayBeOf({ database: readGeneration(url), together })
  } catch {
    return true
  }
}

function mayBeOf ({ database, together }: Generations): boolean {
  // An earlier version wrote them.
  if (together === undefined) return true
  const ahead = together - (database ?? 0)
  return ahead === 0 || ahead === 1
}

/** @param url of the database; with `immutable=1`, its log is not read */
function readGeneration (url: URL): number | undefined {
  const database = new DatabaseSync(url, { readOnly: true })
  try {
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log_generation'").get() === undefined) return undefined
    return (database.prepare('SELECT generation FROM log_generation').get() as { generation: number } | undefined)?.generation
  } finally {
    database.close()
  }
}
