import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from './support/eventually.ts'
import { consume, produce, send } from './support/http/requests.ts'
import { startServer } from './support/processes/server.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const entry = fileURLToPath(new URL('../src/sweep.ts', import.meta.url))

function sweep (environment: Record<string, string>, ...options: string[]): Promise<{ code: number, stdout: string, stderr: string }> {
  const { PATH = '' } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...options], { env: { PATH, ...environment } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

async function offsets (baseUrl: string, topic: string): Promise<number[]> {
  return (JSON.parse((await consume(baseUrl, topic)).text) as { messages: Array<{ offset: number }> }).messages.map(({ offset }) => offset)
}

test('a dry run says what would go, a run removes it', async (t) => {
  const folder = temporaryFolder(t)
  const server = await startServer(t, { DATA_DIR: folder })
  for (let n = 0; n < 5; n++) await produce(server.baseUrl, 'orders', `{"payload":"${'x'.repeat(1_000)}"}`)
  await produce(server.baseUrl, 'small', '{"payload":1}')
  const busy = await sweep({ DATA_DIR: folder }, '--dry-run')
  assert.deepEqual([busy.code, busy.stdout], [1, ''])
  assert.match(busy.stderr, /^DATA_DIR: another server is running on the folder/)
  server.child.kill('SIGTERM')
  await server.ended

  const settings = { DATA_DIR: folder, RETENTION_BYTES: '2000' }
  for (let round = 0; round < 2; round++) {
    const { code, stdout, stderr } = await sweep(settings, '--dry-run')
    assert.deepEqual([code, stderr], [0, ''])
    const [topic, total, ...others] = stdout.split('\n')
    assert.match(topic!, /^orders: would remove 3 segments of \d{4} bytes, with all messages below 4$/)
    assert.match(total!, /^2 topics looked at, would remove 3 segments of \d{4} bytes; 2 reads, 0 writes, \d lists, 0 deletions$/)
    assert.deepEqual(others, [''])
  }
  const done = await sweep(settings)
  const [topic, total] = done.stdout.split('\n')
  assert.match(topic!, /^orders: removed 3 segments of \d{4} bytes, with all messages below 4$/)
  assert.match(total!, /^2 topics looked at, removed 3 segments of \d{4} bytes and 0 expired records; /)
  const again = await startServer(t, { DATA_DIR: folder })
  assert.deepEqual(await offsets(again.baseUrl, 'orders'), [4, 5])
})

test('what can\'t be swept is refused, and nothing is created', async (t) => {
  const folder = join(temporaryFolder(t), 'missing')
  assert.deepEqual(
    await sweep({ DATA_DIR: folder }), { code: 1, stdout: '', stderr: `DATA_DIR: expected a folder with streams.db, got ${folder}\n` }
  )
  assert.match((await sweep({ DATA_DIR: ':memory:' })).stderr, /^DATA_DIR: expected a folder, because .* got :memory:\n$/)
  assert.match((await sweep({ DATA_DIR: folder }, '--all')).stderr, /^expected no argument, or --dry-run/)
})

test('a server sweeps by itself, and stops in order while it does', async (t) => {
  const server = await startServer(t, { DATA_DIR: temporaryFolder(t), SWEEP_INTERVAL_MS: '100' })
  const { baseUrl, lines } = server
  await send(baseUrl, 'PUT', '/topics/orders', { retention_bytes: 1 })
  for (let n = 0; n < 3; n++) await produce(baseUrl, 'orders', '{"payload":1}')
  await eventually(async () => (await offsets(baseUrl, 'orders')).length === 1)
  assert.deepEqual(await offsets(baseUrl, 'orders'), [3])
  await eventually(() => lines.some((line) => line.includes('"topic swept"')))
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
})

test('without creation by the first message, an append to a topic that does not exist is refused', async (t) => {
  const { baseUrl } = await startServer(t, { DATA_DIR: ':memory:', AUTO_CREATE_TOPICS: 'false' })
  const refused = await produce(baseUrl, 'orders', '{"payload":1}')
  assert.deepEqual(
    [refused.status, (JSON.parse(refused.text) as { detail: string }).detail],
    [404, 'The topic does not exist. Create it with PUT /topics/{topic}.']
  )
  await send(baseUrl, 'PUT', '/topics/orders')
  assert.equal((await produce(baseUrl, 'orders', '{"payload":1}')).text, '{"topic":"orders","offset":1}')
})
