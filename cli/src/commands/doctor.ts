import { lookup } from 'node:dns/promises'
import { existsSync } from 'node:fs'
import { configPath, isOpenToOthers } from '../config.ts'
import type { Connection } from '../connection.ts'
import { CommandError, failureOf } from '../failures.ts'
import type { Session } from '../session.ts'
import { version } from '../version.ts'

type Verdict = 'ok' | 'warning' | 'failed' | 'skipped'

interface Check {
  readonly check: string
  readonly verdict: Verdict
  readonly text: string
  /** What to do. */
  readonly mend?: string
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  readonly ms: number
  /** When it was asked, and answered, by our clock. */
  readonly at: number
}

const timeoutMs = 10_000
const skewMs = 5_000

/** Checks everything between the command line and the storage, and says what to mend. */
export async function doctor (session: Session, { topic }: { readonly topic?: string }): Promise<void> {
  const checks: Check[] = []
  const { out } = session
  for await (const check of examine(session, topic)) {
    checks.push(check)
    if (out.json) out.value(check)
    else show(session, check)
  }
  const failed = checks.filter(({ verdict }) => verdict === 'failed')
  if (failed.length > 0) {
    throw new CommandError(`${failed.length} of ${checks.length} checks failed: ${failed.map(({ check }) => check).join(', ')}`, {
      code: 'checks_failed', hint: failed.find(({ mend }) => mend !== undefined)?.mend
    })
  }
}

function show ({ out }: Session, { check, verdict, text, mend }: Check): void {
  const style = ({ ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' } as const)[verdict]
  out.line(`${out.style(style, verdict.padEnd(7))}  ${check.padEnd(13)}  ${text}`)
  if (mend !== undefined) out.line(`${' '.repeat(24)}${out.style('bold', '→')} ${mend}`)
}

async function * examine (session: Session, topic: string | undefined): AsyncGenerator<Check, void, undefined> {
  yield { check: 'command', verdict: 'ok', text: `streams ${version} on Node ${process.versions.node}, ${process.platform}` }
  let connection: Connection
  try {
    connection = session.connection
  } catch (error) {
    const { message, hint } = failureOf(error)
    yield { check: 'settings', verdict: 'failed', text: message, ...hint !== undefined && { mend: hint } }
    return
  }
  yield * checkSettings(connection)
  const { url, token } = connection
  const ask = asker(connection)
  const health = await ask('/health').catch((error: unknown) => error as Error)
  if (health instanceof Error) {
    yield await unreachable(url, health)
    return
  }
  const isService = health.status === 200 && health.text.includes('"status"')
  yield isService
    ? { check: 'reachable', verdict: 'ok', text: `/health answers in ${health.ms.toFixed(0)} ms` }
    : {
        check: 'reachable',
        verdict: 'failed',
        text: `${url}/health answers ${health.status}, which is not an answer of the service: ${detailOf(health.text)}`,
        mend: 'correct the URL; behind an API Gateway it ends with the stage, and a proxy must pass the path on'
      }
  if (!isService) return
  yield clock(await ask('/health'))
  yield * checkVersions(ask)
  yield storage(await ask('/ready'))
  yield * checkAccess(ask, token, topic)
}

function * checkSettings ({ url, urlFrom, tokenFrom }: Connection): Generator<Check, void, undefined> {
  const token = tokenFrom === undefined ? 'no token' : `a token from ${tokenFrom}`
  yield { check: 'settings', verdict: 'ok', text: `${url} from ${urlFrom}, ${token}` }
  if (existsSync(configPath()) && isOpenToOthers()) {
    yield { check: 'config file', verdict: 'warning', text: 'other users of this machine can read it', mend: `chmod 600 ${configPath()}` }
  }
  const { protocol, hostname } = new URL(url)
  if (tokenFrom !== undefined && protocol === 'http:' && !/^(localhost|127\.|\[::1\])/.test(hostname)) {
    yield { check: 'encryption', verdict: 'warning', text: 'the token goes over the network unencrypted', mend: 'use an https URL' }
  }
}

type Ask = (path: string, request?: { readonly method?: string, readonly body?: string, readonly token?: boolean }) => Promise<Answer>

/** Requests by hand: each check says what it makes of each answer. */
function asker ({ url, token }: Connection): Ask {
  return async (path, { method = 'GET', body, token: withToken = false } = {}) => {
    const headers = new Headers(body === undefined ? {} : { 'content-type': 'application/json' })
    if (withToken && token !== undefined) headers.set('authorization', `Bearer ${token}`)
    const at = Date.now()
    const startedAt = performance.now()
    const response = await fetch(url.replace(/\/+$/, '') + path, {
      method, headers, signal: AbortSignal.timeout(timeoutMs), ...body !== undefined && { body }
    })
    const ms = performance.now() - startedAt
    return { status: response.status, text: await response.text(), headers: response.headers, ms, at: at + ms / 2 }
  }
}

async function unreachable (url: string, error: Error): Promise<Check> {
  const cause = (error.cause ?? error) as NodeJS.ErrnoException
  const { hostname, port } = new URL(url)
  const failed = (text: string, mend: string): Check => ({ check: 'reachable', verdict: 'failed', text, mend })
  if (cause.code === 'ENOTFOUND' || cause.code === 'EAI_AGAIN') {
    const others = await lookup('example.com').then(() => true, () => false)
    return failed(`the name ${hostname} is not known`, others ? 'correct the URL' : 'no name is found: is there a network?')
  }
  if (cause.code === 'ECONNREFUSED') {
    const where = `${hostname}, port ${port === '' ? 'of the protocol' : port}`
    return failed(`nothing listens at ${where}`, 'start the server: npm start; or correct the URL')
  }
  if (error.name === 'TimeoutError') return failed(`no answer within ${timeoutMs / 1_000} s`, 'look for a firewall, or a wrong port')
  if (cause.message === 'bad port') return failed(`fetch refuses port ${port}`, 'let the service listen on another one, such as 9000')
  return failed(String(cause.message), /certificate|SSL|TLS/i.test(String(cause.message))
    ? 'give Node the certificate of your authority: NODE_EXTRA_CA_CERTS=FILE'
    : 'correct the URL')
}

function clock ({ headers, at }: Answer): Check {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) return { check: 'clock', verdict: 'skipped', text: 'the answer has no date' }
  // A date has whole seconds.
  const behind = Math.max(0, date - at, at - date - 1_000)
  if (behind < skewMs) return { check: 'clock', verdict: 'ok', text: 'that of the server, within seconds' }
  return {
    check: 'clock',
    verdict: 'warning',
    text: `${(behind / 1_000).toFixed(0)} s ${date > at ? 'behind' : 'ahead of'} that of the server`,
    mend: 'set the clock (NTP): --since and the expiry of tokens depend on it'
  }
}

async function * checkVersions (ask: Ask): AsyncGenerator<Check, void, undefined> {
  const answer = await ask('/openapi.json').catch(() => undefined)
  let server: unknown
  try {
    server = (JSON.parse(answer?.text ?? '') as { info?: { version?: unknown } }).info?.version
  } catch {}
  if (typeof server !== 'string') {
    yield { check: 'versions', verdict: 'skipped', text: 'the server does not tell its version' }
    return
  }
  const same = minorOf(server) === minorOf(version)
  yield same
    ? { check: 'versions', verdict: 'ok', text: `the server has ${server}` }
    : {
        check: 'versions',
        verdict: 'warning',
        text: `the server has ${server}, this command ${version}`,
        mend: 'install the command of that version'
      }
}

/** Before 1.0.0 the second number counts. */
function minorOf (text: string): string {
  const [major = '', minor = ''] = text.split('.')
  return major === '0' ? `0.${minor}` : major
}

function storage ({ status, text, ms }: Answer): Check {
  if (status === 200) return { check: 'storage', verdict: 'ok', text: `/ready answers in ${ms.toFixed(0)} ms` }
  return {
    check: 'storage',
    verdict: 'failed',
    text: `/ready answers ${status}: ${detailOf(text)}`,
    mend: 'for the operator: the log of the server, and docs/operations.md, say what to do'
  }
}

async function * checkAccess (ask: Ask, token: string | undefined, topic: string | undefined): AsyncGenerator<Check, void, undefined> {
  const answer = await ask('/topics?limit=1', { token: true })
  if (answer.status === 401) {
    const [text, mend] = token === undefined
      ? ['the service needs one', 'set STREAMS_TOKEN; or: streams profiles set NAME --url URL --token-stdin']
      : [`it is refused: ${detailOf(answer.text)}`, 'ask an operator for a new one: streams token create']
    yield { check: 'token', verdict: 'failed', text, mend }
    return
  }
  if (answer.status !== 200) {
    yield { check: 'token', verdict: 'failed', text: `/topics answers ${answer.status}: ${detailOf(answer.text)}` }
    return
  }
  const open = token === undefined || (await ask('/topics?limit=1')).status === 200
  yield { check: 'token', verdict: 'ok', text: open ? 'none is needed' : 'it is accepted' }
  if (open) return
  const manages = await ask('/tokens?limit=1', { token: true })
  const metrics = await ask('/metrics', { token: true })
  const rights = [[manages.status !== 403, 'admin:*'], [metrics.status !== 403, 'metrics']] as const
  const more = topic === undefined ? '; --topic tells those of a topic' : ''
  yield { check: 'rights', verdict: 'ok', text: `${rights.map(([has, grant]) => `${has ? '' : 'not '}${grant}`).join(', ')}${more}` }
  if (topic !== undefined) yield await rightsOf(ask, topic)
}

/** Asks for what is refused or changes nothing: with the grant the answer is another one than 403. */
async function rightsOf (ask: Ask, topic: string): Promise<Check> {
  const path = `/topics/${encodeURIComponent(topic)}`
  const requests = {
    produce: { path: `${path}/produce`, method: 'POST', body: '{}' },
    consume: { path: `${path}/consume?offset=latest&limit=1`, method: 'GET' },
    groups: { path: `${path}/groups?limit=1`, method: 'GET' },
    // Nothing is below offset 1.
    admin: { path: `${path}/trim`, method: 'POST', body: '{"before":1}' }
  }
  const rights = await Promise.all(Object.entries(requests).map(async ([grant, { path, ...request }]) => {
    const { status } = await ask(path, { ...request, token: true })
    return `${status === 403 ? 'not ' : ''}${grant}:${topic}`
  }))
  return { check: 'topic', verdict: 'ok', text: rights.join(', ') }
}

function detailOf (text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return detail
  } catch {}
  return text.replace(/\s+/g, ' ').slice(0, 100)
}
