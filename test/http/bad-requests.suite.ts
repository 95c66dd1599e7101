import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ask, assertProblem, consume, produce } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const offsetExpected = 'offset: expected a whole number from 1 to 9007199254740991, "earliest" or "latest", got '
const waitExpected = 'wait: expected a number of seconds from 0, with at most 3 decimals, got '
const topicExpected = 'topic: expected 1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or "..", got '

const notFound = 'There is nothing at this path; see /docs for all paths.'

const queries: Record<string, string> = {
  '?offset=0': `${offsetExpected}"0"`,
  '?offset=-1': `${offsetExpected}"-1"`,
  '?offset=abc': `${offsetExpected}"abc"`,
  '?offset=1.5': `${offsetExpected}"1.5"`,
  '?offset=18446744073709551616': `${offsetExpected}"18446744073709551616"`,
  '?offset=9007199254740992': `${offsetExpected}"9007199254740992"`,
  '?offset=': `${offsetExpected}""`,
  '?offset=01': `${offsetExpected}"01"`,
  '?offset=1e3': `${offsetExpected}"1e3"`,
  '?offset=0x10': `${offsetExpected}"0x10"`,
  '?offset=%201': `${offsetExpected}" 1"`,
  '?offset=1%0A': `${offsetExpected}"1\\n"`,
  '?offset=Latest': `${offsetExpected}"Latest"`,
  '?limit=0': 'limit: expected a whole number from 1, got "0"',
  '?limit=-5': 'limit: expected a whole number from 1, got "-5"',
  '?limit=ten': 'limit: expected a whole number from 1, got "ten"',
  '?limit=1,2': 'limit: expected a whole number from 1, got "1,2"',
  '?limit=': 'limit: expected a whole number from 1, got ""',
  '?max_bytes=0': 'max_bytes: expected a whole number from 1, got "0"',
  '?max_bytes=1.0': 'max_bytes: expected a whole number from 1, got "1.0"',
  '?foo=1': 'foo: expected one of offset, timestamp, limit, max_bytes, wait, got an unknown parameter',
  '?wait=-1': `${waitExpected}"-1"`,
  '?wait=.5': `${waitExpected}".5"`,
  '?wait=1.': `${waitExpected}"1."`,
  '?wait=1.2345': `${waitExpected}"1.2345"`,
  '?wait=1,5': `${waitExpected}"1,5"`,
  '?wait=1e1': `${waitExpected}"1e1"`,
  '?wait=00.5': `${waitExpected}"00.5"`,
  '?wait=': `${waitExpected}""`,
  '?Offset=1': 'Offset: expected one of offset, timestamp, limit, max_bytes, wait, got an unknown parameter',
  '?constructor=1': 'constructor: expected one of offset, timestamp, limit, max_bytes, wait, got an unknown parameter'
}

/** As they stand in the path, and as the message shows them. */
const topics: Record<string, [path: string, shown: string]> = {
  empty: ['', '""'],
  '250 characters': ['a'.repeat(250), `"${'a'.repeat(60)}…"`],
  '5,000 characters': ['a'.repeat(5000), `"${'a'.repeat(60)}…"`],
  'an encoded slash': ['a%2Fb', '"a/b"'],
  'an encoded backslash': ['a%5Cb', '"a\\\\b"'],
  'a number sign': ['a%23b', '"a#b"'],
  'a question mark': ['a%3Fb', '"a?b"'],
  'a space': ['a%20b', '"a b"'],
  'a line end': ['a%0A', '"a\\n"'],
  'a zero byte': ['a%00', '"a\\u0000"'],
  Unicode: ['gr%C3%BC%C3%9Fe', '"grüße"'],
  'a look-alike letter': ['%D0%B0', '"а"'],
  'a plus sign': ['a+b', '"a+b"']
}

export async function badRequests (t: TestContext, { baseUrl, topic, paths }: Subject): Promise<void> {
  for (const [query, detail] of Object.entries(queries)) {
    await t.test(query, async () => { assertProblem(await consume(baseUrl, topic(), query), 'invalid_request', detail) })
  }

  await t.test('a parameter given twice', async () => {
    const answer = await consume(baseUrl, topic(), '?offset=1&offset=2')
    // HTTP APIs join the two with a comma before the function sees them.
    const got = answer.text.includes('1,2') ? '"1,2"' : 'an array'
    assertProblem(answer, 'invalid_request', offsetExpected + got)
  })

  for (const [name, [path, shown]] of Object.entries(topics)) {
    await t.test(`a topic name: ${name}`, async () => {
      if (paths === 'decoded' && path.includes('%2F')) {
        assertProblem(await consume(baseUrl, path), 'not_found', notFound)
        return
      }
      assertProblem(await consume(baseUrl, path), 'invalid_topic', topicExpected + shown)
      assertProblem(await produce(baseUrl, path, '{"payload":1}'), 'invalid_topic', topicExpected + shown)
    })
  }

  await t.test('the longest topic name is one', async () => {
    assert.equal((await consume(baseUrl, 'a'.repeat(249))).status, 200)
    assert.equal((await consume(baseUrl, 'A.b_c-9')).status, 200)
    assert.equal((await consume(baseUrl, '...')).status, 200)
  })

  await t.test('dots as topic names', { skip: paths === 'raw' ? false : 'paths are normalized on the way' }, async () => {
    for (const name of ['.', '..', '%2E%2E', '%2e']) {
      assertProblem(await consume(baseUrl, name), 'invalid_topic', `${topicExpected}"${decodeURIComponent(name)}"`)
    }
  })

  await t.test('percent signs that encode nothing', { skip: paths === 'raw' ? false : 'paths are normalized on the way' }, async () => {
    for (const name of ['%zz', '%', '%C3', '%C3%28', '%ED%A0%80']) {
      assertProblem(await consume(baseUrl, name), 'malformed_request',
        `path: expected valid percent-encoding of UTF-8, got "/topics/${name}/consume"`)
    }
  })

  for (const path of [
    '/nope', '/topics/a/nope', '/topics/a/b/produce', '/topics/a/produce//', '/TOPICS/a/consume', '/v2/health', '/v1', '/v1/v1/health'
  ]) {
    await t.test(`unknown path ${path}`, async () => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const answer = await ask(baseUrl, { method, path, headers: { 'content-type': 'application/json' }, body: '{' })
        assertProblem(answer, 'not_found', notFound)
      }
    })
  }

  const wrong: Array<[path: string, allow: string, methods: string[]]> = [
    [`/topics/${topic()}/produce`, 'POST', ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']],
    [`/v1/topics/${topic()}/produce`, 'POST', ['GET']],
    [`/topics/${topic()}/consume?offset=1`, 'GET, HEAD', ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']],
    [`/topics/${topic()}`, 'DELETE, GET, HEAD, PUT', ['POST', 'PATCH', 'OPTIONS']],
    [`/topics/${topic()}/trim`, 'POST', ['GET', 'PUT', 'DELETE']],
    [`/topics/${topic()}/close`, 'POST', ['GET', 'PUT', 'DELETE']],
    ['/topics', 'GET, HEAD', ['POST', 'PUT', 'DELETE']],
    ['/health', 'GET, HEAD', ['POST', 'DELETE']],
    ['/health/', 'GET, HEAD', ['POST']],
    ['/', 'GET, HEAD', ['POST']],
    ['/ready', 'GET, HEAD', ['POST']],
    ['/openapi.json', 'GET, HEAD', ['POST']]
  ]
  for (const [path, allow, methods] of wrong) {
    await t.test(`wrong methods on ${path.replace(/t-[0-9a-f-]{36}/, '…')}`, async () => {
      for (const method of methods) {
        // With a body that is wrong as well: the method comes first.
        const answer = await ask(baseUrl, { method, path, headers: { 'content-type': 'nonsense' }, body: '{' })
        assertProblem(answer, 'method_not_allowed', `method: expected ${allow}, got ${method}`)
        assert.equal(answer.headers['allow'], allow)
      }
    })
  }
}
