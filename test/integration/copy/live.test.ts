import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { Worker } from '../../support/http/groups.ts'
import { ask, consume, produce } from '../../support/http/requests.ts'
import { awsPlace, copy } from '../../support/processes/copy.ts'
import { startServer } from '../../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

interface Message { readonly offset: number, readonly payload: string }
interface Page { readonly messages: readonly Message[], readonly next_offset: number }

const TOPICS = ['a', 'b', 'c', 'd']

/** The topic up to its end; a gap is waited for. */
async function readAll (baseUrl: string, topic: string): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  const end = Number((await ask(baseUrl, { path: `/topics/${topic}/consume?offset=latest` })).headers['end-offset'])
  let next = 1
  await eventually(async () => {
    const page = JSON.parse((await consume(baseUrl, topic, `?offset=${next}&limit=1000`)).text) as Page
    for (const { offset, payload } of page.messages) found.set(offset, payload)
    next = page.next_offset
    return next >= end
  }, 30_000)
  return found
}

test('a bucket and a table that are written to are copied with all that was acknowledged before', {
  skip: withoutLocalstack, timeout: 180_000
}, async (t) => {
  const storage = await localstack(t)
  const servers = await Promise.all([startServer(t, environmentOf(storage)), startServer(t, environmentOf(storage))])
  const acknowledged = TOPICS.map(() => new Map<number, string>())
  const stop = new AbortController()
  const writing = Promise.all(TOPICS.flatMap((topic, i) => servers.map(async ({ baseUrl }, s) => {
    for (let seq = 0; !stop.signal.aborted; seq++) {
      const payload = `${s}-${seq}`
      const { status, text } = await produce(baseUrl, topic, JSON.stringify({ payload, producer: { id: `p${s}`, epoch: 0, seq } }))
      if (status === 200) acknowledged[i]!.set((JSON.parse(text) as { offset: number }).offset, payload)
    }
  })))
  const worker = new Worker(servers[0].baseUrl, 'a', 'g')
  const working = (async () => {
    while (!stop.signal.aborted) {
      const { lease } = await worker.receive({ limit: 5, wait: 1 })
      if (lease !== null) await worker.done('POST', '/ack', { lease_id: lease.id })
    }
  })()
  await eventually(() => acknowledged.every((topic) => topic.size > 60), 60_000)

  const before = acknowledged.map((topic) => new Map(topic))
  const target = join(temporaryFolder(t), 'copy')
  const { code, stderr } = await copy([awsPlace(storage), `folder:${target}`], storage)
  assert.equal(code, 0, stderr)
  await eventually(() => acknowledged.every((topic, i) => topic.size > before[i]!.size), 30_000)
  stop.abort()
  await Promise.all([writing, working])

  const { baseUrl } = await startServer(t, { DATA_DIR: target })
  for (const [i, topic] of TOPICS.entries()) {
    const copied = await readAll(baseUrl, topic)
    for (const [offset, payload] of before[i]!) assert.equal(copied.get(offset), payload, `${topic} ${offset}`)
    for (const [offset, payload] of copied) assert.equal(acknowledged[i]!.get(offset) ?? payload, payload, `${topic} ${offset}`)
    assert.deepEqual(await readAll(baseUrl, topic), copied, 'no gap fills')
    for (const s of [0, 1]) {
      const mine = [...copied.values()].filter((payload) => payload.startsWith(`${s}-`))
      assert.deepEqual(mine, mine.map((_, seq) => `${s}-${seq}`), 'without gaps in the seqs of a producer')
      const next = JSON.stringify({ payload: 'next', producer: { id: `p${s}`, epoch: 0, seq: mine.length } })
      assert.equal((await produce(baseUrl, topic, next)).status, 200, 'the producer goes on')
    }
  }
  const { committed_offset: committed } = await new Worker(baseUrl, 'a', 'g').done('GET')
  assert.ok(Number(committed) > 1 && Number(committed) <= (await readAll(baseUrl, 'a')).size + 1, `${String(committed)}`)
})
