import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { consume, produce } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const requestBytesMax = 4 * 1024 * 1024

/** Each of these changes when it is parsed and serialised again, or is a case of its own for whoever cuts JSON by hand. */
const payloads: Record<string, string> = {
  null: 'null',
  true: 'true',
  'an empty string': '""',
  'an empty object': '{}',
  'an empty array': '[]',
  'an integer beyond 2^53': '9007199254740993',
  'an integer beyond 2^64': '123456789012345678901234567890',
  'numbers in all spellings': '[1.0,1e2,1E+2,-0,0.10,1e400,-1e-400]',
  'the order of keys': '{"b":1,"a":2,"10":3,"9":4}',
  'doubled keys': '{"a":1,"a":2,"a":{"b":1,"b":2}}',
  '__proto__ and constructor as data': '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  'members named like those of a message': '{"offset":9,"payload":{"payload":1},"timestamp":0,"messages":[],"next_offset":7}',
  Unicode: '"grüße 你好 🎉 ﷽"',
  'escapes as they were written': '"\\u00e9\\/\\n\\t\\"\\\\ \\uD83C\\uDF89"',
  'lone surrogate escapes': '["\\ud800","\\udc00x","\\uD800\\uD800"]',
  'quotes, braces and backslashes in strings': '["}","{\\"a\\":1}","\\\\","\\\\\\"]",",:[]{}"]',
  'white space inside': '{ "a" : [ 1 ,\t2 ] }',
  'a string of line separators': '"\u2028\u2029\u0085"',
  'the deepest nesting': '['.repeat(512) + ']'.repeat(512),
  'the deepest nesting of objects': '{"a":'.repeat(512) + '1' + '}'.repeat(512),
  'a number of 5,000 digits': '1'.repeat(5_000),
  '10,000 members': `{${[...Array(10_000).keys()].map((n) => `"k${n}":${n}`).join()}}`,
  '3 MiB': `"${'x'.repeat(3 * 1024 * 1024)}"`
}

export async function exactPayloads (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  const back = async (body: string): Promise<string> => {
    const name = topic()
    const produced = await produce(baseUrl, name, body)
    assert.equal(produced.text, `{"topic":"${name}","offset":1}`)
    const { text } = await consume(baseUrl, name)
    const [, message] = /^\{"messages":\[\{"offset":1,"payload":(.*)\}\],"next_offset":2\}$/s.exec(text) ?? []
    assert(message !== undefined, `not a page of one message: ${text.slice(0, 200)}`)
    return message.replace(/"timestamp":\d{13}/, '"timestamp":T')
  }
  // Not deepEqual: a difference in three megabytes is not for printing.
  const same = (got: string, expected: string): void => assert(got === expected, `${got.slice(0, 300)} is not ${expected.slice(0, 300)}`)

  for (const [name, payload] of Object.entries(payloads)) {
    await t.test(name, async () => { same(await back(`{"payload":${payload}}`), `${payload},"timestamp":T`) })
  }

  await t.test('white space around the payload is not part of it', async () => {
    same(await back('\r\n\t { "payload"\n:\t 12 \r\n } \n'), '12,"timestamp":T')
  })

  await t.test('printed over several lines: line ends become spaces, and nothing else changes', async () => {
    const pretty = '{\r\n  "a": [\n    1,\n    "x\\ny"\n  ]\n}'
    same(await back(`{"payload":${pretty}}`), `${pretty.replaceAll(/[\r\n]/g, ' ')},"timestamp":T`)
  })

  await t.test('the member\'s name may be written with escapes', async () => {
    same(await back('{"p\\u0061yload":1}'), '1,"timestamp":T')
  })

  await t.test('key and headers, in any order', async () => {
    same(await back('{"headers":{"b":"2","a":"1"},"key":"k","payload":0}'), '0,"timestamp":T,"key":"k","headers":{"b":"2","a":"1"}')
    same(await back('{"payload":0,"key":"","headers":{}}'), '0,"timestamp":T,"key":"","headers":{}')
  })

  await t.test('keys and headers of any text', async () => {
    same(await back('{"payload":0,"key":"\\"é\\\\\\n🎉\\ud800"}'), '0,"timestamp":T,"key":"\\"é\\\\\\n🎉\\ud800"')
    same(await back('{"payload":0,"headers":{"__proto__":"p","":"e","ü\\n":"\\u0000"}}'),
      '0,"timestamp":T,"headers":{"__proto__":"p","":"e","ü\\n":"\\u0000"}')
  })

  await t.test('the largest key and the largest headers', async () => {
    const key = 'é'.repeat(512)
    const headers = `{"h":"${'x'.repeat(8191)}"}`
    same(await back(`{"payload":0,"key":"${key}","headers":${headers}}`), `0,"timestamp":T,"key":"${key}","headers":${headers}`)
  })

  await t.test('the largest body, even all quotation marks', async () => {
    const frame = '{"payload":""}'.length
    const payload = '"' + '\\"'.repeat((requestBytesMax - frame) / 2) + '"'
    assert.equal(payload.length + frame - 2, requestBytesMax)
    same(await back(`{"payload":${payload}}`), `${payload},"timestamp":T`)
  })

  await t.test('nothing was polluted', () => { assert.equal(({} as { polluted?: boolean }).polluted, undefined) })
}
