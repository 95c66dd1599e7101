import { pathToFileURL } from 'node:url'
import { DatabaseSync } from 'node:sqlite'

/**
 * The generations of a database, without and with its log. SQLite applies any intact log to any database, and does not
 * always notice that the result is corrupt.
 *
 * SQLite starts the write-ahead log again whenever all of it has been moved to the database. The first write to the new log
 * is then a generation, one higher than before. So the generation with the log is equal to that of the database alone, or
 * one higher.
 */
export interface Generations {
  /** Generation of the database without its log; `undefined` if it has none yet. */
  readonly database: number | undefined
  /** Generation of the database with its log; `undefined` if an earlier version wrote them. */
  readonly together: number | undefined
}

/** @returns a function that writes the next generation; to be called before the first write to a new log */
export function generationCounter (database: DatabaseSync): () => void {
  const raise = database.prepare('UPDATE log_generation SET generation = generation + 1')
  return () => { raise.run() }
}

export function belongTogether ({ database, together }: Generations): boolean {
  if (together === undefined) return true
  const ahead = together - (database ?? 0)
  return ahead === 0 || ahead === 1
}

/** The generation of an open database with its log. */
export function readGeneration (database: DatabaseSync): number | undefined {
  if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log_generation'").get() === undefined) return undefined
  return (database.prepare('SELECT generation FROM log_generation').get() as { generation: number } | undefined)?.generation
}

/**
 * The generation of the database file without its log. To be called before this process opens the database: closing the
 * file here would release its lock.
 */
export function readGenerationOfFile (file: string): number | undefined {
  const url = pathToFileURL(file)
  url.searchParams.set('immutable', '1')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(url, { readOnly: true })
    return readGeneration(database)
  } catch {
    // If the file is damaged, opening the store reports it.
    return undefined
  } finally {
    database?.close()
  }
}
