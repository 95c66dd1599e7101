import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { listeningApp, type MemoryApp, type MemoryAppOptions } from './app.ts'
import { type Answer, ask, type Ask } from './requests.ts'

export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

/** An app with access control, and its tokens. */
export interface AccessApp extends MemoryApp {
  readonly baseUrl: string
  /** The text of a new token. */
  readonly token: (...allow: string[]) => Promise<string>
  /** A request with a token that allows this much. */
  readonly as: (allow: string | readonly string[], request: Ask) => Promise<Answer>
}

export async function accessApp (t: TestContext, options: MemoryAppOptions = {}): Promise<AccessApp> {
  const { tokens, ...made } = await listeningApp(t, { access: 'tokens', ...options })
  const token = async (...allow: string[]): Promise<string> => (await tokens.create({ name: `test ${randomUUID()}`, allow }, 'a test')).text
  const known = new Map<string, Promise<string>>()
  return {
    ...made,
    tokens,
    token,
    async as (allow, request) {
      const key = [allow].flat().join(' ')
      if (!known.has(key)) known.set(key, token(...[allow].flat()))
      return ask(made.baseUrl, { ...request, headers: { ...request.headers, ...bearer(await known.get(key)!) } })
    }
  }
}
