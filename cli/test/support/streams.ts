import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../../test/support/processes/server.ts'

/** What `npm install` links as `streams`; the tests run on the bundle, which `npm run build` has made. */
export const entry = fileURLToPath(new URL('../../streams.js', import.meta.url))

export interface Ended {
  /** The exit code; 128 and the number of the signal that has ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What it has written so far. */
  readonly output: { stdout: string, stderr: string }
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A process group of its own, as a shell makes it for a job. */
  readonly group?: boolean
}

const signals: Readonly<Record<string, number>> = { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGPIPE: 13 }

/** The command as a user has it: with a home of its own, and a service. */
export class Streams {
  readonly home: string
  readonly env: Readonly<Record<string, string>>

  constructor (t: TestContext, env: Readonly<Record<string, string>> = {}) {
    this.home = mkdtempSync(join(tmpdir(), 'streams-command-'))
    t.after(() => { rmSync(this.home, { recursive: true, force: true }) })
    this.env = { PATH: process.env['PATH'] ?? '', HOME: this.home, ...env }
  }

  start (args: readonly string[], { input, env = {}, cwd = this.home, group = false }: RunOptions = {}): Running {
    const child = spawn(process.execPath, [entry, ...args], {
      env: { ...this.env, ...env }, cwd, detached: group, stdio: ['pipe', 'pipe', 'pipe']
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => { output.stdout += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { output.stderr += text })
    child.stdin.on('error', () => {})
    if (input !== undefined) child.stdin.end(input)
    const ended = once(child, 'close').then(([code, signal]) => (
      { ...output, code: code as number | null ?? 128 + signals[signal as string]! }))
    return { child, ended, output }
  }

  async run (args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, { input: '', ...options }).ended
  }

  /** @returns standard output @throws if it fails */
  async ok (args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options)
    if (code !== 0) throw new Error(`streams ${args.join(' ')}: exit code ${code}\n${stderr}\n${stdout}`)
    return stdout
  }

  /** Lines of JSON. */
  async json <T = Record<string, unknown>> (args: readonly string[], options: RunOptions = {}): Promise<T[]> {
    return linesOf(await this.ok([...args, '--json'], options)).map((line) => JSON.parse(line) as T)
  }
}

export function linesOf (text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** The end of a topic. Asked without the command, whose start takes long enough for others to finish. */
export async function endOf (url: string, topic: string): Promise<number> {
  try {
    const { end = 1 } = await (await fetch(`${url}/topics/${topic}`)).json() as { end?: number }
    return end
  } catch {
    return 1
  }
}

/** The command, with a server on SQLite. */
export async function withServer (t: TestContext, settings: Readonly<Record<string, string>> = {}): Promise<{
  readonly streams: Streams, readonly url: string, readonly folder: string
}> {
  const folder = mkdtempSync(join(tmpdir(), 'streams-server-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const { baseUrl } = await startServer(t, { DATA_DIR: folder, LOG_LEVEL: 'silent', ...settings })
  return { streams: new Streams(t, { STREAMS_URL: baseUrl }), url: baseUrl, folder }
}
