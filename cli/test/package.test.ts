import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withServer } from './support/streams.ts'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }

/** An older Node than that of the repository, if the system has one that the package allows. */
async function nodes (): Promise<string[]> {
  const system = '/usr/bin/node'
  if (!existsSync(system)) return [process.execPath]
  const [major = 0, minor = 0] = (await run(system, ['-p', 'process.versions.node'])).stdout.split('.').map(Number)
  return [process.execPath, ...major > 20 || (major === 20 && minor >= 12) ? [system] : []]
}

function emptyFolder (t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'streams-package-'))
  t.after(() => { rmSync(path, { recursive: true, force: true }) })
  return path
}

test('the package, installed in an empty project, has a command that works, without other packages', async (t) => {
  const { url } = await withServer(t)
  const cwd = emptyFolder(t)
  const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, STREAMS_URL: url }
  const { stdout: packed } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', cwd], { cwd: folder, env })
  const [{ filename, files, unpackedSize } = { filename: '', files: [], unpackedSize: 0 }] = JSON.parse(packed) as Array<{
    filename: string, unpackedSize: number, files: Array<{ path: string }>
  }>
  const paths = files.map(({ path }) => path)
  for (const path of ['streams.js', 'dist/main.js', 'dist/LICENSES.txt', 'LICENSE', 'README.md', 'package.json']) {
    assert.ok(paths.includes(path), path)
  }
  assert.ok(paths.every((path) => !/\.ts$|test/.test(path)))
  assert.ok(unpackedSize < 600_000, String(unpackedSize))
  writeFileSync(join(cwd, 'package.json'), '{"private":true}')
  await run('npm', ['install', '--no-audit', '--no-fund', join(cwd, filename)], { cwd, env })
  const { packages } = JSON.parse(readFileSync(join(cwd, 'package-lock.json'), 'utf8')) as { packages: object }
  assert.deepEqual(Object.keys(packages), ['', 'node_modules/serverless-streams-cli'])

  const bin = join(cwd, 'node_modules/.bin/streams')
  for (const node of await nodes()) {
    const streams = async (...args: string[]): Promise<string> => (await run(node, [bin, ...args], { cwd, env })).stdout
    assert.equal(await streams('--version'), `${manifest.version}\n`)
    writeFileSync(join(cwd, 'a.ndjson'), '1\n2\n3\n')
    assert.match(await streams('produce', 'a', '--file', 'a.ndjson', '--restart', '--json'), /"count":3/)
    assert.match(await streams('consume', 'a', '--limit', '1'), /^\{"offset":1,"payload":1,/)
    assert.match(await streams('doctor'), /^ok +storage/m)
    assert.equal(await streams('work', 'a', 'g', '--limit', '1', '-q', '--', 'cat'), '1')
    await streams('groups', 'rm', 'a', 'g', '--yes', '--force')
    await streams('export', 'a', '-o', 'a.gz', '--force')
    await streams('import', 'b', 'a.gz')
    await streams('complete', '--', 'consume', '')
  }
})

test('without a bundle, the command runs from the sources, with the Node of the repository', async (t) => {
  const cwd = emptyFolder(t)
  const root = fileURLToPath(new URL('../..', import.meta.url))
  for (const path of ['cli/package.json', 'cli/streams.js', 'cli/src', 'clients/typescript/src', 'package.json']) {
    await run('mkdir', ['-p', join(cwd, path, '..')])
    await run('cp', ['-r', join(root, path), join(cwd, path)])
  }
  await run('ln', ['-s', join(root, 'node_modules'), join(cwd, 'node_modules')])
  // Which npm puts there, as another package needs another version.
  if (existsSync(join(folder, 'node_modules'))) await run('ln', ['-s', join(folder, 'node_modules'), join(cwd, 'cli/node_modules')])
  for (const node of await nodes()) {
    const { stdout } = await run(node, [join(cwd, 'cli/streams.js'), '--version'])
    assert.equal(stdout, `${manifest.version}\n`)
  }
})

test('the command starts quickly: at most three times as long as Node without a program', async (t) => {
  const cpuMs = async (args: readonly string[]): Promise<number> => {
    const script = 'const{spawnSync}=require("child_process");const b=process.resourceUsage;' +
      'const[n,...a]=process.argv.slice(1);for(let i=0;i<5;i++)spawnSync(n,a);' +
      'const fs=require("fs").readFileSync("/proc/self/stat","utf8").split(") ")[1].split(" ");console.log((+fs[13]+ +fs[14])*10/5)'
    return Number((await run(process.execPath, ['-e', script, process.execPath, ...args])).stdout)
  }
  if (process.platform !== 'linux') return t.skip('measured on Linux')
  const bare = await cpuMs(['-e', '0'])
  const command = await cpuMs([join(folder, 'streams.js'), '--version'])
  t.diagnostic(`${command} ms of CPU, Node alone ${bare} ms`)
  assert.ok(command < 3 * bare + 10, `${command} ms, Node alone ${bare} ms`)
})
