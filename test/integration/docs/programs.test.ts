/* What the programs on the pages do when something goes wrong, or when there is more than the page shows. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { parse, read } from '../../support/docs/markdown.ts'
import { eventually } from '../../support/eventually.ts'
import { consume, produce } from '../../support/http/requests.ts'
import { startServer } from '../../support/processes/server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const run = promisify(execFile)

/** The block of the page that contains the text, with another base URL. */
function blockOf (page: string, text: string, baseUrl: string): string {
  const block = parse(read(page)).blocks.find((block) => block.text.includes(text))
  assert(block !== undefined, text)
  return block.text.replaceAll('http://127.0.0.1:9000', baseUrl)
}

async function emptyServer (t: TestContext): Promise<string> {
  return (await startServer(t, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent' })).baseUrl
}

test('the loop in docs/producing.md splits a file into batches', async (t) => {
  const baseUrl = await emptyServer(t)
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'messages.ndjson'), Array.from({ length: 2_500 }, (_, n) => `{"payload":${n}}\n`).join(''))
  const { stdout } = await run('sh', ['-ec', blockOf('docs/producing.md', 'split -l', baseUrl)], { cwd })
  assert.deepEqual(stdout.match(/"count":\d+/g), ['"count":1000', '"count":1000', '"count":500'])
})

test('the program in docs/producing.md sends again after a refusal and after lost answers, and its message is stored once', async (t) => {
  const baseUrl = await emptyServer(t)
  const failures = ['refused', 'lost', 'lost']
  const front = createServer((request, response) => {
    const failure = failures.shift()
    const body: Buffer[] = []
    request.on('data', (chunk: Buffer) => body.push(chunk)).on('end', () => {
      if (failure === 'refused') {
        response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"retriable":true,"written":"no","detail":"Busy."}')
        return
      }
      const headers = { 'content-type': 'application/json', 'idempotency-key': String(request.headers['idempotency-key']) }
      fetch(baseUrl + request.url, { method: 'POST', headers, body: Buffer.concat(body) })
        .then(async (answer) => [answer.status, await answer.text()] as const)
        .then(
          ([status, text]) => failure === 'lost' ? response.destroy() : response.writeHead(status).end(text),
          () => { response.destroy() })
    })
  }).listen(0, '127.0.0.1')
  t.after(() => { front.close() })
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'send.mjs'), blockOf('docs/producing.md', '// send.mjs', `http://127.0.0.1:${port}`))
  const { stdout } = await run(process.execPath, ['send.mjs'], { cwd })
  assert.equal(stdout, 'stored at 1, by an earlier attempt\n')
  const { messages } = JSON.parse((await consume(baseUrl, 'payments')).text) as { messages: Array<{ key: string }> }
  assert.deepEqual(messages.map(({ key }) => key), ['order-4711'])
})

test('the program in docs/producing.md gives up at an error that is not retriable', async (t) => {
  const baseUrl = await emptyServer(t)
  const cwd = temporaryFolder(t)
  const program = blockOf('docs/producing.md', '// send.mjs', baseUrl)
  writeFileSync(join(cwd, 'send.mjs'), program.replace("payload: { item: 'book' }", 'value: 1'))
  await assert.rejects(run(process.execPath, ['send.mjs'], { cwd }), /payload: expected any JSON value, got nothing/)
})

test('the loop in docs/consuming.md gets all messages, and goes on where it was', async (t) => {
  const baseUrl = await emptyServer(t)
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'consumer.mjs'), blockOf('docs/consuming.md', '// consumer.mjs', baseUrl))
  const saved = join(cwd, 'orders.offset')
  const append = (from: number): Promise<unknown> =>
    produce(baseUrl, 'orders', `{"messages":[${Array.from({ length: 250 }, (_, n) => `{"payload":${from + n}}`).join()}]}`)
  for (const from of [1, 251]) {
    await append(from)
    const consumer = spawn(process.execPath, ['consumer.mjs'], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(consumer, 'close')
    let output = ''
    consumer.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    t.after(() => { consumer.kill('SIGKILL') })
    await eventually(() => existsSync(saved) && readFileSync(saved, 'utf8') === String(from + 250))
    consumer.kill('SIGKILL')
    await closed
    assert.equal(output, Array.from({ length: 250 }, (_, n) => `${from + n} ${from + n}\n`).join(''))
  }
})

test('the loop in docs/consuming.md stops at an offset that is out of range', async (t) => {
  const baseUrl = await emptyServer(t)
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'consumer.mjs'), blockOf('docs/consuming.md', '// consumer.mjs', baseUrl))
  writeFileSync(join(cwd, 'orders.offset'), '17')
  await assert.rejects(run(process.execPath, ['consumer.mjs'], { cwd }), /offset: expected at most 1, the end of the topic, got 17/)
})
