import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startService } from '../../typescript/test/support/service.ts'

const run = promisify(execFile)
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const program = file('../runtimes/program.js')
const bin = (name: string): string => file(`../node_modules/.bin/${name}`)

const expected = { offset: 1, inOrder: [1_000, 1_001], worked: 1_001, end: 10, error: 'StreamsError offset_mismatch no' }

async function serviceUrl (t: TestContext): Promise<string> {
  const { service } = await startService(t, { settings: { CORS_ORIGINS: '*' } })
  service.proxy.rules = [{ fault: 'drop', rate: 0.05, on: 'POST' }, { fault: 'cut', rate: 0.05, on: 'GET', bytes: 5_000 }]
  return service.url
}

/** The lowest version that is promised: the system's, or one that is set up for the tests. */
const oldNode = process.env['NODE_20'] ?? '/usr/bin/node'

function versionOf (command: string): string {
  try {
    return execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0]!
  } catch {
    return 'none'
  }
}

const programs: ReadonlyArray<{ name: string, command: string, args: readonly string[], version?: RegExp }> = [
  { name: 'node', command: process.execPath, args: [program] },
  { name: 'node-20', command: oldNode, args: [program], version: /^v20\./ },
  { name: 'deno', command: bin('deno'), args: ['run', '--allow-net', program] },
  { name: 'bun', command: bin('bun'), args: [program] }
]

for (const { name, command, args, version = /\d/ } of programs) {
  const found = versionOf(command)
  const skip = process.env['REQUIRE_RUNTIMES'] !== '1' && !version.test(found) && `${command} has version ${found}`
  test(`runs in ${name}`, { timeout: 60_000, skip }, async (t) => {
    assert.match(found, version)
    t.diagnostic(found)
    const url = await serviceUrl(t)
    const { stdout } = await run(command, [...args, url, name])
    assert.deepEqual(JSON.parse(stdout), expected)
  })
}

test('runs in workerd', { timeout: 60_000 }, async (t) => {
  const url = await serviceUrl(t)
  const args = ['serve', file('../runtimes/worker.capnp'), '--control-fd=3']
  const child = spawn(bin('workerd'), args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const port = await new Promise<number>((resolve, reject) => {
    createInterface(child.stdio[3] as NodeJS.ReadableStream).on('line', (line) => {
      const event = JSON.parse(line) as { event: string, port?: number }
      if (event.event === 'listen') resolve(event.port!)
    })
    child.once('error', reject)
    child.once('exit', (code) => { reject(new Error(`workerd ended with ${code}`)) })
  })
  const response = await fetch(`http://127.0.0.1:${port}/?url=${encodeURIComponent(url)}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  assert.deepEqual(JSON.parse(text), expected)
})
