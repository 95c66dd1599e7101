import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { startService } from './support/service.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../', import.meta.url))

/** What an application adds to its bundle, at most. */
const bytesMax = 12 * 1_024

async function temporaryFolder (t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streams-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('the client is small, and needs no other package', async (t) => {
  const folder = await temporaryFolder(t)
  await run(join(root, 'node_modules/.bin/tsdown'), ['--minify', '--no-dts', '-d', folder], { cwd: root })
  const code = await readFile(join(folder, 'index.js'))
  const bytes = gzipSync(code).length
  t.diagnostic(`${bytes} bytes`)
  assert.ok(bytes <= bytesMax, `${bytes} bytes`)
  assert.doesNotMatch(code.toString(), /\bimport\b/)
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { dependencies?: object }
  assert.equal(dependencies, undefined)
})

test('the package is installed into an empty project and used from there', { timeout: 120_000 }, async (t) => {
  const { service } = await startService(t)
  const folder = await temporaryFolder(t)
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
  const [tarball] = await readdir(folder)
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}')
  await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder })
  assert.deepEqual(await readdir(join(folder, 'node_modules')), ['.package-lock.json', 'serverless-streams-client'])
  const files = await readdir(join(folder, 'node_modules/serverless-streams-client'))
  assert.deepEqual(files.toSorted(), ['LICENSE', 'README.md', 'dist', 'package.json'])
  await writeFile(join(folder, 'program.js'), `
    import { StreamsClient } from 'serverless-streams-client'
    const topic = new StreamsClient({ url: process.argv[2] }).topic('orders')
    await topic.append('hello')
    for await (const { payload } of topic.read()) console.log(payload)`)
  const { stdout } = await run(process.execPath, [join(folder, 'program.js'), service.url])
  assert.equal(stdout, 'hello\n')
})
