import { pathToFileURL } from 'node:url'
import { DatabaseSync } from 'node:sqlite'

/**
 * Which log belongs to which database. SQLite cannot tell: it lays any intact log over any database, which gives a
 * corrupt one, not always noticed.
 *
 * The write-ahead log begins anew each time that all of it has been moved to the database. The first thing then written
 * to it is a generation, one higher than before. So the log has the generation that the database has without it, or the
 * next one.
 */
export interface Generations {
  /** Of the database without its log; `undefined` if it has none yet. */
  readonly database: number | undefined
  /** Of both together; `undefined` if an earlier version wrote them. */
  readonly together: number | undefined
}

/** Writes the next generation; to be called before the first write to a new log. */
export function generationCounter (database: DatabaseSync): () => void {
  const raise = database.prepare('UPDATE log_generation SET generation = generation + 1')
  return () => { raise.run() }
}

export function belongTogether ({ database, together }: Generations): boolean {
  if (together === undefined) return true
  const ahead = together - (database ?? 0)
  return ahead === 0 || ahead === 1
}

/** The generation that an open database tells, its log included. */
export function readGeneration (database: DatabaseSync): number | undefined {
  if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log_generation'").get() === undefined) return undefined
  return (database.prepare('SELECT generation FROM log_generation').get() as { generation: number } | undefined)?.generation
}

/**
 * The generation of the database file, without the log. To be called before this process has the file open: closing it
 * here would give up the lock.
 */
export function readGenerationOfFile (file: string): number | undefined {
  const url = pathToFileURL(file)
  url.searchParams.set('immutable', '1')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(url, { readOnly: true })
    return readGeneration(database)
  } catch {
    // What is wrong with the file is told when it is opened to be used.
    return undefined
  } finally {
    database?.close()
  }
}
