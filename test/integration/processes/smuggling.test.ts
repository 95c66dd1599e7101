import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerProcess, startServer } from '../../support/processes/server.ts'

/*
 * Shapes of requests about whose end two parsers may disagree. If a proxy in front reads one request where the server reads two,
 * the second answer goes to another client of the proxy. So each of them must have one end, or none: the server answers 400 and
 * closes the connection.
 */

/** What is sent behind each shape. Its answer must not come on the same connection if the shape is refused. */
const behind = 'GET /topics/behind HTTP/1.1\r\nhost: x\r\n\r\n'
const post = 'POST /topics/a/produce HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
const body = '{"payload":1}'
const chunk = `d\r\n${body}\r\n`

/** The status of each answer on one connection, which the client ends when nothing comes behind the second. */
async function statuses ({ baseUrl }: ServerProcess, bytes: string): Promise<{ answers: string[], closed: boolean }> {
  const { hostname, port } = new URL(baseUrl)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (data: Buffer) => { received += data.toString('latin1') }).on('error', () => {})
  const closed = new Promise<boolean>((resolve) => { socket.on('close', () => { resolve(true) }) })
  socket.write(bytes, 'latin1')
  const answers = (): string[] => [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status!)
  const idle = async (): Promise<false> => {
    for (const until = performance.now() + 5_000; performance.now() < until && answers().length < 2;) await sleep(10)
    await sleep(50)
    return false
  }
  const isClosed = await Promise.race([closed, idle()])
  socket.destroy()
  return { answers: answers(), closed: isClosed }
}

const refused: Array<[string, string]> = [
  ['a length and chunks', `${post}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['chunks and a length', `${post}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n${chunk}0\r\n\r\n`],
  ['two different lengths', `${post}content-length: 13\r\ncontent-length: 0\r\n\r\n${body}`],
  ['twice the same length', `${post}content-length: 13\r\ncontent-length: 13\r\n\r\n${body}`],
  ['a list of lengths', `${post}content-length: 13, 13\r\n\r\n${body}`],
  ['a length with a sign', `${post}content-length: +13\r\n\r\n${body}`],
  ['a negative length', `${post}content-length: -1\r\n\r\n${body}`],
  ['a hexadecimal length', `${post}content-length: 0xd\r\n\r\n${body}`],
  ['an empty length', `${post}content-length:\r\n\r\n${body}`],
  ['a length beyond 64 bits', `${post}content-length: 184467440737095516170\r\n\r\n${body}`],
  ['a space before the colon', `${post}content-length : 13\r\n\r\n${body}`],
  ['a space before the name', `${post} content-length: 13\r\n\r\n${body}`],
  ['a tab before the name of a coding', `${post}\ttransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['a space before the colon of a coding', `${post}transfer-encoding : chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['a folded header', `${post}x-a: b\r\n content-length: 13\r\n\r\n${body}`],
  ['a folded coding', `${post}transfer-encoding:\r\n chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['a header without a colon', `${post}content-length\r\n\r\n`],
  ['a NUL in a value', `${post}x-a: b\0c\r\ncontent-length: 13\r\n\r\n${body}`],
  ['a bare CR in a value', `${post}x-a: b\rcontent-length: 13\r\n\r\n${body}`],
  ['a bare LF between headers', `${post}x-a: b\ncontent-length: 13\r\n\r\n${body}`],
  ['a bare LF at the end of the headers', `${post}content-length: 13\r\n\n${body}`],
  ['bare LFs throughout', `${post}content-length: 13\r\n\r\n${body}`.replaceAll('\r\n', '\n')],
  ['chunked twice', `${post}transfer-encoding: chunked, chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['another coding after chunked', `${post}transfer-encoding: chunked, identity\r\n\r\n${chunk}0\r\n\r\n`],
  ['an unknown coding', `${post}transfer-encoding: xchunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['a vertical tab before chunked', `${post}transfer-encoding: \x0bchunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['chunked in quotes', `${post}transfer-encoding: "chunked"\r\n\r\n${chunk}0\r\n\r\n`],
  ['a coding in two headers', `${post}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n${chunk}0\r\n\r\n`],
  ['a chunk size beyond 64 bits', `${post}transfer-encoding: chunked\r\n\r\n1000000000000000d\r\n${body}\r\n0\r\n\r\n`],
  ['a negative chunk size', `${post}transfer-encoding: chunked\r\n\r\n-1\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk size with a prefix', `${post}transfer-encoding: chunked\r\n\r\n0xd\r\n${body}\r\n0\r\n\r\n`],
  ['a space before a chunk size', `${post}transfer-encoding: chunked\r\n\r\n d\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk without a size', `${post}transfer-encoding: chunked\r\n\r\n\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk that is longer than its size', `${post}transfer-encoding: chunked\r\n\r\n3\r\n${body}\r\n0\r\n\r\n`],
  ['a bare LF behind a chunk size', `${post}transfer-encoding: chunked\r\n\r\nd\n${body}\r\n0\r\n\r\n`],
  ['a bare LF behind a chunk', `${post}transfer-encoding: chunked\r\n\r\nd\r\n${body}\n0\r\n\r\n`],
  ['a bare LF in a chunk extension', `${post}transfer-encoding: chunked\r\n\r\nd;a\n${body}\r\n0\r\n\r\n`],
  ['16 KiB of chunk extensions', `${post}transfer-encoding: chunked\r\n\r\nd;a=${'x'.repeat(17_000)}\r\n${body}\r\n0\r\n\r\n`],
  ['chunks that are wrong behind an answer', `${post.replace('/topics/a/', '/nothing/')}transfer-encoding: chunked\r\n\r\nx\r\n`],
  ['HTTP/1.0 with chunks', `${post.replace('HTTP/1.1', 'HTTP/1.0')}transfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['HTTP/1.0 with chunks that would keep the connection',
    `${post.replace('HTTP/1.1', 'HTTP/1.0')}connection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['another coding before chunked', `${post}transfer-encoding: gzip, chunked\r\n\r\n${chunk}0\r\n\r\n`],
  ['a length in the trailers', `${post}transfer-encoding: chunked\r\n\r\n${chunk}0\r\ncontent-length: 99\r\n\r\n`],
  ['a body that the route does not read', `${post.replace('application/json', 'text/plain')}content-length: 13\r\n\r\n${body}`],
  ['HTTP/0.9', 'GET /health\r\n\r\n'],
  ['HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a tab in the request line', 'GET\t/health HTTP/1.1\r\nhost: x\r\n\r\n'],
  ['a space in the path', 'GET /hea lth HTTP/1.1\r\nhost: x\r\n\r\n']
]

/** Valid, or harmless: one answer for the request, and one for the request behind it. */
const unambiguous: Array<[string, string, string]> = [
  ['a length with spaces around it', `${post}content-length:  13 \r\n\r\n${body}`, '200'],
  ['a length with leading zeros', `${post}content-length: 0013\r\n\r\n${body}`, '200'],
  ['chunked in capitals', `${post}Transfer-Encoding: CHUNKED\r\n\r\n${chunk}0\r\n\r\n`, '200'],
  ['chunk extensions', `${post}transfer-encoding: chunked\r\n\r\nd;a=b;c="d"\r\n${body}\r\n0\r\n\r\n`, '200'],
  ['a chunk size with leading zeros', `${post}transfer-encoding: chunked\r\n\r\n00d\r\n${body}\r\n0\r\n\r\n`, '200'],
  ['trailers', `${post}transfer-encoding: chunked\r\n\r\n${chunk}0\r\nx-a: b\r\nhost: y\r\n\r\n`, '200'],
  ['a GET with a body', `GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: ${behind.length}\r\n\r\n${behind}`, '200'],
  ['a GET with chunks', `GET /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`, '200'],
  ['a name like a length', `${post}content_length: 99\r\ncontent-length: 13\r\n\r\n${body}`, '200'],
  ['two hosts', 'GET /health HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n', '400'],
  ['no host', 'GET /health HTTP/1.1\r\n\r\n', '400'],
  ['two spaces in the request line', 'GET  /health HTTP/1.1\r\nhost: x\r\n\r\n', '200'],
  ['an absolute form', 'GET http://x/health HTTP/1.1\r\nhost: x\r\n\r\n', '200'],
  ['an absolute form with another host', 'GET http://y/health HTTP/1.1\r\nhost: x\r\n\r\n', '400'],
  ['an absolute form with a served host, and another in the header', 'GET http://x/health HTTP/1.1\r\nhost: y\r\n\r\n', '400']
]

/** One server for all: it must go on after each. */
test('request smuggling', async (t: TestContext) => {
  const server = await startServer(t, { DATA_DIR: ':memory:', LOG_LEVEL: 'error' })
  for (const [name, bytes] of refused) {
    await t.test(`${name}: refused`, async () => {
      const { answers, closed } = await statuses(server, bytes + behind)
      assert.equal(answers.length, 1, String(answers))
      assert.match(answers[0]!, /^(400|404|415|431|501)$/)
      assert.equal(closed, true)
    })
  }
  for (const [name, bytes, status] of unambiguous) {
    await t.test(`${name}: one request`, async () => {
      assert.deepEqual(await statuses(server, bytes + behind), { answers: [status, '404'], closed: false })
    })
  }
  await t.test('what comes behind the last request of a connection is not done', async () => {
    const last = `${post.replace('/a/', '/last/')}connection: close\r\ncontent-length: 13\r\n\r\n${body}`
    const next = `${post.replace('/a/', '/next/')}content-length: 13\r\n\r\n${body}`
    assert.deepEqual(await statuses(server, last + next), { answers: ['200'], closed: true })
    const refused = `${post}transfer-encoding: gzip, chunked\r\n\r\n${chunk}0\r\n\r\n`
    assert.deepEqual(await statuses(server, refused + next), { answers: ['501'], closed: true })
    const topics = await fetch(`${server.baseUrl}/topics`)
    assert.match(await topics.text(), /"last".*(?<!"next".*)$/s)
  })
  assert.deepEqual(await statuses(server, behind + behind), { answers: ['404', '404'], closed: false })
})
