import { userInfo } from 'node:os'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DATABASE_FILE } from './adapters/sqlite/files.ts'
import { systemClock } from './adapters/system/clock.ts'
import { type AwsStorage, type FolderStorage, loadSettings, SettingsError, type StorageSettings } from './app/config.ts'
import { type NewToken, problemOf, type TokenDescription, Tokens } from './domain/access/tokens.ts'
import { LogError } from './domain/errors.ts'
import { defaultLimits } from './domain/limits.ts'
import { openTokenStore, StartError } from './wiring.ts'

const help = `Creates, lists and revokes access tokens, in the storage that the server's settings name.

  npm run -s token -- create --name NAME --allow GRANT [--allow GRANT …] [--expires-in TIME] [--rate N]
  npm run -s token -- list
  npm run -s token -- revoke ID

  --name NAME        for people; two tokens may have the same name
  --allow GRANT      what the token may do: action:pattern, or metrics. The action is produce, consume, groups or admin; the pattern
                     a topic, or a prefix and *
  --expires-in TIME  a number and s, m, h or d, such as 12h or 90d; by default the token does not expire
  --rate N           requests a second, in each server process

Examples:

  TOKEN=$(npm run -s token -- create --name ci --allow 'produce:orders.*' --expires-in 90d)
  npm run -s token -- create --name operator --allow 'admin:*' --allow metrics
  BUCKET_NAME=my-bucket COUNTERS_TABLE=my-table npm run -s token -- list

The token is the only text on standard output. It is not stored and can't be shown again. The exit code is 0 when it was done, 1 when
it could not be done, 2 when the command was not understood.`

/** Tokens that one call lists. */
const PAGE = 100
const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

class UsageError extends Error {
  override readonly name = 'UsageError'
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const isOperatorError = error instanceof StartError || error instanceof SettingsError || error instanceof UsageError
  console.error(isOperatorError ? error.message : error instanceof LogError ? textOf(error) : error)
  if (error instanceof UsageError) console.error('For help: npm run -s token -- --help')
  process.exitCode = error instanceof UsageError ? 2 : 1
}

async function run (args: string[]): Promise<void> {
  const { values, positionals: [command, ...operands] } = parsed(args)
  const { help: wantsHelp = false, ...options } = values
  if (wantsHelp) {
    console.log(help)
    return
  }
  const [option] = Object.keys(options)
  if (command !== 'create' && option !== undefined) throw new UsageError(`--${option}: expected only with create`)
  switch (command) {
    case 'create': {
      if (operands.length > 0) throw new UsageError(`create: expected options only, got ${JSON.stringify(operands[0])}`)
      const wanted = wantedOf(options)
      const problem = problemOf(wanted, systemClock.wall(), defaultLimits)
      if (problem !== undefined) throw new UsageError(problem)
      return await withTokens(true, (tokens, location) => create(tokens, wanted, location))
    }
    case 'list':
      if (operands.length > 0) throw new UsageError(`list: expected nothing more, got ${JSON.stringify(operands[0])}`)
      return await withTokens(false, list)
    case 'revoke': {
      const [id, ...more] = operands
      if (id === undefined || more.length > 0) throw new UsageError('revoke: expected one ID; list shows them')
      if (!/^[0-9A-Za-z]{1,64}$/.test(id)) throw new UsageError('revoke: expected an ID, the part of a token between its two _')
      return await withTokens(false, (tokens) => revoke(tokens, id))
    }
    default:
      throw new UsageError(`expected create, list or revoke, got ${command === undefined ? 'nothing' : JSON.stringify(command)}`)
  }
}

function parsed (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        name: { type: 'string' },
        allow: { type: 'string', multiple: true },
        'expires-in': { type: 'string' },
        rate: { type: 'string' }
      }
    })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

interface Options {
  readonly name?: string | undefined
  readonly allow?: string[] | undefined
  readonly 'expires-in'?: string | undefined
  readonly rate?: string | undefined
}

/** {@link problemOf} checks what is in them. */
function wantedOf ({ name, allow, 'expires-in': time, rate }: Options): NewToken {
  if (name === undefined) throw new UsageError('--name: is missing')
  if (allow === undefined) throw new UsageError('--allow: is missing, such as --allow \'produce:orders.*\'')
  const isNumber = rate === undefined || /^[0-9]{1,15}$/.test(rate)
  if (!isNumber) throw new UsageError(`--rate: expected a whole number, got ${JSON.stringify(rate)}`)
  return {
    name, allow, expiresInMs: time === undefined ? undefined : msOf(time), requestsPerSecond: rate === undefined ? undefined : Number(rate)
  }
}

function msOf (time: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})([smhd])$/.exec(time) ?? []
  if (unit === undefined) {
    throw new UsageError(`--expires-in: expected a number and s, m, h or d, such as 90d, got ${JSON.stringify(time)}`)
  }
  return Number(count) * UNITS_MS[unit]!
}

async function create (tokens: Tokens, wanted: NewToken, location: string): Promise<void> {
  const { text, id, token: { expiresAtMs } } = await tokens.create(wanted, createdBy())
  const expiry = expiresAtMs === undefined ? 'does not expire' : `expires at ${new Date(expiresAtMs).toISOString()}`
  console.error(`Created the token ${id} in ${location}. It ${expiry}. This is the only time that it is shown:`)
  console.log(text)
}

function createdBy (): string {
  try {
    return `npm run token, user ${userInfo().username}`
  } catch {
    // In a container, the user may have no name.
    return 'npm run token'
  }
}

/** For people; the members of the list are also at `GET /tokens`. */
async function list (tokens: Tokens, location: string): Promise<void> {
  let count = 0
  let after: string | undefined = ''
  while (after !== undefined) {
    const page = await tokens.list(after, PAGE)
    for (const token of page.tokens) console.log(lineOf(token))
    count += page.tokens.length
    after = page.next
  }
  console.error(`${count} ${count === 1 ? 'token' : 'tokens'} in ${location}`)
}

function lineOf ({ id, token }: TokenDescription): string {
  if (token === undefined) return `${id}  can't be read, so it is refused: revoke it`
  const { name, allow, createdAtMs, createdBy, expiresAtMs, requestsPerSecond } = token
  const expiry = expiresAtMs === undefined
    ? 'does not expire'
    : `${expiresAtMs <= systemClock.wall() ? 'expired' : 'expires'} ${new Date(expiresAtMs).toISOString()}`
  return [
    id, JSON.stringify(name), allow.join(' '), `created ${new Date(createdAtMs).toISOString()} by ${JSON.stringify(createdBy)}`, expiry,
    ...requestsPerSecond === undefined ? [] : [`${requestsPerSecond} requests/s`]
  ].join('  ')
}

async function revoke (tokens: Tokens, id: string): Promise<void> {
  await tokens.revoke(id)
  console.error(`Revoked the token ${id}. Running servers refuse it within ${defaultLimits.tokenCacheMs / 1_000} s.`)
}

/** @param creates whether a data folder that does not exist is created */
async function withTokens (creates: boolean, work: (tokens: Tokens, location: string) => Promise<void>): Promise<void> {
  const { storage } = loadSettings(process.env)
  checkStorage(storage, creates)
  const opened = await openTokenStore(storage, console.error)
  try {
    await work(new Tokens({ store: opened.store, clock: systemClock }), opened.location)
  } finally {
    opened.close()
  }
}

/** @throws StartError */
function checkStorage (storage: StorageSettings, creates: boolean): asserts storage is AwsStorage | FolderStorage {
  if (storage.kind === 'memory') {
    throw new StartError('DATA_DIR: expected a folder, because what a server has in memory can\'t be reached from here, got :memory:. ' +
      'To try out access control, use an empty folder; to go without, start the server with AUTH=none')
  }
  if (storage.kind === 'folder' && !creates && !existsSync(join(storage.path, DATABASE_FILE))) {
    throw new StartError(`DATA_DIR: expected a folder with ${DATABASE_FILE}, got ${resolve(storage.path)}`)
  }
}

/** With its cause, which an answer of the server would not have: the reader has the credentials of the storage. */
function textOf ({ message, cause }: LogError): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message
}
