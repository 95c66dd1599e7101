/** docs/deploying.md has what the templates have: for people who deploy with something else. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { contextKinds } from '../lib/context.ts'
import { policyOf, synthesize } from './support.ts'

const page = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8')
/** Alias records, domains and so on are made only where an option asks for them; the option's row tells. */
const allFronts = ['http', 'rest', 'url'].map((front) => synthesize({ front }))

test('the table of resources has each type that is created, and no other', () => {
  const created = allFronts.flatMap(({ api, data }) => [api, data!])
    .flatMap((template) => Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>))
    .map(({ Type }) => Type)
  const documented = rowsUnder('What it creates').flatMap(([types = '']) => namesIn(types))
  assert.deepEqual([...new Set(documented)].sort(), [...new Set(created)].sort())
  assert.equal(documented.length, new Set(documented).size, 'a type twice')
})

test('the table of permissions has each action that is allowed, and no other', () => {
  const existing = { bucket: 'my-streams', table: 'my-counters', bucketKey: 'arn:aws:kms:eu-central-1:123456789012:key/x' }
  const allowed = [synthesize(), synthesize({ ...existing, tableIndex: false })]
    .flatMap(({ api }) => ['FunctionRole', 'SweepRole'].flatMap((role) => policyOf(api, role)))
    .flatMap(({ Action }) => Action).filter((action) => !action.startsWith('logs:'))
  const documented = rowsUnder('Permissions').flatMap(([actions = '']) => namesIn(actions))
  assert.deepEqual(documented.sort(), [...new Set(allowed)].sort())
})

test('the table of options has each option, and no other', () => {
  const documented = rowsUnder('Options').flatMap(([names = '']) => namesIn(names))
  assert.deepEqual(documented.sort(), Object.keys(contextKinds).sort())
})

/** The cells of the table below a heading, without its head. */
function rowsUnder (heading: string): string[][] {
  const section = page.split(`### ${heading}\n`)[1]?.split('\n#')[0] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  assert(rows.length > 0, `no table under ${heading}`)
  return rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
}

function namesIn (cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}
