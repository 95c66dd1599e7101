import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { copyDatabase } from '../../../src/adapters/sqlite/backup.ts'
import { eventually } from '../../support/eventually.ts'
import { consume, produce } from '../../support/http/requests.ts'
import { startServer } from '../../support/processes/server.ts'
import { append, openStore } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const command = fileURLToPath(new URL('../../../src/backup.ts', import.meta.url))

interface Result { readonly code: number, readonly stdout: string, readonly stderr: string }

/** `node src/backup.ts …` */
function backUp (folder: string, ...args: string[]): Promise<Result> {
  const { PATH = '' } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { env: { PATH, DATA_DIR: folder } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

interface Message { readonly offset: number, readonly payload: number }

async function messagesOf (baseUrl: string): Promise<Message[]> {
  const all: Message[] = []
  for (let next = 1; ;) {
    const page = JSON.parse(
      (await consume(baseUrl, 'a', `?offset=${next}&limit=1000`)).text
    ) as { messages: Message[], next_offset: number }
    if (page.messages.length === 0) return all
    all.push(...page.messages)
    next = page.next_offset
  }
}

describe('a backup of the embedded store', () => {
  test('that begins during a write waits for its end', async (t) => {
    const folder = temporaryFolder(t)
    const database = new DatabaseSync(join(folder, 'streams.db'))
    t.after(() => { database.close() })
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE numbers (n); BEGIN; INSERT INTO numbers VALUES (1)')
    const copied = copyDatabase(database, join(folder, 'copy'))
    await delay(100)
    database.exec('COMMIT')
    await copied
    const copy = new DatabaseSync(join(folder, 'copy', 'streams.db'))
    t.after(() => { copy.close() })
    assert.equal(copy.prepare('SELECT n FROM numbers').get()?.n, 1)
  })

  test('made while the server is written to, has all that was acknowledged before, and a server starts on it', async (t) => {
    const above = temporaryFolder(t)
    const folder = join(above, 'data')
    const { baseUrl, child, ended } = await startServer(t, { DATA_DIR: folder, LOG_LEVEL: 'silent' })
    assert.equal(statSync(join(folder, 'backup.sock')).mode & 0o777, 0o600)
    let acknowledged = 0
    const stop = new AbortController()
    const filler = 'x'.repeat(7_000)
    const writing = (async () => {
      while (!stop.signal.aborted) {
        assert.equal((await produce(baseUrl, 'a', `{"payload":${acknowledged + 1},"headers":{"filler":"${filler}"}}`)).status, 200)
        acknowledged++
      }
    })()

    for (const [name, enough] of [['first', 300], ['second', 600]] as const) {
      await eventually(() => acknowledged >= enough, 60_000)
      const before = acknowledged
      const target = join(above, name)
      const { code, stdout, stderr } = await backUp(folder, target)
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /^The backup of .+ is in .+\. To restore it, start a server with DATA_DIR=/)
      assert.deepEqual(readdirSync(target), ['streams.db'])
      assert.equal(statSync(target).mode & 0o777, 0o700)
      assert.equal(statSync(join(target, 'streams.db')).mode & 0o777, 0o600)
      isIntact(target)
      const restored = await startServer(t, { DATA_DIR: target, LOG_LEVEL: 'silent' })
      const messages = await messagesOf(restored.baseUrl)
      assert.ok(messages.length >= before, `${messages.length} of ${before}`)
      assert.deepEqual(messages.map(({ payload }) => payload), messages.map((_, i) => i + 1))
      assert.equal((await produce(restored.baseUrl, 'a', '{"payload":0}')).status, 200)
      restored.child.kill('SIGKILL')
    }
    assert.deepEqual(readdirSync(above).toSorted(), ['data', 'first', 'second'], 'nothing is left beside them')
    stop.abort()
    await writing
    child.kill('SIGTERM')
    assert.equal(await ended, 0)
    assert.deepEqual(readdirSync(folder), ['streams.db'])
  })

  test('is made without a server, and after one was killed', async (t) => {
    const above = temporaryFolder(t)
    const folder = join(above, 'data')
    const { baseUrl, child, ended } = await startServer(t, { DATA_DIR: folder })
    await produce(baseUrl, 'a', '{"payload":1}')
    child.kill('SIGKILL')
    await ended
    assert.ok(existsSync(join(folder, 'backup.sock')), 'a killed server leaves its socket')
    assert.deepEqual((await backUp(folder, join(above, 'copy'))).stderr, '')
    const again = await startServer(t, { DATA_DIR: folder })
    assert.deepEqual((await backUp(folder, join(above, 'another'))).stderr, '', 'the next server listens there')
    for (const server of [again, await startServer(t, { DATA_DIR: join(above, 'copy') })]) {
      assert.deepEqual((await messagesOf(server.baseUrl)).map(({ payload }) => payload), [1])
    }
  })

  test('never goes into a folder that exists, or where it cannot be written', async (t) => {
    const above = temporaryFolder(t)
    const folder = join(above, 'data')
    await startServer(t, { DATA_DIR: folder })
    const taken = join(above, 'taken')
    mkdirSync(taken)
    await isRefused(backUp(folder, taken), `TARGET_DIR: expected a folder that does not exist yet, got ${taken}, which exists`)
    await isRefused(backUp(folder, join(above, 'no', 'where')), 'ENOENT')
    assert.deepEqual(readdirSync(above).toSorted(), ['data', 'taken'])
    assert.deepEqual(readdirSync(taken), [])
  })

  test('is of a data folder', async (t) => {
    const above = temporaryFolder(t)
    await isRefused(backUp(join(above, 'nothing'), join(above, 'copy')), 'DATA_DIR: expected a folder with streams.db')
    await isRefused(backUp(above), 'npm run backup -- TARGET_DIR')
    assert.deepEqual(readdirSync(above), [])
  })

  test('is not made of a store whose disk has failed, since it may show what is on no disk', async (t) => {
    const above = temporaryFolder(t)
    const store = openStore(t, join(above, 'data'), { sync: (_, done) => { setImmediate(done, new Error('EIO')) } })
    await assert.rejects(append(store, 't', 'x'))
    await assert.rejects(store.backup(join(above, 'copy')), /until a restart/)
    assert.deepEqual(readdirSync(above), ['data'])
  })
})

async function isRefused (result: Promise<Result>, part: string): Promise<void> {
  const { code, stdout, stderr } = await result
  assert.deepEqual([code, stdout], [1, ''])
  assert.ok(stderr.includes(part), stderr)
  assert.equal(stderr.split('\n').length, 2, 'one line')
}

function isIntact (folder: string): void {
  const database = new DatabaseSync(join(folder, 'streams.db'))
  assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
  database.close()
}
