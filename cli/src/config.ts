import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError, usageError } from './failures.ts'

/** A service, and the token for it. */
export interface Profile {
  readonly url: string
  readonly token?: string
}

export interface Config {
  /** The profile that is used if none is named. */
  readonly current?: string
  readonly profiles: Readonly<Record<string, Profile>>
}

type Environment = Readonly<Record<string, string | undefined>>

export function configPath (env: Environment = process.env): string {
  return join(folder(env, 'XDG_CONFIG_HOME', '.config'), 'config.json')
}

/** For what a run has to remember. */
export function stateFolder (env: Environment = process.env): string {
  return folder(env, 'XDG_STATE_HOME', '.local/state')
}

function folder (env: Environment, variable: string, otherwise: string): string {
  const base = env[variable]
  return join(base === undefined || base === '' ? join(homedir(), otherwise) : base, 'streams')
}

/** @throws CommandError if the file is damaged */
export function readConfig (path = configPath()): Config {
  const text = readIfThere(path)
  if (text === undefined) return { profiles: {} }
  try {
    const { current, profiles = {} } = JSON.parse(text) as Partial<Config>
    if (typeof profiles !== 'object' || Object.values(profiles).some(({ url }) => typeof url !== 'string')) throw new Error('no profiles')
    return { profiles, ...typeof current === 'string' && { current } }
  } catch (cause) {
    throw usageError(`${path}: expected {"current": NAME, "profiles": {NAME: {"url": URL}}}, got something else (${String(cause)})`,
      'mend or remove the file')
  }
}

/** For the owner only, as it has tokens. It is replaced as a whole, so that a crash leaves the old file or the new one. */
export function writeConfig (config: Config, path = configPath()): void {
  writePrivately(path, `${JSON.stringify(config, null, 2)}\n`)
}

export function writePrivately (path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const next = `${path}.${process.pid}.new`
  writeFileSync(next, text, { mode: 0o600 })
  chmodSync(next, 0o600)
  renameSync(next, path)
}

/** Whether others can read the file. Windows has no such modes. */
export function isOpenToOthers (path = configPath()): boolean {
  if (process.platform === 'win32') return false
  try {
    return (statSync(path).mode & 0o077) !== 0
  } catch {
    return false
  }
}

export function readIfThere (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) return undefined
    throw new CommandError(`${path}: ${(error as Error).message}`)
  }
}
