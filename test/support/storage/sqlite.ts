import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  openSqliteStore, SqliteStartError, type SqliteStartFailure, type SqliteStore, type SqliteStoreOptions
} from '../../../src/adapters/sqlite/open.ts'
import type { SegmentObject } from '../../../src/ports/segment-store.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { reserve } from './items.ts'

/** A store in the folder, a fresh one if none is named, that is closed with the test. */
export function openStore (t: TestContext, folder: string = temporaryFolder(t), options?: SqliteStoreOptions): SqliteStore {
  const store = openSqliteStore(folder, options)
  t.after(() => store.close())
  return store
}

export function object (body: string | Uint8Array): SegmentObject {
  return { body: typeof body === 'string' ? Buffer.from(body) : body, contentType: 'application/json', metadata: {} }
}

export async function append (store: SqliteStore, topic: string, body: string | Uint8Array): Promise<number> {
  const { last, reservedAtMs } = await reserve(store.topics, topic, 1)
  assert.equal(await store.segments.putIfAbsent(topic, last, object(body), { reservedAtMs }), 'created')
  return last
}

export type Line = Record<string, unknown>

export interface StoreProcess {
  readonly process: ChildProcess
  /** The lines that it prints, parsed. */
  readonly lines: AsyncGenerator<Line>
  readonly stderr: () => string
  /** Resolves when it has gone and all its lines have come. */
  readonly closed: Promise<unknown>
}

export interface ProcessOptions {
  readonly env?: Record<string, string>
  /** A command that runs the command that follows it. */
  readonly under?: readonly string[]
}

/** Starts test/support/processes/sqlite.ts; it is gone when the test is. */
export function startProcess (
  t: TestContext, mode: 'open' | 'append', folder: string, { env = {}, under = [] }: ProcessOptions = {}
): StoreProcess {
  const script = fileURLToPath(new URL('../processes/sqlite.ts', import.meta.url))
  const [command = '', ...args] = [...under, process.execPath, script, mode, folder]
  // Without the test runner's own options: node itself runs the script, as it runs the server.
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '', ...env } })
  t.after(() => {
    child.stdin.destroy()
    child.kill('SIGKILL')
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk })
  const reader = createInterface({ input: child.stdout })
  return { process: child, lines: parsed(reader), stderr: () => stderr, closed: once(child, 'close') }
}

async function * parsed (lines: AsyncIterable<string>): AsyncGenerator<Line> {
  for await (const line of lines) yield JSON.parse(line) as Line
}

export function startFailure (failure: SqliteStartFailure, ...parts: string[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SqliteStartError, String(error))
    assert.equal(error.failure, failure, error.message)
    for (const part of ['DATA_DIR', ...parts]) assert.ok(error.message.includes(part), `"${error.message}" has "${part}"`)
    return true
  }
}
