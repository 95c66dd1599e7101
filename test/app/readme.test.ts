import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { SettingsSchema } from '../../src/app/config.ts'
import { startServer } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const run = promisify(execFile)

test('the README\'s curl commands answer what it prints', async (t) => {
  const examples = [...readme.matchAll(/```sh\n(curl .*)\n```\n\n```json\n(.*)\n```/g)]
  assert.equal(examples.length, 4)
  const { baseUrl } = await startServer(t, { DATA_DIR: temporaryFolder(t), LOG_LEVEL: 'silent' })
  for (const [, command = '', printed = ''] of examples) {
    assert.ok(command.includes('http://127.0.0.1:9000/'), command)
    const { stdout } = await run('sh', ['-c', command.replace('http://127.0.0.1:9000', baseUrl)])
    assert.equal(masked(stdout), masked(printed), command)
  }
})

test('the README\'s table has every setting with its default', () => {
  const rows = [...readme.matchAll(/^\| `([A-Z0-9_]+)` \| (?:`(.*?)`)? ?\|/gm)].map(([, name, value]) => [name, value])
  const settings = Object.entries(SettingsSchema.properties).map(([name, schema]) => {
    const value = (schema as { default?: string | number }).default
    return [name, value === undefined ? undefined : String(value)]
  })
  assert.deepEqual(rows.sort(), settings.sort())
})

function masked (text: string): string {
  return text.replace(/"timestamp":\d{13}(?!\d)/g, '"timestamp":MS')
}
