import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { onOneLine, rawMembers } from '../../src/domain/json.ts'

/** JSON text with white space between any two tokens. */
const spacedJson = fc.tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, indent]) => JSON.stringify(value, undefined, indent))

test('rawMembers: each member\'s text parses to the member\'s value, in order', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), spacedJson), fc.constantFrom('', ' ', '\n\t'), (object, space) => {
    const entries = Object.entries(object)
    const text = `${space}{${space}${entries.map(([name, json]) => `${JSON.stringify(name)}${space}:${space}${json}${space}`).join(',' + space)}}${space}`
    JSON.parse(text)
    assert.deepEqual(rawMembers(text), entries.map(([name, raw]) => ({ name, raw })))
  }), { numRuns: 2_000 })
})

test('other values have no members', () => {
  for (const text of ['[]', '"{}"', '1', 'null', ' [ {} ] ']) assert.equal(rawMembers(text), undefined)
  assert.deepEqual(rawMembers('{}'), [])
})

test('what JSON.parse would change is kept: doubles, big numbers, escapes, __proto__', () => {
  const text = '{"a":12345678901234567890,"a":1.0,"\\u0061":"\\ud800","__proto__":{"x":1e400},"b":"\\\\\\"}{"}'
  assert.deepEqual(rawMembers(text), [
    { name: 'a', raw: '12345678901234567890' },
    { name: 'a', raw: '1.0' },
    { name: 'a', raw: '"\\ud800"' },
    { name: '__proto__', raw: '{"x":1e400}' },
    { name: 'b', raw: '"\\\\\\"}{"' }
  ])
})

test('4 MiB of brackets, quotes or backslashes take no time that grows with their square', () => {
  const n = 2 ** 21
  assert.equal(rawMembers(`{"a":${'['.repeat(n)}${']'.repeat(n)}}`)![0]!.raw.length, 2 * n)
  assert.equal(rawMembers(`{"a":"${'\\\\'.repeat(n)}"}`)![0]!.raw.length, 2 * n + 2)
  assert.equal(rawMembers(`{"a":"${'\\"'.repeat(n)}"}`)![0]!.raw.length, 2 * n + 2)
})

test('onOneLine changes white space only', () => {
  fc.assert(fc.property(spacedJson, (json) => {
    const line = onOneLine(json)
    assert.ok(!/[\r\n]/.test(line))
    assert.deepEqual(JSON.parse(line), JSON.parse(json))
    assert.equal(line.length, json.length)
  }))
})
