import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { configPath, readConfig, writeConfig } from '../config.ts'
import { checkUrl } from '../connection.ts'
import { CommandError, usageError } from '../failures.ts'
import type { Session } from '../session.ts'

export function list ({ out, notes }: Session): void {
  const { current, profiles } = readConfig()
  const rows = Object.entries(profiles).sort(([a], [b]) => a < b ? -1 : 1)
  if (out.json) {
    for (const [name, { url, token }] of rows) out.value({ profile: name, url, token: token !== undefined, current: name === current })
    return
  }
  if (rows.length === 0) notes.note('There is no profile. streams profiles set NAME --url URL makes one')
  out.table(['', 'PROFILE', 'URL', 'TOKEN'], rows.map(([name, { url, token }]) => (
    [name === current ? '*' : ' ', name, url, token === undefined ? 'none' : 'stored'])))
}

export interface SetOptions {
  readonly url?: string
  readonly tokenStdin?: boolean
  readonly token?: boolean
}

/** The first profile becomes the current one. */
export async function set (session: Session, name: string, { tokenStdin = false, token: withToken = true }: SetOptions): Promise<void> {
  const { url } = session.options
  if (!/^[\w.-]{1,64}$/.test(name)) throw usageError('NAME: expected 1 to 64 letters, digits, dots, hyphens and underscores')
  const { current, profiles } = readConfig()
  const before = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  const address = url ?? before?.url
  if (address === undefined) throw usageError('--url: expected the address of the service, it is missing')
  checkUrl(address, '--url')
  const asked = tokenStdin ? await readToken(session) : undefined
  // A token is for the service that gave it.
  const token = asked ?? (withToken && before?.url === address ? before.token : undefined)
  const profile = { url: address, ...token !== undefined && { token } }
  writeConfig({ current: current ?? name, profiles: { ...profiles, [name]: profile } })
  const { out } = session
  if (out.json) out.value({ profile: name, url: address, token: token !== undefined, current: (current ?? name) === name })
  else out.line(`${name}: ${address}, ${token === undefined ? 'without a token' : 'with a token'}, in ${configPath()}`)
}

async function readToken ({ signal }: Session): Promise<string> {
  const text = process.stdin.isTTY ? await hidden('Token: ', signal) : await textOf(process.stdin)
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError('--token-stdin: expected a token on standard input, without spaces')
  return token
}

/** What is typed is not shown. */
async function hidden (question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question)
  const nowhere = new Writable({ write (_chunk, _encoding, done) { done() } })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return await new Promise((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => { resolve('') })
      lines.once('SIGINT', () => { process.kill(process.pid, 'SIGINT') })
      signal.addEventListener('abort', () => { reject(signal.reason as Error) })
    })
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

export function use ({ out }: Session, name: string): void {
  const config = readConfig()
  if (!Object.hasOwn(config.profiles, name)) throw noProfile(name)
  writeConfig({ ...config, current: name })
  if (out.json) out.value({ profile: name, current: true })
  else out.line(`current profile: ${name}`)
}

export function remove ({ out }: Session, name: string): void {
  const { current, profiles } = readConfig()
  if (!Object.hasOwn(profiles, name)) throw noProfile(name)
  const { [name]: _removed, ...others } = profiles
  writeConfig({ ...current !== undefined && current !== name && { current }, profiles: others })
  if (out.json) out.value({ profile: name, removed: true })
  else out.line(`removed: ${name}`)
}

function noProfile (name: string): CommandError {
  return new CommandError(`there is no profile ${JSON.stringify(name)}`, {
    exit: 'missing', code: 'profile_not_found', hint: 'streams profiles ls'
  })
}
