import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../src/domain/limits.ts'
import { topicPattern } from '../../src/domain/topics/name.ts'
import { read } from '../support/docs/markdown.ts'

const page = read('docs/limits.md')
const rows = [...page.matchAll(/^\| `(\w+)`( \*)? \| ([\d.,]+)(?: (\w+))? \| (.+) \|$/gm)]
  .map(([, name = '', star, value = '', unit]) => ({ name, star: star !== undefined, value: Number(value.replaceAll(',', '')), unit }))

const unitsOf: Array<[RegExp, Record<string, number>]> = [
  [/Ms$|Ms(Min|Max)$/, { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, days: 86_400_000 }],
  [/Bytes|bytes/, { bytes: 1, KiB: 1024, MiB: 1024 * 1024 }],
  [/./, { undefined: 1 }]
]

test('docs/limits.md has every limit with its value', () => {
  const values = rows.map(({ name, value, unit }) => {
    const [, units] = unitsOf.find(([pattern]) => pattern.test(name))!
    return [name, value * (units[String(unit)] ?? NaN)]
  })
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
  assert.deepEqual(Object.fromEntries(values), defaultLimits)
})

test('docs/limits.md marks the limits that have a name in the protocol', () => {
  const [, table = ''] = read('docs/protocol.md').split('\n## Limits\n')
  const named = [...table.matchAll(/^\| [A-Z_]+ \| `(\w+)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(rows.filter(({ star }) => star).map(({ name }) => name).sort(), named.sort())
})

test('docs/limits.md gives the length of a topic name', () => {
  const [, least, most] = /A topic name has (\d+) to (\d+) characters/.exec(page)!
  assert.match(topicPattern, new RegExp(`\\{${least},${most}\\}\\$$`))
})
