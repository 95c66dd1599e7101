import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test, type TestContext } from 'node:test'
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { eventually } from '../../support/eventually.ts'
import { ask, consume, produce } from '../../support/http/requests.ts'
import { awsPlace, copy, copyProcess, type Copied } from '../../support/processes/copy.ts'
import { failedStart, startServer } from '../../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { openStore } from '../../support/storage/sqlite.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { openSqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

interface Message { readonly offset: number, readonly payload: unknown }

async function messagesOf (baseUrl: string, topic: string): Promise<Message[]> {
  const all: Message[] = []
  for (let next = 1; ;) {
    const { text } = await consume(baseUrl, topic, `?offset=${next}&limit=1000`)
    const page = JSON.parse(text) as { messages: Message[], next_offset: number }
    if (page.next_offset === next) return all
    all.push(...page.messages)
    next = page.next_offset
  }
}

/** A folder with one topic of so many segments, each of a message. */
async function folderOf (t: TestContext, segments: number, topic = 'a'): Promise<string> {
  const folder = join(temporaryFolder(t), 'data')
  const store = openSqliteStore(folder)
  for (let i = 0; i < segments; i += 100) {
    await Promise.all(Array.from({ length: Math.min(100, segments - i) }, async () => {
      const { first, last, reservedAtMs } = await reserve(store.topics, topic, 1, { now: Date.now() })
      const options = { first, timestamp: 1, writer: 'w', compression: 'none', compressOverBytes: 1e9 } as const
      const { object } = encodeSegment([{ payload: `${first}` }], options)
      await store.segments.putIfAbsent(topic, last, object, { reservedAtMs })
    }))
  }
  store.close()
  return folder
}

function isRefused ({ code, stdout, stderr }: Copied, ...parts: string[]): void {
  assert.deepEqual([code, stdout], [1, ''], stderr)
  for (const part of parts) assert.ok(stderr.includes(part), `"${stderr}" has "${part}"`)
}

describe('a copy that cannot be made says what to do', () => {
  test('of arguments', async () => {
    isRefused(await copy([]), 'npm run copy -- [--dry-run] FROM TO')
    isRefused(await copy(['folder:/a', 'there']), 'TO: expected folder:PATH or aws:BUCKET/TABLE, got there')
    isRefused(await copy(['aws:bucket', 'folder:/a']), 'FROM: expected folder:PATH or aws:BUCKET/TABLE, got aws:bucket')
    isRefused(await copy(['aws:B/table', 'folder:/a']), 'BUCKET_NAME: expected the name of a general purpose S3 bucket, got "B"')
    isRefused(await copy(['folder:/a/../b', 'folder:/b']), 'TO: expected another place than FROM, got folder:/b')
  })

  test('of folders', async (t) => {
    const above = temporaryFolder(t)
    const [missing, target] = [join(above, 'missing'), join(above, 'target')]
    isRefused(await copy([`folder:${missing}`, `folder:${target}`]), `FROM: expected a folder with streams.db, got ${missing}`)
    assert.deepEqual(readdirSync(above), [], 'nothing is created')

    const folder = await folderOf(t, 1)
    mkdirSync(target)
    writeFileSync(join(target, 'notes.txt'), '')
    isRefused(await copy([`folder:${folder}`, `folder:${target}`]), `TO: expected a folder that is empty or does not exist, got ${target}`)
    isRefused(await copy([`folder:${folder}`, `folder:${await folderOf(t, 1)}`]), 'the target is not empty')

    await startServer(t, { DATA_DIR: folder })
    const busy = await copy([`folder:${folder}`, `folder:${join(above, 'other')}`])
    isRefused(busy, 'FROM: a server is running on the folder', 'npm run backup')
  })

  test('of buckets and tables', { skip: withoutLocalstack }, async (t) => {
    const storage = await localstack(t)
    const folder = await folderOf(t, 1)
    const refused = async (from: string, to: string, part: string): Promise<void> => { isRefused(await copy([from, to], storage), part) }
    await refused(`folder:${folder}`, `aws:no-such-bucket-x/${storage.table}`, 'the bucket "no-such-bucket-x" does not exist')
    await refused(`folder:${folder}`, `aws:${storage.bucket}/no-such-table`, 'the table "no-such-table" does not exist')
    await refused(`aws:${storage.bucket}/no-such-table`, `folder:${join(folder, '../other')}`, 'the table "no-such-table"')
    await storage.s3.send(new PutObjectCommand({ Bucket: storage.bucket, Key: `topics/x/${'1'.padStart(20, '0')}.json`, Body: 'x' }))
    isRefused(await copy([`folder:${folder}`, awsPlace(storage)], storage), 'the target is not empty')
  })
})

test('a dry run creates nothing', async (t) => {
  const folder = await folderOf(t, 3)
  const target = join(temporaryFolder(t), 'target')
  const stdout = `folder:${folder} has 1 topics, 3 segments of 114 bytes, 0 consumer groups, 0 records, 0 tokens. Nothing was copied.\n`
  assert.deepEqual(await copy(['--dry-run', `folder:${folder}`, `folder:${target}`]), { code: 0, stdout, stderr: '' })
  assert.equal(existsSync(target), false)
})

test('a copy into a folder that was killed serves nobody, and goes on when it is run again', { timeout: 120_000 }, async (t) => {
  const [segments, folder] = [10_000, await folderOf(t, 10_000)]
  const target = join(temporaryFolder(t), 'target')
  const args = [`folder:${folder}`, `folder:${target}`]
  // With many segments at a time, or all of their bodies, it would need far more.
  const first = copyProcess(args, undefined, ['--max-old-space-size=32'])
  await eventually(() => bytesIn(target) > 2_000_000, 60_000)
  first.child.kill('SIGKILL')
  await first.ended
  const { code, stderr } = await failedStart(t, { DATA_DIR: target })
  const words = `DATA_DIR: the copy in ${target} is not complete: run the same "npm run copy" again, or delete the folder\n`
  assert.deepEqual([code, stderr], [1, words])
  isRefused(await copy([`folder:${target}`, `folder:${target}-2`]), 'the source is a copy of')
  const fromElsewhere = await copy([`folder:${await folderOf(t, 1)}`, `folder:${target}`])
  isRefused(fromElsewhere, `the target has a copy of folder:${folder} that is not complete`)

  const again = await copy(args, undefined, ['--max-old-space-size=32'])
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stdout, /\(and \d+ from before\)/)
  const { baseUrl } = await startServer(t, { DATA_DIR: target })
  const messages = await messagesOf(baseUrl, 'a')
  assert.deepEqual(messages.map(({ payload }) => payload), Array.from({ length: segments }, (_, i) => i + 1))
})

/** Other processes can't read the database, but its log grows. */
function bytesIn (folder: string): number {
  const sizes = ['streams.db', 'streams.db-wal'].map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
  return sizes[0]! + sizes[1]!
}

test('a copy into a table that was killed serves nobody, and goes on when it is run again', {
  skip: withoutLocalstack, timeout: 120_000
}, async (t) => {
  const storage = await localstack(t)
  const folder = await folderOf(t, 600)
  const args = [`folder:${folder}`, awsPlace(storage)]
  const running = await startServer(t, environmentOf(storage))
  const first = copyProcess(args, storage)
  await eventually(async () => ((await storage.s3.send(new ListObjectsV2Command({ Bucket: storage.bucket }))).KeyCount ?? 0) > 50, 60_000)
  first.child.kill('SIGKILL')
  await first.ended
  const { code, stderr } = await failedStart(t, environmentOf(storage))
  assert.equal(code, 1)
  assert.match(stderr, /^the copy of folder:.+ into the table ".+" is not complete: run the same "npm run copy" again/)
  await eventually(async () => (await ask(running.baseUrl, { path: '/ready' })).status === 503)
  assert.deepEqual((await messagesOf(running.baseUrl, 'a')), [], 'the topic comes after its segments')

  const again = await copy(args, storage)
  assert.equal(again.code, 0, again.stderr)
  const { baseUrl } = await startServer(t, environmentOf(storage))
  assert.deepEqual((await messagesOf(baseUrl, 'a')).map(({ payload }) => payload), Array.from({ length: 600 }, (_, i) => i + 1))
  await eventually(async () => (await ask(running.baseUrl, { path: '/ready' })).status === 200)
})

test('a damaged segment is named, and copied as it is', async (t) => {
  const folder = await folderOf(t, 5)
  const database = new DatabaseSync(join(folder, 'streams.db'))
  database.exec("UPDATE segments SET body = CAST(replace(CAST(body AS TEXT), 'payload', 'paylaod') AS BLOB) WHERE last = 3")
  database.close()
  const target = join(temporaryFolder(t), 'target')
  const { code, stdout, stderr } = await copy([`folder:${folder}`, `folder:${target}`])
  assert.equal(code, 2)
  assert.match(stdout, /5 segments of \d+ bytes/)
  assert.equal(stderr, 'The segment of topic a that ends at offset 3 is damaged: its checksum does not match. It is copied as it is.\n' +
    '1 segments are damaged, in the source and in the copy.\n')
  const { baseUrl } = await startServer(t, { DATA_DIR: target })
  assert.deepEqual((JSON.parse((await consume(baseUrl, 'a', '?offset=1')).text) as { messages: Message[] }).messages.length, 2)
  assert.match((await consume(baseUrl, 'a', '?offset=3')).text, /"code":"segment_corrupt"/)
})

test('segments of a bucket that are gone are no part of the copy, and readers get past them', { skip: withoutLocalstack }, async (t) => {
  const storage = await localstack(t)
  const { baseUrl } = await startServer(t, environmentOf(storage))
  for (let i = 1; i <= 5; i++) await produce(baseUrl, 'a', `{"payload":${i}}`)
  await storage.s3.send(new DeleteObjectCommand({ Bucket: storage.bucket, Key: `topics/a/${'2'.padStart(20, '0')}.json` }))
  const target = join(temporaryFolder(t), 'target')
  assert.equal((await copy([awsPlace(storage), `folder:${target}`], storage)).code, 0)
  const store = openStore(t, target)
  assert.deepEqual((await store.segments.list('a', 1, 10)).entries.map(({ lastOffset }) => lastOffset), [1, 3, 4, 5])
  assert.equal((await store.topics.read('a'))?.currentOffset, 5)
})
