import type { TokenStore } from '../../ports/token-store.ts'
import { Table, type TableSettings } from './client.ts'
import { absent, Expression, itemExists } from './expression.ts'
import { createKeyList, type KeyRange } from './key-list.ts'
import { KIND, PK, text, TOKEN, TOKEN_KIND, tokenKey, tokenTextOf } from './table.ts'

/** Access tokens as items of their own. */
export function createDynamoTokenStore (settings: TableSettings): TokenStore {
  const table = new Table(settings)
  const list = createKeyList(table, settings.warn)

  return {
    async read (id, options) {
      const { item } = await table.get(tokenKey(id), options)
      return item === undefined ? undefined : { id, text: tokenTextOf(item) }
    },

    async create (token, options) {
      const expression = new Expression().set(KIND, text(TOKEN_KIND)).set(TOKEN.text, text(token.text))
      const { applied } = await table.put(tokenKey(token.id), expression.update([absent(PK)]), options)
      return applied ? 'created' : 'exists'
    },

    async remove (id, options) {
      const { applied } = await table.remove(tokenKey(id), new Expression().condition([itemExists]), options)
      return applied
    },

    async list (after, limit, options) {
      const { names, truncated } = await list(allTokens, after, limit, options)
      return { ids: names, truncated }
    }
  }
}

const allTokens: KeyRange = {
  what: 'access tokens',
  kind: TOKEN_KIND,
  prefix: tokenKey(''),
  scanned: { attributes: [], filter: (e) => `${e.name(KIND)}=${e.value(text(TOKEN_KIND))}`, includes: () => true }
}
