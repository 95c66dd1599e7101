/**
 * A process of its own that opens a SQLite store, for tests that kill it or take its rights away. It prints a line of
 * JSON for each thing it has done.
 *
 *   node sqlite-process.ts open <folder>     opens, prints {"opened":true} or the error, stays until its input ends
 *   node sqlite-process.ts append <folder>   opens, then appends from several callers at once until it is killed, or its input ends
 *
 * With DROP_RIGHTS in the environment it stops being root first, as root may write everywhere.
 */
import { writeSync } from 'node:fs'
import { openSqliteStore, SqliteStartError, type SqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { reserve } from '../storage/items.ts'

const NOBODY = 65_534
const [, , mode, folder = ''] = process.argv

if (process.env.DROP_RIGHTS !== undefined) {
  process.setgroups!([])
  process.setgid!(NOBODY)
  process.setuid!(NOBODY)
}

/** What the store says of the offset: the same in the process that puts it and in the test that looks for it. */
export function bodyOf (topic: string, offset: number): string {
  return `${topic} ${offset} `.repeat(1 + offset % 700)
}

/** Written at once, not by a stream: what is printed has happened before the kill, and nothing waits in a buffer. */
function print (line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

async function append ({ topics, segments }: SqliteStore, topic: string): Promise<void> {
  for (;;) {
    const { first, last, reservedAtMs } = await reserve(topics, topic, 1 + Math.floor(Math.random() * 3))
    const body = Buffer.from(bodyOf(topic, last))
    await segments.putIfAbsent(topic, last, { body, contentType: 'application/json', metadata: {} }, { reservedAtMs })
    print({ topic, first, last })
  }
}

if (import.meta.main) {
  try {
    const store = openSqliteStore(folder)
    // Whoever started it may have gone without a kill that reaches it.
    process.stdin.on('end', () => { if (mode === 'append') process.exit(); else store.close() }).resume()
    print({ opened: true })
    if (mode === 'append') await Promise.all(['a', 'a', 'a', 'b', 'c'].map((topic) => append(store, topic)))
  } catch (error) {
    print({ failure: error instanceof SqliteStartError ? error.failure : String(error), message: (error as Error).message })
    process.exit(1)
  }
}
