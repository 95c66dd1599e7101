import type { Server } from 'node:net'
import { StoreError, type StoreFailure } from '../../ports/errors.ts'
import type { StoredToken, TokenListing, TokenStore } from '../../ports/token-store.ts'
import { connectInFolder, listenInFolder } from './socket.ts'

/**
 * In the data folder. Apart from that of backups, so that a server of an older version, which knows nothing of tokens, does not
 * take a request for the name of a folder.
 */
const SOCKET_FILE = 'tokens.sock'

/** A call of {@link TokenStore}, as JSON. Tokens themselves are never sent, only what is stored of them. */
type Call =
  | { readonly read: string }
  | { readonly create: StoredToken }
  | { readonly remove: string }
  | { readonly list: { readonly after: string, readonly limit: number } }

/** `null` is what `read` did not find. */
type Answer =
  | { readonly value: unknown }
  | { readonly failure: StoreFailure | 'internal', readonly effect: StoreError['effect'], readonly message: string }

/** Lets the commands of the server's user call the store. @throws Error if the socket cannot be created */
export function listenForTokens (folder: string, store: TokenStore): Promise<Server> {
  return listenInFolder(folder, SOCKET_FILE, async (request) => {
    const answer = await answerTo(store, request).then((value): Answer => ({ value: value ?? null }), failed)
    return JSON.stringify(answer)
  })
}

async function answerTo (store: TokenStore, request: string): Promise<unknown> {
  const call = JSON.parse(request) as Partial<Record<string, unknown>>
  if (typeof call['read'] === 'string') return store.read(call['read'])
  if (typeof call['remove'] === 'string') return store.remove(call['remove'])
  if (isToken(call['create'])) return store.create(call['create'])
  if (isRange(call['list'])) return store.list(call['list'].after, call['list'].limit)
  throw new Error('the server does not know this request: use the command of the version that runs')
}

function isToken (value: unknown): value is StoredToken {
  const { id, text } = (value ?? {}) as Partial<StoredToken>
  return typeof id === 'string' && typeof text === 'string'
}

function isRange (value: unknown): value is { after: string, limit: number } {
  const { after, limit } = (value ?? {}) as { after?: unknown, limit?: unknown }
  return typeof after === 'string' && Number.isSafeInteger(limit)
}

function failed (error: unknown): Answer {
  if (error instanceof StoreError) return { failure: error.failure, effect: error.effect, message: error.message }
  return { failure: 'internal', effect: 'unknown', message: error instanceof Error ? error.message : String(error) }
}

/**
 * The tokens of the server that runs on the folder.
 * @returns `undefined` if no server runs there, or if it does not listen on the socket
 */
export async function connectToTokens (folder: string): Promise<TokenStore | undefined> {
  const connection = await connectInFolder(folder, SOCKET_FILE)
  if (connection === undefined) return undefined
  connection.close()
  const ask = async <T>(call: Call): Promise<T> => await askServer(folder, call) as T
  return {
    read: async (id) => await ask<StoredToken | null>({ read: id }) ?? undefined,
    create: (token) => ask({ create: token }),
    remove: (id) => ask({ remove: id }),
    list: (after, limit) => ask<TokenListing>({ list: { after, limit } })
  }
}

/** Each call has a connection of its own. @throws StoreError */
async function askServer (folder: string, call: Call): Promise<unknown> {
  const connection = await connectInFolder(folder, SOCKET_FILE)
  if (connection === undefined) throw new StoreError('unavailable', 'none', 'The server has ended')
  const text = await connection.ask(JSON.stringify(call)).catch(() => '')
  if (text === '') throw new StoreError('unavailable', 'unknown', 'The server ended before it answered')
  const answer = JSON.parse(text) as Answer
  if ('value' in answer) return answer.value
  if (answer.failure === 'internal') throw new Error(answer.message)
  throw new StoreError(answer.failure, answer.effect, answer.message)
}
