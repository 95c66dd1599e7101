import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { startService } from './support/service.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))

/** What an application adds to its bundle, at most. */
const bytesMax = 12 * 1_024

/** A project that has nothing but the package, as it would be published. */
async function installed (t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streams-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
  const [tarball] = await readdir(folder)
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}')
  await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder })
  return folder
}

test('the client is small, and needs no other package', async (t) => {
  const { outputFiles: [bundle], metafile } = await build({
    stdin: { contents: "export * from './src/index.ts'", resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    metafile: true,
    write: false
  })
  const bytes = gzipSync(bundle!.contents).length
  t.diagnostic(`${bytes} bytes`)
  assert.ok(bytes <= bytesMax, `${bytes} bytes`)
  assert.deepEqual(Object.keys(metafile.inputs).filter((file) => !/^(clients\/typescript\/)?src\/|^<stdin>$/.test(file)), [])
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { dependencies?: object }
  assert.equal(dependencies, undefined)
})

test('the package is installed into an empty project and used from there', { timeout: 120_000 }, async (t) => {
  const { service } = await startService(t)
  const folder = await installed(t)
  assert.deepEqual(await readdir(join(folder, 'node_modules')), ['.package-lock.json', 'serverless-streams-client'])
  const files = await readdir(join(folder, 'node_modules/serverless-streams-client'))
  assert.deepEqual(files.toSorted(), ['LICENSE', 'README.md', 'dist', 'package.json'])
  await writeFile(join(folder, 'program.ts'), `
    import { type Message, StreamsClient } from 'serverless-streams-client'
    const url: string = process.argv[2]!
    const topic = new StreamsClient({ url }).topic<{ text: string }>('orders')
    await topic.append({ text: 'hello' })
    const show = ({ payload: { text } }: Message<{ text: string }>): void => { console.log(text) }
    for await (const message of topic.read()) show(message)
    declare const process: { readonly argv: readonly string[] }`)
  // The declarations themselves are checked, too, and need no types of Node.
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022']
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']] as const) {
    const how = ['--module', module, '--moduleResolution', resolution, '--lib', 'es2022,dom,esnext.disposable']
    await run(process.execPath, [tsc, ...options, ...how, 'program.ts'], { cwd: folder })
      .catch((error: { stdout: string }) => { assert.fail(error.stdout) })
  }
  const { stdout } = await run(process.execPath, [join(folder, 'program.ts'), service.url])
  assert.equal(stdout, 'hello\n')
})
