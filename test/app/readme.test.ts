import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SettingsSchema } from '../../src/app/config.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const run = promisify(execFile)

test('the README\'s curl commands answer what it prints', async (t) => {
  const examples = [...readme.matchAll(/```sh\n(curl .*)\n```\n\n```json\n(.*)\n```/g)]
  assert.equal(examples.length, 3)
  const url = await startServer(t)
  for (const [, command = '', printed = ''] of examples) {
    assert.ok(command.includes('http://127.0.0.1:9000/'), command)
    const { stdout } = await run('sh', ['-c', command.replace('http://127.0.0.1:9000', url)])
    assert.equal(masked(stdout), masked(printed), command)
  }
})

test('the README\'s table has every setting with its default', () => {
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\|/gm)].map(([, name, value]) => [name, value])
  const settings = Object.entries(SettingsSchema.properties).map(([name, schema]) => {
    const value = (schema as { default?: string | number }).default
    return [name, value === undefined ? undefined : String(value)]
  })
  assert.deepEqual(rows.sort(), settings.sort())
})

function masked (text: string): string {
  return text.replace(/"timestamp":\d{13}(?!\d)/g, '"timestamp":MS')
}

/** The server as `npm start` runs it, on a free port and a folder of its own. */
async function startServer (t: TestContext): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '', HOST: '', PORT: '0', DATA_DIR: temporaryFolder(t), BUCKET_NAME: '', COUNTERS_TABLE: '', LOG_LEVEL: 'silent' }
  const server = spawn(process.execPath, ['src/server.ts'], { cwd: fileURLToPath(root), env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(async () => {
    if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit')
  })
  const [line] = await once(createInterface({ input: server.stdout }), 'line', { signal: AbortSignal.timeout(20_000) }) as [string]
  const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
  assert.ok(url !== undefined, line)
  return url
}
