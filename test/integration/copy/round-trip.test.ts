import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { consume, produce, send } from '../../support/http/requests.ts'
import { Worker } from '../../support/http/groups.ts'
import { awsPlace, copy } from '../../support/processes/copy.ts'
import { startServer, type ServerProcess } from '../../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { openStore } from '../../support/storage/sqlite.ts'
import { openSqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

async function json (answer: Promise<{ status: number, text: string }>): Promise<Record<string, unknown>> {
  const { status, text } = await answer
  assert.ok(status < 300, text)
  return text === '' ? {} : JSON.parse(text) as Record<string, unknown>
}

const seqOf = (seq: number, payload: unknown): string => JSON.stringify({ payload, producer: { id: 'p', epoch: 0, seq } })
const TOPICS = ['plain', 'configured', 'closed', 'trimmed', 'group', 'group.dlq']

async function fill (baseUrl: string): Promise<string> {
  for (let i = 0; i < 40; i++) {
    const message = { payload: { i, big: 'x'.repeat(i * 100) }, key: `k${i % 3}`, headers: { n: `${i}` } }
    await json(produce(baseUrl, 'plain', JSON.stringify(message)))
  }
  const batch = Array.from({ length: 500 }, (_, i) => ({ payload: i, key: 'é' }))
  await json(produce(baseUrl, 'plain', JSON.stringify({ messages: batch })))
  await json(send(baseUrl, 'PUT', '/topics/configured', { retention_ms: 86_400_000, max_message_bytes: 5_000 }))
  for (let seq = 0; seq < 8; seq++) await json(produce(baseUrl, 'configured', seqOf(seq, seq)))
  await json(produce(baseUrl, 'closed', '{"payload":"last","close":true}'))
  for (let i = 0; i < 10; i++) await json(produce(baseUrl, 'trimmed', JSON.stringify({ payload: `${i}`.repeat(100) })))
  await json(send(baseUrl, 'POST', '/topics/trimmed/trim', { before: 6 }))
  for (let i = 0; i < 5; i++) await json(produce(baseUrl, 'deleted', `{"payload":${i}}`))
  await json(send(baseUrl, 'DELETE', '/topics/deleted'))
  for (let i = 1; i <= 12; i++) await json(produce(baseUrl, 'group', `{"payload":${i}}`))
  const worker = new Worker(baseUrl, 'group', 'g')
  const dead = await worker.lease({ limit: 2 })
  await worker.done('POST', '/nack', { lease_id: dead.id, reject: true })
  const acked = await worker.lease({ limit: 3 })
  await worker.done('POST', '/ack', { lease_id: acked.id })
  return (await worker.lease({ limit: 2, lease_ms: 3_600_000 })).id
}

/** Everything that clients can see, but for times of leases. */
async function seen (baseUrl: string): Promise<unknown> {
  const pages: Record<string, unknown> = {}
  for (const topic of TOPICS) {
    pages[topic] = [
      (await consume(baseUrl, topic, '?offset=1&limit=1000')).text,
      await json(send(baseUrl, 'GET', `/topics/${topic}`))
    ]
  }
  const { leases, ...group } = await json(send(baseUrl, 'GET', '/topics/group/groups/g')) as { leases: Array<Record<string, unknown>> }
  return {
    pages,
    topics: await json(send(baseUrl, 'GET', '/topics')),
    deleted: (await consume(baseUrl, 'deleted')).text,
    group,
    leases: leases.map(({ expires_at: expires }) => expires)
  }
}

/** What was begun goes on. @param n of how many copies it is one */
async function goesOn ({ baseUrl }: ServerProcess, lease: string, n: number): Promise<void> {
  assert.deepEqual(await json(produce(baseUrl, 'configured', seqOf(7, 7))), { topic: 'configured', offset: 8, duplicate: true })
  assert.deepEqual(await json(produce(baseUrl, 'configured', seqOf(8 + n, n))), { topic: 'configured', offset: 9 + n })
  assert.equal((await produce(baseUrl, 'configured', seqOf(20, 20))).status, 409)
  assert.equal((await produce(baseUrl, 'closed', '{"payload":1}')).status, 409)
  assert.equal((await json(produce(baseUrl, 'deleted', '{"payload":"new life"}')))['offset'], 6 + n)
  const worker = new Worker(baseUrl, 'group', 'g')
  assert.deepEqual(await worker.done('POST', '/ack', { lease_id: lease }), n === 0
    ? { acked: 2, already: false, committed_offset: 8 }
    : { acked: 0, already: true, committed_offset: 8 + n })
  const { id, offsets } = await worker.lease({ limit: 1 })
  assert.deepEqual(offsets, [8 + n])
  await worker.done('POST', '/ack', { lease_id: id })
}

async function stop ({ child, ended }: ServerProcess): Promise<void> {
  child.kill('SIGTERM')
  await ended
}

test('a folder, copied to a bucket and a table and back, is what it was, and goes on', {
  skip: withoutLocalstack, timeout: 120_000
}, async (t) => {
  const storage = await localstack(t)
  const above = temporaryFolder(t)
  const [first, second, third] = ['first', 'second', 'third'].map((name) => join(above, name)) as [string, string, string]
  const original = await startServer(t, { DATA_DIR: first })
  const lease = await fill(original.baseUrl)
  const before = await seen(original.baseUrl)
  await stop(original)
  const token = { id: 'A1', text: '{"name":"é"}' }
  const store = openSqliteStore(first)
  await store.tokens.create(token)
  store.close()

  const dry = await copy(['--dry-run', `folder:${first}`, awsPlace(storage)], storage)
  const words = /^folder:.+ has 7 topics, \d+ segments of \d+ bytes, 1 consumer groups, 0 records, 1 tokens\. Nothing was copied\.\n$/
  assert.match(dry.stdout, words)
  const up = await copy([`folder:${first}`, awsPlace(storage)], storage)
  assert.deepEqual([up.code, up.stderr], [0, ''])
  const onAws = await startServer(t, environmentOf(storage))
  assert.deepEqual(await seen(onAws.baseUrl), before)
  await goesOn(onAws, lease, 0)
  const later = await seen(onAws.baseUrl)
  await stop(onAws)

  const down = await copy([awsPlace(storage), `folder:${second}`], storage)
  assert.deepEqual([down.code, down.stderr], [0, ''])
  assert.equal((await copy([`folder:${second}`, `folder:${third}`])).code, 0)
  for (const folder of [second, third]) {
    const back = await startServer(t, { DATA_DIR: folder })
    const { deleted, ...rest } = await seen(back.baseUrl) as { deleted: string }
    const { deleted: deletedBefore, ...restBefore } = later as { deleted: string }
    assert.deepEqual(rest, restBefore)
    assert.equal(deleted, deletedBefore)
    await goesOn(back, lease, 1)
    await stop(back)
    assert.deepEqual(await openStore(t, folder).tokens.read('A1'), token)
  }
})
