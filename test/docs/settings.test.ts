import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingsSchema } from '../../src/app/config.ts'
import { read } from '../support/docs/markdown.ts'

const page = read('docs/settings.md')

test('docs/settings.md has every setting with its default and its values', () => {
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| (?:`(.*?)`)? ?\| (.+?) \| .+ \|$/gm)]
    .map(([, name, value, expected]) => [name, value, expected])
  const settings = Object.entries(SettingsSchema.properties).map(([name, schema]) => {
    const { default: value, 'x-expected': expected } = schema as { default?: string | number, 'x-expected'?: string }
    return [name, value === undefined ? undefined : String(value), expected]
  })
  assert.deepEqual(rows.sort(), settings.sort())
})

test('documents name only settings that exist', () => {
  const known = new Set(Object.keys(SettingsSchema.properties))
  const named = [...`${page}${read('README.md')}${read('docs/deploying.md')}${read('docs/operations.md')}${read('docs/security.md')}`
    .matchAll(/`([A-Z]+(?:_[A-Z0-9]+)+)[`=]/g)].map(([, name]) => name!)
  assert.deepEqual([...new Set(named)].filter((name) => !known.has(name) && !foreign.has(name) && !name.startsWith('OTEL_')), [])
})

/** Lambda's name of an invoke mode, and its variable for layers. */
const foreign = new Set(['RESPONSE_STREAM', 'AWS_LAMBDA_EXEC_WRAPPER'])
