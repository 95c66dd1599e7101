import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, read, root } from '../support/docs/markdown.ts'
import { eventually } from '../support/eventually.ts'
import { ask } from '../support/http/requests.ts'
import { startServer } from '../support/processes/server.ts'

const page = read('docs/operations.md')

test('the log line in docs/operations.md is one of the server, and each of its fields is explained', async (t) => {
  const { baseUrl, lines } = await startServer(t, { DATA_DIR: ':memory:' })
  await ask(baseUrl, {
    method: 'POST',
    path: '/topics/orders/produce',
    headers: { 'content-type': 'application/json', 'x-request-id': 'order-17' },
    body: '{"payload":{"item":"book","quantity":2}}'
  })
  await eventually(() => lines.some((line) => line.includes('"order-17"')))
  const logged = JSON.parse(lines.find((line) => line.includes('"order-17"'))!) as Record<string, unknown>
  const shown = JSON.parse(parse(page).blocks.find(({ text }) => text.includes('"order-17"'))!.text) as Record<string, unknown>
  assert.deepEqual({ ...logged, time: '', duration_ms: 0 }, { ...shown, time: '', duration_ms: 0 })
  assert.deepEqual(Object.keys(logged), Object.keys(shown))
  const explained = rowsOf('| Field | |').flatMap((row) => names(row))
  assert.deepEqual(Object.keys(shown).filter((field) => field !== 'msg' && !explained.includes(field)), [])
})

test('the other lines in docs/operations.md are in the code', () => {
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
    .map((path) => read(join('src', path))).join('\n')
  const messages = rowsOf('| `msg` | Level | Meaning |').flatMap((row) => names(row)).map((message) => message.replace(/…$/, ''))
  assert(messages.length > 10)
  assert.deepEqual(messages.filter((message) => !source.includes(`'${message}`) && !source.includes(`\`${message}`)), [])
})

function rowsOf (header: string): string[] {
  const lines = page.slice(page.indexOf(header)).split('\n\n')[0]!.split('\n')
  return lines.slice(2)
}

/** The words in backquotes in the first cell of a row. */
function names (row: string): string[] {
  return [...row.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}
