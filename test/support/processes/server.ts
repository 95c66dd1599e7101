import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const ownEntry = fileURLToPath(new URL('../../../src/server.ts', import.meta.url))

export interface ServerProcess {
  readonly child: ChildProcess
  readonly baseUrl: string
  /** The lines of standard output so far: the log. */
  readonly lines: string[]
  /** The lines of standard error so far. */
  readonly errorLines: string[]
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>
}

function run (
  t: TestContext, environment: Record<string, string>, cwd?: string, entry = ownEntry
): { child: ChildProcess, ended: Promise<number | null> } {
  // Of the environment only what the process itself needs: a developer's own AWS settings must not leak in.
  const { PATH = '' } = process.env
  // Tests that write a request by hand say `host: x`.
  const child = spawn(process.execPath, [
    entry
  ], { env: { PATH, PORT: '0', ALLOWED_HOSTS: 'x', ...environment }, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  // Not at 'exit': then some of what it has written may still be in the pipes.
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, ended }
}

/** A real `node src/server.ts` on a free port. @param entry another copy of the file */
export async function startServer (
  t: TestContext, environment: Record<string, string>, cwd?: string, entry?: string
): Promise<ServerProcess> {
  const { child, ended } = run(t, environment, cwd, entry)
  const lines: string[] = []
  const errorLines: string[] = []
  createInterface(child.stdout!).on('line', (line) => { lines.push(line) })
  const baseUrl = await new Promise<string>((resolve, reject) => {
    createInterface(child.stderr!).on('line', (line) => {
      errorLines.push(line)
      const url = /^Listening on (http:\/\/[^\s,]+),/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
    ended.then((code) => { reject(new Error(`the server ended with ${code}: ${errorLines.join('\n')}`)) }, reject)
  })
  return { child, baseUrl, lines, errorLines, ended }
}

/** What a server says that should not start. */
export async function failedStart (
  t: TestContext, environment: Record<string, string>
): Promise<{ code: number | null, stdout: string, stderr: string }> {
  const { child, ended } = run(t, environment)
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr!.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const code = await ended
  return { code, stdout, stderr }
}
