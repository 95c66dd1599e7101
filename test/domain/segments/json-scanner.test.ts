import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  codeUnits, type JsonHandler, JsonNestingError, JsonScanner, JsonSyntaxError, onOneLine, parseValue
} from '../../../src/domain/segments/json-scanner.ts'
import { jsonText, mutated } from '../../support/http/fuzz.ts'

/** JSON text with white space between any two tokens. */
const spacedJson = fc.tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, indent]) => JSON.stringify(value, undefined, indent))

/** What a scanner reports, the insides of the outermost `told` levels included. */
class Recorder implements JsonHandler {
  readonly events: string[] = []
  readonly #text: string
  readonly #told: number
  #depth = 0

  constructor (text: string, told: number) {
    this.#text = text
    this.#told = told
  }

  begin (c: number): boolean {
    const told = this.#depth < this.#told && (c === 0x7b || c === 0x5b)
    if (told) {
      this.#depth++
      this.events.push(String.fromCharCode(c))
    }
    return told
  }

  name (start: number, end: number): void { this.events.push(`${this.#text.slice(start, end)}:`) }
  end (start: number, end: number): void { this.events.push(this.#text.slice(start, end)) }
  leave (): void {
    this.#depth--
    this.events.push('end')
  }
}

/** @param slice how many characters are read at a time */
function events (text: string, told: number, slice = text.length): string[] {
  const recorder = new Recorder(text, told)
  const scanner = new JsonScanner(codeUnits(text, Buffer.from(text)), recorder)
  for (let before = scanner.at; !scanner.run(before + slice); before = scanner.at) {
    assert(scanner.at > before, 'no progress')
    assert(scanner.at <= before + slice + 6, `read ${scanner.at - before} characters, not ${slice}`)
  }
  return recorder.events
}

function membersOf (text: string): Array<[name: string, raw: string]> {
  const [open, ...rest] = events(text, 1)
  assert.equal(open, '{')
  assert.equal(rest.pop(), 'end')
  return rest.flatMap((name, i) => i % 2 === 0 ? [[JSON.parse(name.slice(0, -1)) as string, rest[i + 1]!] as [string, string]] : [])
}

function elementsOf (text: string): string[] {
  const [open, ...rest] = events(text, 1)
  assert.equal(open, '[')
  assert.equal(rest.pop(), 'end')
  return rest
}

/** The whole text as one value; `undefined` if it is not JSON. */
function scanned (text: string, slice = text.length): string | undefined {
  try {
    return events(text, 0, slice)[0]
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
    const members = entries.map(([name, json]) => `${JSON.stringify(name)}${space}:${space}${json}${space}`)
    const text = `${space}{${space}${members.join(',' + space)}}${space}`
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

const tokens = fc.array(fc.constantFrom(
  '{', '}', '[', ']', ',', ':', '"', '"a"', '"a":', '\\', '1', '0', '-', '.', 'e', '+', 'true', 'null', ' ', '\n', '\u00a0', '\ufeff',
  '\u0000'
), { maxLength: 12 })
const longString = fc.string({
  unit: fc.constantFrom('x', 'é', '🎉', '\\"', '\\\\', '\\u00e9', '\\x', '\\u00g0', '\n', '\t', '"', '\\'),
  minLength: 80,
  maxLength: 400
})
/** Much of it is almost JSON. */
const anyJson = fc.oneof(
  {
    weight: 4,
    arbitrary: mutated(jsonText).map((bytes) => bytes.toString())
  }, tokens.map((all) => all.join('')), fc.string({ unit: 'binary' }),
  { weight: 2, arbitrary: longString.map((inside) => `"${inside}"`) }, longString.map((inside) => `["${'y'.repeat(90)}","${inside}"]`))

test('it takes what JSON.parse takes, and nothing else', () => {
  fc.assert(fc.property(jsonText, (text) => { assert.equal(scanned(text), text.trim()) }), { numRuns: 2_000 })
  fc.assert(fc.property(anyJson, (json) => { assert.equal(scanned(json) !== undefined, isJson(json), json) }), { numRuns: 20_000 })
})

/** What is reported, or the position of the error. */
function outcome (text: string, told: number, slice?: number): string[] {
  try {
    return events(text, told, slice)
  } catch (error) {
    assert(error instanceof JsonSyntaxError)
    return [`error at ${error.at}`]
  }
}

test('read in slices of any length, it reports the same: tokens and characters are split', () => {
  const slice = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 90, max: 130 }))
  fc.assert(fc.property(fc.oneof(anyJson, jsonText, spacedJson), slice, fc.nat(3), (text, slice, told) => {
    assert.deepEqual(outcome(text, told, slice), outcome(text, told))
  }), { numRuns: 20_000 })
})

test('built from what is reported in slices, a value is what JSON.parse makes of it', () => {
  const build = (all: string[]): unknown => {
    const first = all.shift()!
    if (first === '[') {
      const array: unknown[] = []
      while (all[0] !== 'end') array.push(build(all))
      all.shift()
      return array
    }
    if (first !== '{') return JSON.parse(first)
    const members: Array<[string, unknown]> = []
    while (all[0] !== 'end') members.push([JSON.parse(all.shift()!.slice(0, -1)) as string, build(all)])
    all.shift()
    return Object.fromEntries(members)
  }
  fc.assert(fc.property(fc.oneof(jsonText, spacedJson), fc.integer({ min: 1, max: 40 }), (text, slice) => {
    assert.deepEqual(build(events(text, Infinity, slice)), JSON.parse(text))
  }), { numRuns: 3_000 })
})

test('the position of an error is that of the first wrong character, or the end', () => {
  for (const [text, at] of [
    ['', 0],
    [' ', 1],
    ['{', 1],
    ['{"a"', 4],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['[1}', 2],
    ['1 2', 2],
    ['"a\nb"'.replace('\\n', '\n'), 2],
    ['"\\x"', 2],
    ['"\\u12x4"', 5],
    ['-', 1],
    ['-a', 1],
    ['01', 1],
    ['1.', 2],
    ['1.e', 2],
    ['1e+', 3],
    ['nul', 3],
    ['nuxl', 2],
    ['x', 0],
    [`"${'x'.repeat(300)}\t${'x'.repeat(300)}"`, 301]
  ] as const) {
    for (const slice of [1, text.length]) {
      assert.throws(() => events(text, 1, Math.max(slice, 1)), (error) => error instanceof JsonSyntaxError && error.at === at, text)
    }
  }
})

test('nesting is limited in what is only checked', () => {
  for (const [open, close] of [['[', ']'], ['{"a":', '}'], ['[{"a":', '}]']] as const) {
    const levels = open.match(/[[{]/g)!.length
    const nested = (depth: number): string => open.repeat(depth / levels) + '1' + close.repeat(depth / levels)
    assert.equal(scanned(nested(512)), nested(512))
    assert.deepEqual(elementsOf(`[${nested(512)},${nested(512)}]`), [nested(512), nested(512)])
    for (const slice of [3, 100_000]) {
      assert.throws(() => events(`{"x":${nested(514)}}`, 1, slice), (error) => error instanceof JsonNestingError && error.start === 5)
    }
  }
})

test('strings of all lengths around the one at which the way of reading them changes', () => {
  for (let length = 95; length <= 210; length++) {
    for (const end of ['', '\\"', '\\\\', '\\\\\\"', '\\u00e9', 'é']) {
      const string = `"${'x'.repeat(length)}${end}"`
      assert.deepEqual(elementsOf(`[${string},${string}]`), [string, string])
      for (const wrong of [
        `"${'x'.repeat(length)}${end}`,
        `"${'x'.repeat(length)}\n${end}"`,
        `"${'x'.repeat(length)}${end}\\"`,
        `"${'x'.repeat(length)}\\x${end}"`
      ]) {
        assert.equal(scanned(wrong), undefined, wrong)
      }
    }
  }
})

test('4 MiB of brackets, quotes, backslashes, digits or spaces are read in slices', () => {
  const n = 2 ** 21
  for (const json of ['[],'.repeat(
    n / 2
  ), `"${'\\\\'.repeat(n)}"`, `"${'\\"'.repeat(n)}"`, `"${'\\"'.repeat(n - 200)}${'\\\\'.repeat(200)}"`,
    `"${'x'.repeat(2 * n)}"`, '1'.repeat(2 * n), `1.${'1'.repeat(2 * n)}`, ' '.repeat(2 * n) + '1', '\n'.repeat(2 * n)]) {
    const text = json.startsWith('[') || json.startsWith('\n') ? `{"a":[${json}1]}` : `{"a":${json}}`
    // `events` asserts that no slice reads more than it should.
    assert.equal(events(text, 1, 65_536).length, 4)
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
