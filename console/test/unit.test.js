import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter } from '../src/model/filter.ts'
import { visible } from '../src/model/format.ts'
import { compactJson, jsonProblem, prettyJson } from '../src/model/json.ts'
import { growthBy, parseMetrics, quantile, total } from '../src/model/metrics-text.ts'
import { parsePosition } from '../src/model/positions.ts'
import { appendWithTypeScript } from '../src/model/snippets.ts'

test('a filter has terms for key, headers, members and text, which all must hold', () => {
  const row = {
    offset: 5,
    timestamp: 1,
    key: 'Ada',
    headers: { source: 'web', toString: 'x' },
    payload: '{"a":{"b":[10,{"c d":"e"}]},"n":9007199254740993,"z":null,"empty":""}'
  }
  const cases = {
    '': true,
    'web 9007199254740993': true,
    'key=Ada key~ad key!=ada': true,
    'key=ada': false,
    'header.source=web header.toString=x': true,
    'header.constructor=x': false,
    'header.constructor!=x': true,
    '.a.b[0]=10 .a.b[0]>9 .a.b[0]<=10': true,
    '.a.b[0]>10': false,
    '.a.b[1]["c\\ d"]=e': false,
    '$.a.b[1]["c d"]=e': true,
    '.a~c': true,
    '.z=null': true,
    '.empty=': true,
    '.missing=': false,
    '.a.b.length=2': true,
    'offset>=5 offset<6': true,
    '"e\\""': true,
    '.n>1 nothing': false
  }
  for (const [text, passes] of Object.entries(cases)) {
    const { filter, problem } = parseFilter(text)
    assert.deepEqual([problem, filter?.(row) ?? true], [undefined, passes], text)
  }
  assert.match(parseFilter('.a[b=1').problem, /expected a path/)
})

test('JSON keeps its digits, and an error has its place', () => {
  const text = '{"a":[1.10,-0,1e400,12345678901234567890,[]],"b":{},"c":"\\u0041"}'
  assert.equal(compactJson(text), '{"a":[1.10,-0,1e400,12345678901234567890,[]],"b":{},"c":"A"}')
  assert.equal(compactJson(prettyJson(text)), compactJson(text))
  const cases = {
    '{"a":1,}': 'line 1, column 8: expected a name in double quotes, got "}"',
    '[1 2]': 'line 1, column 4: expected "," or "]", got "2"',
    '{"a":\n  tru}': 'line 2, column 3: expected a value, got "t"',
    "{'a':1}": 'line 1, column 2: expected a name in double quotes, got "\'"',
    '{"a" 1}': 'line 1, column 6: expected ":", got "1"',
    '[1': 'line 1, column 3: expected "," or "]", got the end',
    '1 1': 'line 1, column 3: expected the end, got "1"',
    '"a\nb"': 'line 1, column 1: expected a value, got "\\""',
    '[01]': 'line 1, column 3: expected "," or "]", got "1"',
    '😀': 'line 1, column 1: expected a value, got "😀"',
    ' ': 'expected a JSON value, got nothing'
  }
  for (const [text, problem] of Object.entries(cases)) assert.equal(jsonProblem(text), problem)
  for (const valid of ['1', ' {"a":[{}, [], "\\u00e4", true, null, -1.5E+3]} ']) assert.equal(jsonProblem(valid), undefined)
})

test('characters that nobody sees are shown', () => {
  assert.equal(visible('a\u202eb\u200bc\u0000d\ufeff'), 'a\\u202eb\\u200bc\\u0000d\\ufeff')
  assert.equal(visible('Zoë 👩‍👧 עברית\n'), 'Zoë 👩‍👧 עברית\n')
})

test('positions are offsets, times, and times ago', () => {
  const now = new Date(2026, 10, 29, 20, 0, 0)
  const cases = [
    ['live', 'live'], ['latest', 'live'], ['earliest', 'earliest'], ['1,234', 1234],
    ['15m', new Date(now - 900_000)], ['2h ago', new Date(now - 7_200_000)],
    ['12:30', new Date(2026, 10, 29, 12, 30)], ['2026-01-31', new Date(2026, 0, 31)], ['2026-01-31 12:30', new Date(2026, 0, 31, 12, 30)],
    ['2026-01-31T12:30:00Z', new Date(Date.UTC(2026, 0, 31, 12, 30))],
    ['yesterday', undefined], ['-1', undefined], ['2026-99-99', undefined]
  ]
  for (const [text, wanted] of cases) assert.deepEqual(parsePosition(text, now), wanted, text)
})

test('metrics are read as Prometheus reads them', () => {
  const old = parseMetrics('# TYPE a counter\na{topic="x",p="q\\"\\\\\\n"} 1\na{topic="y"} 2\n')
  const now = parseMetrics('a{topic="x"} 5\na{topic="y"} 1\na{topic="z"} 3\n')
  assert.equal(old.get('a')[0].labels.p, 'q"\\\n')
  assert.equal(total(now, 'a', { topic: 'x' }), 5)
  assert.deepEqual([...growthBy(old, now, 'a', 'topic')], [['x', 4], ['y', 0], ['z', 3]])
  const histogram = (...counts) => {
    return parseMetrics(['0.1', '1', '+Inf'].map((bound, index) => `h_bucket{le="${bound}"} ${counts[index]}`).join('\n'))
  }
  assert.equal(quantile(histogram(0, 0, 0), histogram(5, 10, 10), 'h', 0.5), 0.1)
  assert.equal(quantile(histogram(0, 0, 0), histogram(0, 10, 10), 'h', 0.5), 0.1 + 0.9 / 2)
  assert.equal(quantile(histogram(0, 0, 0), histogram(0, 0, 10), 'h', 0.99), 1)
  assert.equal(quantile(histogram(5, 10, 10), histogram(5, 10, 10), 'h', 0.5), undefined)
})

test('a program has a payload as a literal only if it would send the same', () => {
  const request = { url: 'http://a', topic: 't', token: false }
  const program = (payload) => appendWithTypeScript(request, { payload, key: undefined, headers: undefined })
  assert.match(program('{"a":1}'), /append\(\{"a":1\}\)/)
  for (const payload of ['12345678901234567890', '{"__proto__":1}']) assert.match(program(payload), /codec: jsonText[\s\S]*append\("/)
  assert(!program('"\u202e\u2028"').includes('\u202e'))
})

/** A topic with numbered messages, as far as a window needs it. */
function topicOf (count) {
  const topic = {
    fails: false,
    async page ({ from, limit }) {
      if (topic.fails) throw new Error('down')
      const messages = Array.from({ length: Math.min(limit, count + 1 - from) }, (_none, index) => {
        return { offset: from + index, payload: '1', timestamp: 1 }
      })
      return { messages, nextOffset: from + messages.length, earliest: 1, end: count + 1, closed: false }
    },
    async * follow () { await new Promise(() => {}) }
  }
  return topic
}

test('older messages that could not be read are read when one looks again', async (t) => {
  // What a page of a browser has.
  Object.assign(globalThis, {
    document: { baseURI: 'http://localhost/console/', addEventListener () {} },
    sessionStorage: { getItem: () => null, removeItem () {} },
    requestAnimationFrame: setImmediate,
    cancelAnimationFrame: clearImmediate,
    reportError (error) { throw error }
  })
  const { MessageWindow } = await import('../src/model/message-window.ts')
  const topic = topicOf(2_000)
  const window = new MessageWindow(() => topic, 1_500, undefined)
  t.after(() => { window.stop() })
  window.start()
  while (window.rows.length < 200) await new Promise(setImmediate)
  topic.fails = true
  await window.loadOlder()
  assert.deepEqual([window.first, window.error.value?.message], [1_500, 'down'])
  topic.fails = false
  await window.loadOlder()
  assert.deepEqual([window.first, window.error.value], [1_300, undefined])
  const offsets = window.rows.map(({ offset }) => offset)
  assert.deepEqual(offsets, offsets.map((_one, index) => 1_300 + index), 'no gap')
})
