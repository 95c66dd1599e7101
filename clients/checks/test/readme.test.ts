import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Service } from '../../suite/service.ts'

const run = promisify(execFile)
const here = fileURLToPath(new URL('../', import.meta.url))
const root = fileURLToPath(new URL('../../typescript/', import.meta.url))

/** The programs of README.md, each with what it prints. */
function programsOf (markdown: string): Array<{ code: string, expected: string }> {
  const blocks = [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({ language: language!, text: text! }))
  return blocks.flatMap(({ language, text }, at) => {
    return language === 'ts' ? [{ code: text, expected: blocks[at + 1]?.language === 'text' ? blocks[at + 1]!.text : '' }] : []
  })
}

test('the programs of README.md are valid, and print what it says', { timeout: 120_000 }, async (t) => {
  const service = await Service.start()
  const folder = await mkdtemp(join(tmpdir(), 'streams-readme-'))
  t.after(async () => {
    await service.close()
    await rm(folder, { recursive: true, force: true })
  })
  // As it is installed.
  const installed = join(folder, 'node_modules', 'serverless-streams-client')
  await mkdir(installed, { recursive: true })
  await cp(join(root, 'dist'), join(installed, 'dist'), { recursive: true })
  await cp(join(root, 'package.json'), join(installed, 'package.json'))
  for (const name of ['zod', '@opentelemetry', '@types']) {
    await symlink(join(here, 'node_modules', name), join(folder, 'node_modules', name))
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await cp(join(here, 'test', 'support', 'opentelemetry.ts'), join(folder, 'opentelemetry.ts'))
  const programs = programsOf(await readFile(join(root, 'README.md'), 'utf8'))
  assert.ok(programs.length > 8)
  const files = await Promise.all(programs.map(async ({ code }, at) => {
    const file = join(folder, `program-${at}.ts`)
    await writeFile(file, code.replaceAll('http://127.0.0.1:9000', service.url))
    return file
  }))
  const tsc = join(here, 'node_modules', 'typescript', 'bin', 'tsc')
  const lib = 'es2023,dom,dom.asynciterable,esnext.disposable'
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', lib]
  await run(process.execPath, [tsc, ...options, '--types', 'node', '--skipLibCheck', ...files], { cwd: folder })
    .catch((error: { stdout: string }) => { assert.fail(error.stdout) })
  for (const [at, { code, expected }] of programs.entries()) {
    const traces = code.includes('@opentelemetry/api') ? ['--import', './opentelemetry.ts'] : []
    const { stdout } = await run(process.execPath, [...traces, files[at]!], { cwd: folder, timeout: 30_000 })
    assert.equal(stdout, expected, code)
  }
})
