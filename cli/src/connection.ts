import { type ClientOptions, type RetryOptions, StreamsClient } from '../../clients/typescript/src/index.ts'
import { type Config, readConfig } from './config.ts'
import { CommandError, usageError } from './failures.ts'

export const defaultUrl = 'http://127.0.0.1:9000'

/** Where the service is, and who we are there. */
export interface Connection {
  readonly url: string
  readonly token: string | undefined
  /** For `doctor`: where both come from. */
  readonly urlFrom: string
  readonly tokenFrom: string | undefined
}

export interface ConnectionOptions {
  readonly url?: string
  readonly profile?: string
}

/**
 * A URL and a token that belong together: the token of a profile goes nowhere but to the URL of that profile.
 * @throws CommandError if the profile does not exist, or the URL is none
 */
export function connectionOf (
  { url, profile }: ConnectionOptions, env: NodeJS.ProcessEnv = process.env, load: () => Config = readConfig
): Connection {
  const { STREAMS_URL: envUrl = '', STREAMS_TOKEN: envToken = '', STREAMS_PROFILE: envProfile = '' } = env
  if (url !== undefined && profile !== undefined) throw usageError('--url and --profile: expected one of them, got both')
  const ofEnvironment = envToken === '' ? {} : { token: envToken, tokenFrom: 'STREAMS_TOKEN' }
  if (profile !== undefined) return ofProfile(profile, '--profile', load())
  if (url !== undefined) return checked({ url, urlFrom: '--url', ...ofEnvironment })
  if (envUrl !== '') return checked({ url: envUrl, urlFrom: 'STREAMS_URL', ...ofEnvironment })
  const config = load()
  const name = envProfile === '' ? config.current : envProfile
  if (name === undefined) return checked({ url: defaultUrl, urlFrom: 'the default', ...ofEnvironment })
  const ofName = ofProfile(name, envProfile === '' ? 'the current profile' : 'STREAMS_PROFILE', config)
  return { ...ofName, ...ofEnvironment }
}

function ofProfile (name: string, from: string, { profiles }: Config): Connection {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (profile === undefined) {
    const known = Object.keys(profiles).join(', ')
    throw new CommandError(`${from}: there is no profile ${JSON.stringify(name)}`, {
      exit: 'missing',
      code: 'profile_not_found',
      hint: known === '' ? `streams profiles set ${name} --url URL` : `one of: ${known}`
    })
  }
  const { url, token } = profile
  return checked({ url, urlFrom: `the profile ${name}`, ...token !== undefined && { token, tokenFrom: `the profile ${name}` } })
}

function checked ({ url, urlFrom, token, tokenFrom }: Partial<Connection> & Pick<Connection, 'url' | 'urlFrom'>): Connection {
  checkUrl(url, urlFrom)
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw usageError(`${tokenFrom}: expected a token without spaces and line ends`)
  }
  return { url, urlFrom, token, tokenFrom }
}

/** @throws CommandError */
export function checkUrl (url: string, from: string): void {
  let parsed: URL | undefined
  try {
    parsed = new URL(url)
  } catch {}
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw usageError(`${from}: expected a URL such as https://streams.example.com, got ${JSON.stringify(url)}`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw usageError(`${from}: expected a URL without a user and a password`, 'tokens belong into STREAMS_TOKEN or a profile')
  }
}

/** The same text for all ways to write an address: of the case of a host, a default port, and a slash at the end. */
export function addressOf (url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}

/** For commands with an end that somebody waits for: an address where nobody listens is told within a second or two. */
export const impatient: RetryOptions = { attempts: 4, baseMs: 200, maxMs: 1_000 }

export function clientOf ({ url, token }: Connection, options: Partial<ClientOptions>): StreamsClient {
  return new StreamsClient({ url, ...token !== undefined && { token }, ...options })
}
