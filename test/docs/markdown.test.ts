import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { anchorsOf, documents, linksOf, parse, read, root } from '../support/docs/markdown.ts'

const columns = 140

test('lines of documents have at most 140 columns, apart from code, tables and the targets of links', () => {
  const long = documents().flatMap((path) => parse(read(path)).prose
    .filter(({ text }) => !text.startsWith('|') && text.replaceAll(/\]\([^)]*\)/g, ']').length > columns)
    .map(({ line }) => `${path}:${line}`))
  assert.deepEqual(long, [])
})

test('links between documents lead to a file, and to a heading in it', () => {
  const broken = documents().flatMap((path) => linksOf(read(path))
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
    .map((target) => `${path}: ${target}`))
  assert.deepEqual(broken, [])
})

function leadsSomewhere (from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? from : join(dirname(from), file)
  if (!existsSync(join(root, path))) return false
  return anchor === undefined || (path.endsWith('.md') && anchorsOf(read(path)).includes(anchor))
}
