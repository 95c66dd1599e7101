import { computed, effect, signal } from '@preact/signals'
import { StreamsClient, StreamsError } from '../../../clients/typescript/src/index.ts'

/** Where the service is: one level above the page. The path may begin with a stage, or with a proxy's prefix. */
export const serviceUrl = new URL('..', document.baseURI).href.replace(/\/$/, '')

const tokenKey = 'streams-console-token'

/** Kept by the browser until the tab is closed, and sent in the header `Authorization` only. */
export const token = signal(sessionStorage.getItem(tokenKey) ?? undefined)

/** Why a token is asked for; `undefined`: it is not. */
export const tokenWanted = signal<string | undefined>(undefined)

/** Whether the last request got an answer. */
export const reachable = signal(true)

/** Whether requests need a token: those with one have worked, or one without was refused. */
export const usesTokens = computed(() => token.value !== undefined || tokenWanted.value !== undefined)

effect(() => {
  if (token.value === undefined) sessionStorage.removeItem(tokenKey)
  else sessionStorage.setItem(tokenKey, token.value)
})

function connect (): StreamsClient {
  return new StreamsClient({
    url: serviceUrl,
    ...token.value !== undefined && { token: token.value },
    // A person waits.
    timeoutMs: 12_000,
    retry: { baseMs: 200, maxMs: 2_000 },
    hooks: {
      onResponse ({ status }) {
        reachable.value = true
        if (status === 401) tokenWanted.value = token.value === undefined ? 'needed' : 'refused'
      },
      onRetry ({ error }) {
        if (error.status === undefined) reachable.value = false
      }
    }
  })
}

/** Another one for each token. */
export const client = computed(connect)

export function useToken (text: string | undefined): void {
  tokenWanted.value = undefined
  token.value = text
}

/** The service's own words, which name the field or the grant. */
export function messageOf (error: unknown): string {
  if (!(error instanceof StreamsError)) return String(error instanceof Error ? error.message : error)
  if (hasCode(error, 'no_answer', 'timeout')) return 'The server does not answer.'
  return error.message
}

export function hasCode (error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof StreamsError && codes.includes(error.code)
}
