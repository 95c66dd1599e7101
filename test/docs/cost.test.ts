import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTables, replaceTables } from '../../scripts/cost/tables.ts'
import { read } from '../support/docs/markdown.ts'

const page = read('docs/cost.md')
const tables = await createTables()

test('the tables of docs/cost.md are those of the calls that the service makes', () => {
  const current = replaceTables(page, tables)
  const before = new Set(page.split('\n'))
  assert.deepEqual(current.split('\n').filter((line) => !before.has(line)), [], 'run: npm run cost -- --write')
  assert(current === page, 'run: npm run cost -- --write')
})

test('a place without its table is an error', () => {
  assert.throws(() => replaceTables('# Cost\n', tables), /docs\/cost\.md: expected "<!-- example -->" and "<!-- end of example -->"/)
})

test('the dollars of README are of this page', () => {
  const amounts = read('README.md').match(/\$\d[\d,.]*\d/g)
  assert(amounts !== null && amounts.length >= 4)
  assert.deepEqual(amounts.filter((amount) => !page.includes(amount)), [])
})

/** The cells of a row, as numbers where they are. */
function row (table: string, name: string): number[] {
  const line = page.slice(page.indexOf(`<!-- ${table} -->`)).split('\n').find((text) => text.startsWith(`| ${name} |`))
  assert(line !== undefined, `${table} has no row ${name}`)
  return line.split(' | ').slice(1).map((cell) => Number(cell.replaceAll(/[$,| ]/g, '')))
}

test('a million messages in batches of 100, behind an HTTP API, calculated by hand', () => {
  const [put, get, list, writeUnits, readUnits, bytes, logBytes] = row('calls', 'append of 100')
  assert.deepEqual([put, get, list, writeUnits, readUnits], [1, 0, 0, 1, 0])
  // A message has 14 bytes of JSON around it, and a batch some more.
  assert(bytes! > 101_400 - 100 && bytes! < 101_400 + 100, `${bytes} bytes`)
  // 3 of its own, a PUT of 20, an update of 5, and 10 for each MiB.
  const ms = 3 + 20 + 5 + 10 * 101_400 / 1_048_576
  const dollars = {
    gateway: 1.00,
    lambda: 0.20 + ms / 1_000 * 13.3334,
    s3: 5.00,
    dynamodb: 0.625,
    // Lambda's own lines, the access log, and those of the service.
    logs: (600 + 350 + logBytes!) / 1_073_741_824 * 0.50 * 1_000_000
  }
  const aMillionRequests = Object.values(dollars).reduce((sum, part) => sum + part)
  const [, , written] = row('produce', 'HTTP API')
  assert(Math.abs(written! - aMillionRequests / 100) < 0.0006, `${written}, expected ${aMillionRequests / 100}`)
})

test('a reader that is always connected is paid for by the second', () => {
  const [, , , thousand] = row('follow', 'SSE | function URL').slice(-4)
  const time = 30 * 86_400 * 0.000_013_333_4
  assert(page.includes(`$${time.toFixed(2)} a month`))
  // At most one read of the item a second, and little else.
  assert(thousand! > time && thousand! < time + 30 * 86_400 * 0.000_000_125 + 0.1, `${thousand}`)
})

test('the first version cost more than its README says', () => {
  const [produced, consumed, both] = row('first', 'read one by one')
  assert(Math.abs(produced! - (3.50 + 0.20 + 5.00 + 0.625 + 0.25 * 0.028 * 13.3334)) < 0.01, `${produced}`)
  assert(Math.abs(consumed! - (3.50 + 0.20 + 5.00 + 0.40 + 0.25 * 0.043 * 13.3334)) < 0.01, `${consumed}`)
  assert(both! > 18 && both! < 19)
})
