import assert from 'node:assert/strict'
import {
  chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync,
  writeFileSync, writeSync
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test, type TestContext } from 'node:test'
import { SCHEMA_VERSION } from '../../../src/adapters/sqlite/schema.ts'
import { append, openStore, startFailure, startProcess, type Line } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const root = process.getuid?.() === 0

describe('the embedded store at its start', () => {
  test('makes its folder, with those above, and finds its data again', async (t) => {
    const folder = join(temporaryFolder(t), 'some', 'where')
    const store = openStore(t, folder)
    const big = Buffer.alloc(5 * 1024 * 1024, 'big')
    assert.equal(await append(store, 't', 'small'), 1)
    assert.equal(await append(store, 't', big), 2)
    await store.topics.raiseEarliest('t', 2, {})
    store.close()
    assert.deepEqual(readdirSync(folder), ['streams.db'])

    const again = openStore(t, folder)
    assert.equal(Buffer.from((await again.segments.get('t', 1))!.body).toString(), 'small')
    assert.ok(big.equals((await again.segments.get('t', 2))!.body))
    const { currentOffset, earliest } = (await again.topics.read('t'))!
    assert.deepEqual({ currentOffset, earliest }, { currentOffset: 2, earliest: 2 })
    assert.equal(await append(again, 't', 'next'), 3)
  })

  test('refuses a folder that a newer version wrote, and leaves it as it is', (t) => {
    const folder = temporaryFolder(t)
    openStore(t, folder).close()
    const version = setVersion(folder, SCHEMA_VERSION + 1)
    const expected = `format ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION}`
    assert.throws(() => openStore(t, folder), startFailure('newer', folder, expected, 'newer version'))
    assert.equal(version(), SCHEMA_VERSION + 1)
  })

  test('refuses the database of another program', (t) => {
    const folder = temporaryFolder(t)
    const other = new DatabaseSync(join(folder, 'streams.db'))
    other.exec('CREATE TABLE theirs (x)')
    other.close()
    assert.throws(() => openStore(t, folder), startFailure('damaged', join(folder, 'streams.db'), 'another program'))
  })

  test('refuses a file that is no database, or half of one', async (t) => {
    const text = temporaryFolder(t)
    writeFileSync(join(text, 'streams.db'), 'This is not a database. '.repeat(1_000))
    assert.throws(() => openStore(t, text), startFailure('damaged', join(text, 'streams.db'), 'backup'))

    const half = temporaryFolder(t)
    const store = openStore(t, half)
    await append(store, 't', 'x'.repeat(100_000))
    store.close()
    truncateSync(join(half, 'streams.db'), 4_096)
    assert.throws(() => openStore(t, half), startFailure('damaged', join(half, 'streams.db'), 'backup'))
  })

  for (const [what, before, between] of [
    ['grown meanwhile', 100, 3_000],
    ['a log later', 1_000, 1_000],
    ['a little written in between', 10, 30]
  ] as const) {
    test(`of a folder that was copied file by file while it was written, ${what}: says so, or has everything`, async (t) => {
      const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
      const store = openStore(t, folder)
      const body = 'x'.repeat(7_000)
      for (let i = 0; i < before; i++) await append(store, 't', body)
      copyFileSync(join(folder, 'streams.db'), join(copy, 'streams.db'))
      for (let i = 0; i < between; i++) await append(store, 't', body)
      copyFileSync(join(folder, 'streams.db-wal'), join(copy, 'streams.db-wal'))
      store.close()
      await isRefusedOrWhole(t, copy, before + between, between > 100)
    })
  }

  // The database does not grow: nothing in it tells SQLite that it is older than the log.
  test('of such a copy with rows deleted and written anew: says so', async (t) => {
    const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
    const store = openStore(t, folder)
    const body = 'x'.repeat(7_000)
    for (let i = 0; i < 2_000; i++) await append(store, 't', body)
    await store.segments.remove('t', Array.from({ length: 2_000 }, (_, i) => i + 1))
    for (let i = 0; i < 600; i++) await append(store, 't', body)
    copyFileSync(join(folder, 'streams.db'), join(copy, 'streams.db'))
    for (let i = 0; i < 1_200; i++) await append(store, 't', body)
    copyFileSync(join(folder, 'streams.db-wal'), join(copy, 'streams.db-wal'))
    store.close()
    for (const start of [1, 2]) {
      assert.throws(() => openStore(t, copy), startFailure('damaged', copy, 'are of different times', 'npm run backup'), `start ${start}`)
    }
  })

  test('takes a database that a kill left half-moved: with its log it is whole', async (t) => {
    const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
    for (let start = 0; start < 3; start++) {
      const store = openStore(t, folder)
      await append(store, 't', 'x')
      if (start < 2) {
        store.close()
        continue
      }
      for (const file of ['streams.db', 'streams.db-wal']) copyFileSync(join(folder, file), join(copy, file))
      store.close()
    }
    const database = new DatabaseSync(join(folder, 'streams.db'))
    const { rootpage } = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'log_generation'").get() as { rootpage: number }
    const pageBytes = Number((database.prepare('PRAGMA page_size').get() as { page_size: number }).page_size)
    database.close()
    // The page is in the log as well.
    const descriptor = openSync(join(copy, 'streams.db'), 'r+')
    writeSync(descriptor, Buffer.alloc(pageBytes), 0, pageBytes, (rootpage - 1) * pageBytes)
    closeSync(descriptor)
    assert.equal(await append(openStore(t, copy), 't', 'x'), 4)
  })

  test('refuses a database that is newer than its log', async (t) => {
    const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
    const store = openStore(t, folder)
    const body = 'x'.repeat(7_000)
    for (let i = 0; i < 100; i++) await append(store, 't', body)
    copyFileSync(join(folder, 'streams.db-wal'), join(copy, 'streams.db-wal'))
    for (let i = 0; i < 2_000; i++) await append(store, 't', body)
    store.close()
    copyFileSync(join(folder, 'streams.db'), join(copy, 'streams.db'))
    assert.throws(() => openStore(t, copy), startFailure('damaged', copy, 'are of different times'))
  })

  test('takes a folder that an earlier version wrote, closed or killed', async (t) => {
    for (const killed of [false, true]) {
      const [folder, copy] = [temporaryFolder(t), temporaryFolder(t)]
      openStore(t, folder).close()
      const old = new DatabaseSync(join(folder, 'streams.db'))
      old.exec('PRAGMA locking_mode = EXCLUSIVE; DROP TABLE log_generation; INSERT INTO topics (topic, current_offset, created_at) ' +
        'VALUES (\'t\', 7, 1)')
      if (!killed) old.close()
      for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(copy, file))
      if (killed) old.close()
      assert.equal(await append(openStore(t, copy), 't', 'x'), 8)
    }
  })

  test('refuses a folder that a running server has, and takes it as soon as that one is killed', async (t) => {
    const folder = temporaryFolder(t)
    const first = startProcess(t, 'append', folder)
    assert.deepEqual((await first.lines.next()).value, { opened: true })
    const second = startProcess(t, 'open', folder)
    assert.deepEqual((await second.lines.next()).value, {
      failure: 'in-use',
      message: `DATA_DIR: another server is running on the folder ${folder}: stop it, or use another folder`
    })
    await second.closed
    assert.equal(second.process.exitCode, 1)
    assert.throws(() => openStore(t, folder), startFailure('in-use', folder))
    assert.equal(first.process.exitCode, null, 'the first one goes on')

    first.process.kill('SIGKILL')
    await first.closed
    const third = startProcess(t, 'open', folder)
    assert.deepEqual((await third.lines.next()).value, { opened: true })
    third.process.stdin!.end()
    await third.closed
    assert.equal(third.stderr(), '', 'node prints no warning of node:sqlite')
  })

  test('refuses a second store in the same process', (t) => {
    const folder = temporaryFolder(t)
    openStore(t, folder)
    assert.throws(() => openStore(t, folder), startFailure('in-use', folder))
  })

  test('refuses a folder below a file', (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'file'), '')
    assert.throws(() => openStore(t, join(folder, 'file', 'data')), startFailure('unwritable', join(folder, 'file', 'data'), 'ENOTDIR'))
    assert.throws(() => openStore(t, join(folder, 'file')), startFailure('unwritable', join(folder, 'file'), 'which is a file'))
  })

  // The recursion of `mkdir` would not end there.
  test('refuses a folder that can be named and not made', {
    skip: !existsSync('/proc/self') && 'there is no /proc here',
    timeout: 30_000
  }, async (t) => {
    const child = startProcess(t, 'open', '/proc/streams/data')
    const { failure, message } = (await child.lines.next()).value as Line
    assert.equal(failure, 'unwritable')
    assert.match(String(message), /^DATA_DIR: the folder \/proc\/streams\/data cannot be created: ENOENT/)
  })

  // The log of a database that is a link would be elsewhere.
  test('refuses a database that is a link or a folder; a link to the folder is taken', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'streams.db')
    writeFileSync(join(folder, 'elsewhere'), '')
    symlinkSync(join(folder, 'elsewhere'), file)
    assert.throws(() => openStore(t, folder), startFailure('unwritable', file, 'got a symbolic link'))
    rmSync(file)
    symlinkSync(join(folder, 'nowhere'), file)
    assert.throws(() => openStore(t, folder), startFailure('unwritable', file, 'got a symbolic link'))
    rmSync(file)
    mkdirSync(file)
    assert.throws(() => openStore(t, folder), startFailure('unwritable', file, 'got something else'))

    const link = join(temporaryFolder(t), 'link')
    symlinkSync(temporaryFolder(t), link)
    assert.equal(await append(openStore(t, link), 't', 'x'), 1)
  })

  test('makes folders and files that only its user can read, whatever the umask', async (t) => {
    const umask = process.umask(0)
    try {
      const above = temporaryFolder(t)
      const folder = join(above, 'new', 'data')
      await append(openStore(t, folder), 't', 'x')
      assert.equal(statSync(join(above, 'new')).mode & 0o777, 0o700)
      assert.equal(statSync(folder).mode & 0o777, 0o700)
      for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
      assert.deepEqual(readdirSync(folder), ['streams.db', 'streams.db-wal'])
    } finally {
      process.umask(umask)
    }
  })

  test('refuses a folder that it may not write in, empty or with a database', async (t) => {
    const above = temporaryFolder(t)
    chmodSync(above, 0o755)
    const empty = join(above, 'empty')
    mkdirSync(empty)
    const full = join(above, 'full')
    openStore(t, full).close()
    chmodSync(join(full, 'streams.db'), 0o444)
    for (const folder of [empty, full, above]) chmodSync(folder, 0o555)

    try {
      for (const folder of [empty, full, join(above, 'new')]) await isRefused(folder)
    } finally {
      // Or they could not be removed.
      for (const folder of [empty, full, above]) chmodSync(folder, 0o755)
    }

    async function isRefused (folder: string): Promise<void> {
      const child = startProcess(t, 'open', folder, root ? { env: { DROP_RIGHTS: '1' } } : {})
      const line = (await child.lines.next()).value as Line
      await child.closed
      assert.equal(child.stderr(), '')
      assert.equal(line.failure, 'unwritable', JSON.stringify(line))
      assert.match(String(line.message), /^DATA_DIR: the (folder|server) .*EACCES/)
      assert.ok(String(line.message).includes(folder))
    }
  })
})

async function isRefusedOrWhole (t: TestContext, folder: string, appends: number, refused: boolean): Promise<void> {
  if (refused) {
    assert.throws(() => openStore(t, folder), startFailure('damaged', folder, 'are of different times', 'npm run backup'))
    return
  }
  const store = openStore(t, folder)
  for (let last = 1; last <= appends; last++) assert.ok(await store.segments.get('t', last) !== undefined, `${last}`)
}

/** Sets the format's number in a closed store; the returned function reads it. */
function setVersion (folder: string, version: number): () => unknown {
  const run = (statement: string): unknown => {
    const database = new DatabaseSync(join(folder, 'streams.db'))
    try {
      return database.prepare(statement).get()?.user_version
    } finally {
      database.close()
    }
  }
  run(`PRAGMA user_version = ${version}`)
  return () => run('PRAGMA user_version')
}
