import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonScanner, JsonSyntaxError, onOneLine, parseValue } from '../../src/domain/json.ts'
import { jsonText, mutated } from '../support/fuzz.ts'

/** JSON text with white space between any two tokens. */
const spacedJson = fc.tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, indent]) => JSON.stringify(value, undefined, indent))

function membersOf (text: string): Array<[name: string, raw: string]> {
  const scanner = new JsonScanner(text)
  assert(scanner.isObject && !scanner.isArray)
  const members: Array<[string, string]> = []
  for (let more = scanner.enter(); more; more = scanner.next('}')) members.push([scanner.name(), scanner.value()])
  scanner.end()
  return members
}

function elementsOf (text: string): string[] {
  const scanner = new JsonScanner(text)
  assert(scanner.isArray && !scanner.isObject)
  const elements: string[] = []
  for (let more = scanner.enter(); more; more = scanner.next(']')) elements.push(scanner.value())
  scanner.end()
  return elements
}

/** The whole text as one value; `undefined` if it is not JSON. */
function scanned (text: string): string | undefined {
  try {
    const scanner = new JsonScanner(text)
    const raw = scanner.value()
    scanner.end()
    return raw
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('members and elements: their text, in order', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), spacedJson), fc.constantFrom('', ' ', '\n\t'), (object, space) => {
    const entries = Object.entries(object)
    const text = `${space}{${space}${entries.map(([name, json]) => `${JSON.stringify(name)}${space}:${space}${json}${space}`).join(',' + space)}}${space}`
    assert(isJson(text))
    assert.deepEqual(membersOf(text), entries)
    const values = Object.values(object)
    assert.deepEqual(elementsOf(`${space}[${space}${values.join(`${space},${space}`)}${space}]${space}`), values)
  }), { numRuns: 2_000 })
  assert.deepEqual(membersOf(' { } '), [])
  assert.deepEqual(elementsOf(' [ ] '), [])
})

test('what JSON.parse would change is kept: doubles, big numbers, escapes, __proto__', () => {
  assert.deepEqual(membersOf('{"a":12345678901234567890,"a":1.0,"\\u0061":"\\ud800","__proto__":{"x":1e400},"b":"\\\\\\"}{"}'), [
    ['a', '12345678901234567890'],
    ['a', '1.0'],
    ['a', '"\\ud800"'],
    ['__proto__', '{"x":1e400}'],
    ['b', '"\\\\\\"}{"']
  ])
})

test('it takes what JSON.parse takes, and nothing else', () => {
  fc.assert(fc.property(jsonText, (text) => { assert.equal(scanned(text), text.trim()) }), { numRuns: 2_000 })
  const tokens = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '"a":', '\\', '1', '0', '-', '.', 'e', '+', 'true', 'null', ' ', '\n', '\u00a0', '\ufeff', '\u0000'), { maxLength: 12 })
  const longString = fc.tuple(fc.string({ unit: fc.constantFrom('x', 'é', '\\"', '\\\\', '\\u00e9', '\\x', '\\u00g0', '\n', '\t', '"', '\\'), minLength: 80, maxLength: 400 }))
  const text = fc.oneof(
    { weight: 4, arbitrary: mutated(jsonText).map((bytes) => bytes.toString()) }, tokens.map((all) => all.join('')), fc.string({ unit: 'binary' }),
    { weight: 2, arbitrary: longString.map(([inside]) => `"${inside}"`) }, longString.map(([inside]) => `["${'y'.repeat(90)}","${inside}"]`))
  fc.assert(fc.property(text, (json) => { assert.equal(scanned(json) !== undefined, isJson(json), json) }), { numRuns: 20_000 })
})

test('strings of all lengths around the one at which the way of reading them changes', () => {
  for (let length = 95; length <= 210; length++) {
    for (const end of ['', '\\"', '\\\\', '\\\\\\"', '\\u00e9', 'é']) {
      const string = `"${'x'.repeat(length)}${end}"`
      assert.deepEqual(elementsOf(`[${string},${string}]`), [string, string])
      for (const wrong of [`"${'x'.repeat(length)}${end}`, `"${'x'.repeat(length)}\n${end}"`, `"${'x'.repeat(length)}${end}\\"`, `"${'x'.repeat(length)}\\x${end}"`]) {
        assert.equal(scanned(wrong), undefined, wrong)
      }
    }
  }
})

test('4 MiB of brackets, quotes or backslashes take no time that grows with their square', () => {
  const n = 2 ** 21
  for (const json of ['['.repeat(n) + ']'.repeat(n), `"${'\\\\'.repeat(n)}"`, `"${'\\"'.repeat(n)}"`, `"${'\\"'.repeat(n - 200)}${'\\\\'.repeat(200)}"`]) {
    assert.equal(membersOf(`{"a":${json}}`)[0]![1].length, json.length)
  }
})

test('parseValue is JSON.parse', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.jsonValue()), (value) => {
    assert.deepEqual(parseValue(JSON.stringify(value)), JSON.parse(JSON.stringify(value)))
  }))
})

test('onOneLine changes white space only', () => {
  fc.assert(fc.property(spacedJson, (json) => {
    const line = onOneLine(json)
    assert.ok(!/[\r\n]/.test(line))
    assert.deepEqual(JSON.parse(line), JSON.parse(json))
    assert.equal(line.length, json.length)
  }))
})
