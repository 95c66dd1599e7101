import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventually } from '../../support/eventually.ts'
import { ask, assertProblem, consume, produce } from '../../support/http/requests.ts'
import { failedStart, type ServerProcess, startServer } from '../../support/processes/server.ts'
import { dynamoError, scriptedServer } from '../../support/storage/scripted-server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const shell = promisify(execFile)

test('standard error has the address, the folder and a curl that works as printed; standard output is JSON lines', async (t) => {
  const folder = temporaryFolder(t)
  const { lines, errorLines, baseUrl, child, ended } = await startServer(t, { DATA_DIR: folder })
  assert.match(baseUrl, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(errorLines, [`Listening on ${baseUrl}, data in ${folder}. Console: ${baseUrl}/console. ` +
    `Try: curl ${baseUrl}/topics/orders/produce ` +
    '-H \'content-type: application/json\' -d \'{"payload":{"item":"book","quantity":2}}\''])
  const { stdout } = await shell('sh', ['-c', /curl .*$/.exec(errorLines[0]!)![0]])
  assert.equal(stdout, '{"topic":"orders","offset":1}')
  child.kill('SIGTERM')
  await ended
  const logged = lines.map((line) => JSON.parse(line) as { msg: string, url?: string, data?: string })
  assert.deepEqual(logged.map(({ msg, url, data }) => [msg, url, data]), [
    ['listening', baseUrl, folder], ['request', undefined, undefined], ['stopping', undefined, undefined], ['stopped', undefined, undefined]
  ])
})

test('what was acknowledged is there after a restart', async (t) => {
  const folder = temporaryFolder(t)
  const first = await startServer(t, { DATA_DIR: folder })
  await produce(first.baseUrl, 'a', '{"payload":1}')
  first.child.kill('SIGTERM')
  assert.equal(await first.ended, 0)
  const second = await startServer(t, { DATA_DIR: folder })
  assert.match((await consume(second.baseUrl, 'a')).text, /"payload":1/)
  assert.equal((await produce(second.baseUrl, 'a', '{"payload":1}')).text, '{"topic":"a","offset":2}')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: in-flight requests are answered, idle connections closed, exit code 0`, async (t) => {
    const server = await startServer(t, { DATA_DIR: ':memory:' })
    const { baseUrl, ended, lines } = server
    const agent = new Agent({ keepAlive: true })
    t.after(() => { agent.destroy() })
    await idleConnection(baseUrl, agent)
    // A request whose second half comes only after the signal.
    const { hostname, port } = new URL(baseUrl)
    const answered = new Promise<{ status: number, connection: string | undefined }>((resolve, reject) => {
      const sent = request({
        hostname,
        port,
        agent,
        method: 'POST',
        path: '/topics/a/produce',
        headers: { 'content-type': 'application/json', 'content-length': '13' }
      }, (answer) => {
        answer.resume().on('end', () => resolve({ status: answer.statusCode!, connection: answer.headers.connection }))
      })
      sent.on('error', reject).write('{"payload"')
      stop(server, signal).then(() => { sent.end(':1}') }, reject)
    })
    const start = performance.now()
    assert.equal((await answered).status, 200)
    assert.equal(await ended, 0)
    assert(performance.now() - start < 5_000)
    assert.deepEqual(lines.slice(-2).map((line) => (JSON.parse(line) as { msg: string }).msg), ['request', 'stopped'])
    await assert.rejects(ask(baseUrl, { path: '/health' }), { code: 'ECONNREFUSED' })
  })
}

test('a request that comes during the shutdown on an open connection is served, and the connection closed', async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:' })
  const { baseUrl, ended } = server
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk) => { received += chunk.toString() })
  socket.write('POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"payload"')
  await stop(server, 'SIGTERM')
  socket.write(':1}GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'close')
  assert.match(received, /^HTTP\/1\.1 200 .*\{"topic":"a","offset":1\}HTTP\/1\.1 200 .*connection: close.*\{"status":"ok"\}$/is)
  assert.equal(await ended, 0)
})

// Node's server.close() destroys a connection whose answer has been handed over, although it is not out yet.
test('an answer that is still on its way when the shutdown begins arrives whole', async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:' })
  const { baseUrl, ended } = server
  await produce(baseUrl, 'a', `{"payload":"${'x'.repeat(4_000_000)}"}`)
  const page = (await consume(baseUrl, 'a')).text
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname).pause()
  // More than the buffers of the two ends of a connection can hold.
  for (let i = 0; i < 6; i++) socket.write('GET /topics/a/consume HTTP/1.1\r\nhost: x\r\n\r\n')
  // Until the buffers are full.
  await new Promise((resolve) => { setTimeout(resolve, 500) })
  await stop(server, 'SIGTERM')
  let received = ''
  socket.on('data', (chunk) => { received += chunk.toString('latin1') }).resume()
  await once(socket, 'close')
  // The one under way, and one that waited behind it and ends the connection.
  assert(received.split(page).length > 2)
  assert(received.endsWith(page), 'the last answer is not whole')
  assert.match(received, /connection: close/i)
  assert.equal(await ended, 0)
})

test('a request that does not end is cut off after 10 s, exit code 1', async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:' })
  const { baseUrl, ended } = server
  stuckRequest(t, baseUrl)
  const start = performance.now()
  await stop(server, 'SIGTERM')
  assert.equal(await ended, 1)
  const took = performance.now() - start
  assert(took > 9_000 && took < 12_000, `${took} ms`)
})

test('a second signal ends it at once; one right after the first is the same one, passed on by npm', async (t) => {
  const server = await startServer(t, { DATA_DIR: ':memory:' })
  const { child, baseUrl, ended } = server
  stuckRequest(t, baseUrl)
  await answersHealth(baseUrl)
  const start = performance.now()
  child.kill('SIGINT')
  setTimeout(() => { child.kill('SIGINT') }, 100)
  setTimeout(() => { child.kill('SIGINT') }, 1_500)
  assert.equal(await ended, 1)
  const took = performance.now() - start
  assert(took > 1_400 && took < 4_000, `${took} ms`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: it ends although nobody reads its log any more`, async (t) => {
    const { child, ended } = await startServer(t, { DATA_DIR: ':memory:' })
    child.stdout!.destroy()
    child.kill(signal)
    const late = new Promise((resolve) => { setTimeout(resolve, 8_000, 'still running').unref() })
    assert.equal(await Promise.race([ended, late]), 0)
  })
}

test('npm start passes SIGTERM on, and waits until the server has ended', async (t) => {
  const { PATH = '', HOME = '' } = process.env
  const npm = spawn('npm', ['start'], {
    cwd: root,
    env: { PATH, HOME, PORT: '0', DATA_DIR: ':memory:' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  // The whole group: a server that outlives npm holds the pipes open.
  t.after(() => { try { process.kill(-npm.pid!, 'SIGKILL') } catch {} })
  let stdout = ''
  npm.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  const ended = once(npm, 'close')
  await new Promise<void>((resolve) => { npm.stderr.on('data', (chunk: Buffer) => { if (chunk.includes('Listening on')) resolve() }) })
  npm.kill('SIGTERM')
  const late = new Promise((resolve) => { setTimeout(resolve, 20_000, 'still running').unref() })
  assert.notEqual(await Promise.race([ended, late]), 'still running')
  assert.match(stdout, /"msg":"stopping"\}\n.*"msg":"stopped"\}\n$/)
})

test('a Node that is too old is told in one line which one it takes', async () => {
  const olderNode = 'data:text/javascript,Object.defineProperty(process,"version",{value:"v22.21.1"})'
  await assert.rejects(shell(process.execPath, ['--import', olderNode, join(root, 'server.mjs')]), {
    code: 1,
    stdout: '',
    stderr: 'Serverless Streams needs Node 22.22 or newer, this is 22.21.1: use "npm start", which brings its own Node, or a newer one\n'
  })
})

test('a port that is taken', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  assert.deepEqual(await failedStart(t, { DATA_DIR: ':memory:', PORT: String(port) }), {
    code: 1, stdout: '', stderr: `PORT: ${port} on 127.0.0.1 is taken by another process; set PORT to a free one\n`
  })
})

test('an address that is not of this machine', async (t) => {
  const { code, stderr } = await failedStart(t, { DATA_DIR: ':memory:', HOST: '192.0.2.1', AUTH: 'none' })
  assert.equal(code, 1)
  assert.match(stderr, /^HOST: 192\.0\.2\.1 is not an address of this machine \([^\n]*\)\n$/)
})

test('wrong settings are named, each on a line', async (t) => {
  assert.deepEqual(await failedStart(t, { PORT: 'abc', COMPRESSION: 'rar' }), {
    code: 1,
    stdout: '',
    stderr: 'PORT: expected a whole number from 0 to 65535, got "abc"\nCOMPRESSION: expected one of auto, none, gzip, zstd, got "rar"\n'
  })
})

test('a second server on the same folder', async (t) => {
  const folder = temporaryFolder(t)
  await startServer(t, { DATA_DIR: folder })
  const { code, stdout, stderr } = await failedStart(t, { DATA_DIR: folder })
  assert.deepEqual([code, stdout], [1, ''])
  assert.equal(stderr, `DATA_DIR: another server is running on the folder ${folder}: stop it, or use another folder\n`)
})

test('a data folder that is a file', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')
  chmodSync(file, 0o400)
  const { code, stderr } = await failedStart(t, { DATA_DIR: file })
  assert.equal(code, 1)
  assert.match(stderr, /^DATA_DIR: [^\n]+\n$/)
})

test('a bucket and a table that are missing: the start stops and says what to create', async (t) => {
  const baseUrl = await otherService(t, 404)
  const { code, stdout, stderr } = await failedStart(t, aws(baseUrl))
  assert.deepEqual([code, stdout], [1, ''])
  const [bucket, table] = stderr.split('\n')
  assert.match(bucket!, /^the bucket "my-bucket" does not exist: create it/)
  assert.match(table!, /^the table "my-table" does not exist: create it with the partition key pk \(string\)/)
})

test('a store that replaces objects: the start stops and says what is missing', async (t) => {
  const s3 = await scriptedServer(t, [{ status: 200, headers: { etag: '"e1"' } }])
  const dynamo = await scriptedServer(t, [{ status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: '{}' }])
  const { code, stdout, stderr } = await failedStart(t, { ...aws(dynamo.endpoint), AWS_ENDPOINT_URL_S3: s3.endpoint })
  assert.deepEqual([code, stdout], [1, ''])
  assert.equal(stderr, 'the store of the bucket "my-bucket" does not keep If-None-Match: * (a second put of one key must fail with 412): ' +
    'messages would be lost, so it can\'t be used\n')
})

test('storage that does not answer yet: it starts, warns, and is not ready', async (t) => {
  const { baseUrl, lines } = await startServer(t, aws('http://127.0.0.1:1'))
  const answer = await ask(baseUrl, { path: '/ready' })
  assert.equal((JSON.parse(answer.text) as { detail: string }).detail, 'Not ready: bucket (unavailable), table (unavailable).')
  await eventually(() => warningsIn(lines).length === 2)
  const warnings = lines.map((line) => JSON.parse(line) as { level: string, store: string, msg: string })
    .filter(({ level }) => level === 'warn')
  assert.deepEqual(warnings.map(({ store, msg }) => [store, msg]),
    [['bucket', 'store did not respond at the start'], ['table', 'store did not respond at the start']])
})

test('a table without the index that lists topics: the log says once what to do', async (t) => {
  const found = { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: '{}' }
  const list = [dynamoError(400, 'ValidationException'), found]
  const dynamo = await scriptedServer(t, [found, ...list, ...list])
  const { baseUrl, lines } = await startServer(t, { ...aws(dynamo.endpoint), AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' })
  for (const requests of [3, 5]) {
    await ask(baseUrl, { path: '/topics' })
    // The bucket is down, so the answer may come first.
    await eventually(() => dynamo.requests.length === requests)
  }
  assert.deepEqual(dynamo.requests.map(({ headers }) => String(headers['x-amz-target']).replace(/.*\./, '')),
    ['GetItem', 'Query', 'Scan', 'Query', 'Scan'])
  await eventually(() => lines.filter((line) => line.includes('"route":"/topics"')).length === 2)
  assert.deepEqual(warningsIn(lines).filter((text) => text.startsWith('The table')), [
    'The table "my-table" lacks the index "topics" (partition key kind, sort key pk, both strings, KEYS_ONLY), so each list of topics ' +
    'reads the whole table: run scripts/create-storage.ts, which adds it'
  ])
})

test('on an address that others can reach it does not start before somebody says how clients are known', async (t) => {
  const { code, stdout, stderr } = await failedStart(t, { DATA_DIR: ':memory:', HOST: '0.0.0.0', ALLOWED_HOSTS: '' })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^AUTH: expected a value because HOST is 0\.0\.0\.0, [^\n]* Set AUTH=tokens, [^\n]* or set AUTH=none, [^\n]*\n$/)
  const open = await startServer(t, { DATA_DIR: ':memory:', HOST: '0.0.0.0', ALLOWED_HOSTS: '', AUTH: 'none' })
  assert.equal((await ask(open.baseUrl, { path: '/topics', headers: { host: 'any.example.com' } })).status, 200)
  await eventually(() => open.lines.length > 0)
  assert.equal((JSON.parse(open.lines[0]!) as { auth: string }).auth, 'none')
  const closed = await startServer(t, { DATA_DIR: ':memory:', HOST: '0.0.0.0', ALLOWED_HOSTS: '', AUTH: 'tokens' })
  assert.equal((await ask(closed.baseUrl, { path: '/topics', headers: { host: 'any.example.com' } })).status, 401)
  await eventually(() => closed.lines.length > 0)
  assert.equal((JSON.parse(closed.lines[0]!) as { auth: string }).auth, 'tokens')
  assert.match(closed.errorLines[0]!, /curl \S+ -H "authorization: Bearer \$TOKEN" -H /)
})

// What a page does whose own name points to 127.0.0.1.
test('a server on a loopback address is not read or written under a foreign name', async (t) => {
  const { baseUrl } = await startServer(t, { DATA_DIR: ':memory:', ALLOWED_HOSTS: '' })
  const host = `evil.example:${new URL(baseUrl).port}`
  const refusal = `host: expected localhost, 127.0.0.1, [::1] or a name from the setting ALLOWED_HOSTS, got "${host}"`
  const body = '{"payload":1}'
  assertProblem(await ask(baseUrl, {
    method: 'POST',
    path: '/topics/a/produce',
    headers: { host, 'content-type': 'application/json' },
    body
  }), 'misdirected_request', refusal)
  assertProblem(await ask(baseUrl, { path: '/topics/a/consume', headers: { host } }), 'misdirected_request', refusal)
  for (const path of ['/docs', '/nothing']) assert.equal((await ask(baseUrl, { path, headers: { host } })).status, 421)
  assert.match((await consume(baseUrl, 'a')).text, /^\{"messages":\[\],/)
})

test('LOG_LEVEL=silent: no log, but where it listens', async (t) => {
  const { baseUrl, lines, errorLines, child, ended } = await startServer(t, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent' })
  await ask(baseUrl, { path: '/health' })
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.deepEqual([lines.length, errorLines.length], [0, 1])
})

test('without DATA_DIR the data is in ./data', async (t) => {
  const folder = temporaryFolder(t)
  const { errorLines } = await startServer(t, {}, folder)
  assert(errorLines[0]?.includes(join(folder, 'data')))
  assert(existsSync(join(folder, 'data', 'streams.db')))
})

/** A request that has been sent before has arrived when a later one is answered. */
async function answersHealth (baseUrl: string): Promise<void> {
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
}

/** Sends the signal when what was sent before has arrived, and resolves when the server has begun to stop. */
async function stop ({ child, baseUrl, lines }: ServerProcess, signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  await answersHealth(baseUrl)
  child.kill(signal)
  await eventually(() => lines.some((line) => line.includes('"msg":"stopping"')))
}

function warningsIn (lines: readonly string[]): string[] {
  return lines.map((line) => JSON.parse(line) as { level: string, msg: string }).filter(({ level }) => level === 'warn')
    .map(({ msg }) => msg)
}

function aws (endpoint: string): Record<string, string> {
  return {
    BUCKET_NAME: 'my-bucket',
    COUNTERS_TABLE: 'my-table',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test'
  }
}

/** Answers as S3 and DynamoDB do when what is asked for is not there. */
async function otherService (t: TestContext, status: number): Promise<string> {
  const server = createServer((request, response) => {
    const dynamo = request.headers['x-amz-target'] !== undefined
    response.writeHead(status, { 'content-type': dynamo ? 'application/x-amz-json-1.0' : 'application/xml' })
    response.end(dynamo
      ? '{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}'
      : '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function idleConnection (baseUrl: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(`${baseUrl}/health`, { agent }, (answer) => { answer.resume().on('end', () => resolve()) }).on('error', reject).end()
  })
}

function stuckRequest (t: TestContext, baseUrl: string): void {
  const sent = request(`${baseUrl}/topics/a/produce`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': '13' }
  })
  sent.on('error', () => {}).write('{')
  t.after(() => { sent.destroy() })
}
