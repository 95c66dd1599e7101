import type { TokenStore } from '../../ports/token-store.ts'

/** Keeps the tokens in memory. @param tokens where it keeps their texts, by id */
export function createMemoryTokenStore (tokens = new Map<string, string>()): TokenStore {
  return {
    async read (id) {
      const text = tokens.get(id)
      return text === undefined ? undefined : { id, text }
    },

    async create ({ id, text }) {
      if (tokens.has(id)) return 'exists'
      tokens.set(id, text)
      return 'created'
    },

    async remove (id) {
      return tokens.delete(id)
    },

    async list (after, limit) {
      const later = [...tokens.keys()].filter((id) => id > after).sort()
      return { ids: later.slice(0, limit), truncated: later.length > limit }
    }
  }
}
