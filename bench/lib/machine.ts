import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { resolve } from 'node:path'

/** What the figures were measured on: without it they mean nothing. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly os: string
  readonly node: string
  readonly disk: string
  readonly dataDir: string
  readonly date: string
  readonly commit: string
  /** Of the last minute before the run: what else the machine had to do. */
  readonly loadBefore: number
}

export function describeMachine (dataDir: string): Machine {
  mkdirSync(dataDir, { recursive: true })
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30 * 10) / 10,
    os: `${type()} ${release()} ${arch()}`,
    node: process.version,
    disk: diskOf(dataDir),
    dataDir: resolve(dataDir),
    date: new Date().toISOString(),
    commit: commit(),
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100
  }
}

/** Device and file system that hold a folder. One in memory would make a store that syncs look fast for nothing. */
function diskOf (folder: string): string {
  const path = resolve(folder)
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' '))
    const [device, point, system] = mounts
      .filter(([, point = '-']) => path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`))
      .sort(([, a = ''], [, b = '']) => b.length - a.length)[0] ?? []
    return `${system} on ${device} (${point})${system === 'tmpfs' ? ': MEMORY, NO DISK' : ''}`
  } catch {
    return 'unknown'
  }
}

function commit (): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const changed = git('status', '--porcelain', '--', '../../src', '../../package-lock.json') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes in src' : '')
  } catch {
    return 'unknown'
  }
}
