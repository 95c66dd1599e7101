import type { TestContext } from 'node:test'
import { openSqliteStore, type SqliteStore } from '../../src/adapters/sqlite/open.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { offsetCounterContract } from './offset-counter.ts'
import { segmentStoreContract } from './segment-store.ts'

segmentStoreContract('sqlite', (t) => open(t).segments)
offsetCounterContract('sqlite', (t) => open(t).counter)

function open (t: TestContext): SqliteStore {
  const store = openSqliteStore(temporaryFolder(t))
  t.after(() => store.close())
  return store
}
