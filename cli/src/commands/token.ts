import type { TokenInfo } from '../../../clients/typescript/src/index.ts'
import { confirm } from '../confirm.ts'
import { usageError } from '../failures.ts'
import { harmless, timeOf } from '../output.ts'
import type { Session } from '../session.ts'

export interface TokenOptions {
  readonly name: string
  readonly allow: readonly string[]
  readonly expiresIn?: number
  readonly rate?: number
}

/** The token is the only text on standard output, so that a script can take it. */
export async function create (session: Session, { name, allow, expiresIn, rate }: TokenOptions): Promise<void> {
  const { client, out, notes, signal } = session
  if (allow.length === 0) throw usageError('--allow: expected at least one grant such as produce:orders.*')
  const token = await client.tokens.create({
    name, allow, ...expiresIn !== undefined && { expiresInMs: expiresIn }, ...rate !== undefined && { rate: { requests: rate } }
  }, { signal })
  session.result(token, () => {
    notes.note(`Token ${token.id} for ${harmless(name)}: ${allow.join(', ')}. It is shown only now:`)
    out.line(token.token)
  })
}

export async function list (session: Session): Promise<void> {
  const { client, out, signal } = session
  const rows: string[][] = []
  for await (const token of client.tokens.list({ signal })) {
    session.result(token, () => { rows.push([token.id, harmless(token.name ?? '?'), expiryOf(token), token.allow.join(', ')]) })
  }
  if (!out.json) out.table(['ID', 'NAME', 'EXPIRES', 'GRANTS'], rows)
}

function expiryOf ({ expiresAt }: TokenInfo): string {
  return expiresAt === null ? 'never' : timeOf(expiresAt)
}

export async function describe (session: Session, id: string): Promise<void> {
  const token = await session.client.tokens.describe(id, { signal: session.signal })
  session.result(token, () => {
    session.out.pairs([
      ['id', token.id],
      ['name', harmless(token.name ?? 'not readable')],
      ['grants', token.allow.join(', ')],
      ['created', token.createdAt === null ? 'not known' : `${timeOf(token.createdAt)} by ${token.createdBy ?? '?'}`],
      ['expires', expiryOf(token)],
      ['rate', token.rate === null ? 'default' : `${token.rate.requests} requests/s`]
    ])
  })
}

export async function revoke (session: Session, id: string, { yes }: { readonly yes?: boolean }): Promise<void> {
  const { client, out, signal } = session
  const { name } = await client.tokens.describe(id, { signal })
  await confirm(session, `Revoke the token ${id} (${harmless(name ?? '?')})?`, yes)
  await client.tokens.revoke(id, { signal })
  session.result({ id, revoked: true }, () => { out.line(`revoked: ${id}; servers refuse it within 10 seconds`) })
}
