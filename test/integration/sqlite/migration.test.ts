import assert from 'node:assert/strict'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { SCHEMA_VERSION } from '../../../src/adapters/sqlite/schema.ts'
import type { RecordName } from '../../../src/ports/record-store.ts'
import { exactly, plain, range, reserve } from '../../support/storage/items.ts'
import { createVersion1 } from '../../support/storage/sqlite-v1.ts'
import { openStore } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const key: RecordName = { kind: 'key', topic: 't', id: 'k' }
const record = { last: 3, text: 'three' }

describe('a file of the first version of the embedded store', () => {
  for (const killed of [false, true]) {
    test(`is converted with all its data, ${killed ? 'with the log that a kill left' : 'closed'}`, async (t) => {
      const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
      const close = createVersion1(folder)
      if (!killed) close()
      for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(copy, file))
      if (killed) close()
      for (const start of [1, 2]) {
        const store = openStore(t, copy)
        assert.equal(Buffer.from((await store.segments.get('kept', 7))!.body).toString(), '{}')
        const { topics, records, tokens } = store
        assert.deepEqual(exactly(await topics.read('kept')), {
          currentOffset: 7, earliest: 3, reservedAtMs: 1_500, createdAtMs: 1_000, moves: 0, producers: {}
        }, `start ${start}`)
        const untouched = { moves: 0, producers: {} }
        assert.deepEqual(plain(await topics.read('deleted')), { currentOffset: 4, earliest: 1, deletedAtOffset: 4, ...untouched })
        assert.deepEqual(plain(await topics.read('raised')), { currentOffset: 0, earliest: 5, ...untouched })
        const names = start === 1 ? ['kept', 'raised'] : ['kept', 'new', 'raised']
        assert.deepEqual(await topics.list('', 10), { topics: names, truncated: false })
        if (start === 1) {
          await reserve(topics, 'new', 2, { producers: new Map([['p', 'P']]), order: 'O', closing: 'C' })
          await records.replace(key, record, null, { expiresAtMs: 1 })
          assert.equal(await tokens.create({ id: 'a', text: 'A' }), 'created')
        } else {
          assert.deepEqual(plain(await topics.read('new')), {
            currentOffset: 2, earliest: 1, moves: 0, producers: { p: [2, 'P'] }, order: [2, 'O'], closing: [2, 'C']
          })
          assert.deepEqual(await tokens.read('a'), { id: 'a', text: 'A' })
          assert.deepEqual(range(await reserve(topics, 'kept', 1)), [8, 8])
          assert.deepEqual(range(await reserve(topics, 'deleted', 1)), [5, 5])
        }
        store.close()
      }
    })
  }

  test('has the schema of a new one then', (t) => {
    const [old, fresh] = [temporaryFolder(t), temporaryFolder(t)]
    createVersion1(old)()
    for (const folder of [old, fresh]) openStore(t, folder).close()
    assert.deepEqual(schemaOf(old), schemaOf(fresh))
    assert.equal(schemaOf(old).version, SCHEMA_VERSION)
  })
})

test('a file from before there were access tokens gets their table', async (t) => {
  const folder = temporaryFolder(t)
  const before = openStore(t, folder)
  await reserve(before.topics, 'kept', 1)
  before.close()
  const database = new DatabaseSync(join(folder, 'streams.db'))
  database.exec('DROP TABLE tokens')
  database.close()
  const { tokens, topics } = openStore(t, folder)
  assert.deepEqual(await tokens.list('', 10), { ids: [], truncated: false })
  assert.equal(await tokens.create({ id: 'a', text: 'A' }), 'created')
  assert.equal((await topics.read('kept'))?.currentOffset, 1)
})

function schemaOf (folder: string): { tables: unknown, indexes: unknown, version: unknown } {
  const database = new DatabaseSync(join(folder, 'streams.db'))
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    return {
      tables: tables.map(({ name }) => [name, database.prepare(`PRAGMA table_info(${String(name)})`).all()]),
      indexes: database.prepare("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY name").all(),
      version: database.prepare('PRAGMA user_version').get()?.['user_version']
    }
  } finally {
    database.close()
  }
}
