import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ask, assertProblem, consume, produce, send } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const expected = 'timestamp: expected milliseconds since 1970, or a date such as 2026-01-31T12:00:00Z, got'

export async function readingByTime (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('timestamp: the first message at or after the time, and those behind it', async () => {
    const name = topic()
    const times: number[] = []
    for (let n = 1; n <= 4; n++) {
      await produce(baseUrl, name, `{"payload":${n}}`)
      await new Promise((resolve) => { setTimeout(resolve, 10) })
    }
    const all = JSON.parse((await consume(baseUrl, name)).text) as { messages: Array<{ timestamp: number }> }
    times.push(...all.messages.map(({ timestamp }) => timestamp))
    const read = async (timestamp: string | number): Promise<number[]> => {
      const { status, text } = await consume(baseUrl, name, `?timestamp=${encodeURIComponent(timestamp)}`)
      assert.equal(status, 200, text)
      return (JSON.parse(text) as { messages: Array<{ offset: number }> }).messages.map(({ offset }) => offset)
    }
    assert.deepEqual(await read(0), [1, 2, 3, 4])
    assert.deepEqual(await read(times[1]!), [2, 3, 4])
    assert.deepEqual(await read(times[1]! + 1), [3, 4])
    assert.deepEqual(await read(new Date(times[2]!).toISOString()), [3, 4])
    assert.deepEqual(await read(new Date(times[2]! + 3_600_000).toISOString().replace('Z', '+01:00').toLowerCase()), [3, 4])
    assert.deepEqual(await read(times[3]! + 1), [])
    assert.equal((await consume(baseUrl, name, `?timestamp=${times[3]! + 1}`)).text, '{"messages":[],"next_offset":5}')
    await send(baseUrl, 'POST', `/topics/${name}/trim`, { before: 3 })
    assert.deepEqual(await read(0), [3, 4])
  })

  await t.test('timestamp: in an empty topic, and with a wait', async () => {
    const name = topic()
    assert.equal((await consume(baseUrl, name, '?timestamp=1702000000000')).text, '{"messages":[],"next_offset":1}')
    assert.equal((await consume(baseUrl, name, '?timestamp=2099-01-01T00:00:00Z&wait=0.1')).text, '{"messages":[],"next_offset":1}')
  })

  const bad: Record<string, string> = {
    '?timestamp=': `${expected} ""`,
    '?timestamp=-1': `${expected} "-1"`,
    '?timestamp=1.5': `${expected} "1.5"`,
    '?timestamp=1e3': `${expected} "1e3"`,
    '?timestamp=1234567890123456': `${expected} "1234567890123456"`,
    '?timestamp=yesterday': `${expected} "yesterday"`,
    '?timestamp=2026-01-31': `${expected} "2026-01-31"`,
    '?timestamp=2026-01-31T12:00:00': `${expected} "2026-01-31T12:00:00"`,
    '?timestamp=2026-02-30T12:00:00Z': `${expected} "2026-02-30T12:00:00Z"`,
    '?timestamp=2026-13-01T12:00:00Z': `${expected} "2026-13-01T12:00:00Z"`,
    '?timestamp=2026-01-31T25:00:00Z': `${expected} "2026-01-31T25:00:00Z"`,
    '?timestamp=1969-12-31T23:59:59Z': `${expected} "1969-12-31T23:59:59Z"`,
    '?timestamp=1&offset=1': 'timestamp: expected this parameter or offset, got both',
    '?timestamp=1&offset=latest': 'timestamp: expected this parameter or offset, got both'
  }
  for (const [query, detail] of Object.entries(bad)) {
    await t.test(`${query} is refused`, async () => { assertProblem(await consume(baseUrl, topic(), query), 'invalid_request', detail) })
  }

  await t.test('each page tells where the topic begins and ends, so that a consumer knows its lag', async () => {
    const name = topic()
    const range = async (query: string, accept = '*/*'): Promise<unknown[]> => {
      const { headers } = await ask(baseUrl, { path: `/topics/${name}/consume${query}`, headers: { accept } })
      return [headers['earliest-offset'], headers['end-offset'], headers['next-offset']]
    }
    assert.deepEqual(await range(''), ['1', '1', '1'])
    for (let n = 1; n <= 4; n++) await produce(baseUrl, name, `{"payload":${n}}`)
    assert.deepEqual(await range('?limit=1'), ['1', '5', '2'])
    assert.deepEqual(await range('?offset=5&wait=0.1'), ['1', '5', '5'])
    assert.deepEqual(await range('?offset=2&limit=2', 'application/x-ndjson'), ['1', '5', '4'])
    await send(baseUrl, 'POST', `/topics/${name}/trim`, { before: 3 })
    assert.deepEqual(await range('?offset=1&limit=1'), ['3', '5', '4'])
  })
}
