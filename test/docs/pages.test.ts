import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documents, linksOf, parse, read } from '../support/docs/markdown.ts'

const index = 'docs/README.md'
const pages = documents().filter((path) => /^docs\/[^/]+\.md$/.test(path) && path !== index)
const listed = parse(read(index)).prose.flatMap(({ text }) => text.startsWith('- ') ? linksOf(text) : [])

test('docs/README.md has one line for each page', () => {
  assert.deepEqual(listed.map((name) => `docs/${name}`).sort(), pages)
})

test('each page begins with whom it is for and what one can do afterwards', () => {
  const others = pages.filter((path) => !/^# .+\n\n\*\*For\*\* [^#]*?\*\*Afterwards\*\* you /.test(read(path)))
  assert.deepEqual(others, [])
})

test('each page ends with the next one, in the order of docs/README.md', () => {
  const next = pages.map((path) => [path.slice('docs/'.length), /\n\nNext: \[[^\]]+\]\((\S+)\)\n$/.exec(read(path))?.[1]])
  assert.deepEqual(Object.fromEntries(next), Object.fromEntries(listed.map((name, place) => [name, listed[place + 1] ?? 'README.md'])))
})
