import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser'
import config from '../.dependency-cruiser.js'
import { temporaryFolder } from './support/temporary-folder.ts'

/** The rules that a project with these files breaks, as `rule: file -> file`. */
async function violations (t: TestContext, files: Readonly<Record<string, string>>): Promise<string[]> {
  const baseDir = temporaryFolder(t)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(baseDir, name)), { recursive: true })
    writeFileSync(join(baseDir, name), text)
  }
  const { forbidden, options } = config
  const { tsConfig, ...rest } = options
  assert.ok(tsConfig)
  const { output } = await cruise(['src'], { ...rest, baseDir, validate: true, ruleSet: { forbidden } } as ICruiseOptions)
  return (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
}

const other = { 'src/adapters/memory/store.ts': 'export interface Store { a: 1 }\nexport const store = 1\n' }
const kinds: Record<string, string> = {
  'an import': "import { store } from '../../adapters/memory/store.ts'\nexport const a = store\n",
  'a type import': "import type { Store } from '../../adapters/memory/store.ts'\nexport type A = Store\n",
  'import()': "export const a = await import('../../adapters/memory/store.ts')\n",
  'a type from import()': "export type A = import('../../adapters/memory/store.ts').Store\n",
  'a re-export': "export { store } from '../../adapters/memory/store.ts'\n",
  'a type re-export': "export type { Store } from '../../adapters/memory/store.ts'\n"
}

for (const [kind, text] of Object.entries(kinds)) {
  test(`${kind} of another room is found`, async (t) => {
    assert.deepEqual(await violations(t, { ...other, 'src/domain/log/wrong.ts': text }), [
      'src/domain/log: src/domain/log/wrong.ts -> src/adapters/memory/store.ts'
    ])
  })
}

const wrong: Array<[from: string, to: string, rule: string]> = [
  ['src/ports/clock.ts', 'src/domain/limits.ts', 'src/ports'],
  ['src/domain/limits.ts', 'src/domain/log/log.ts', 'src/domain/*'],
  ['src/domain/segments/segment.ts', 'src/domain/topics/name.ts', 'src/domain/segments'],
  ['src/domain/groups/groups.ts', 'src/domain/log/append.ts', 'src/domain/groups'],
  ['src/adapters/s3/store.ts', 'src/adapters/sqlite/store.ts', 'src/adapters/s3'],
  ['src/adapters/sqlite/store.ts', 'src/adapters/aws/client.ts', 'src/adapters/[^/]+'],
  ['src/adapters/memory/store.ts', 'src/domain/errors.ts', 'src/adapters/memory'],
  ['src/app/http/problem.ts', 'src/app/routes/topics/produce.ts', 'src/app/http'],
  ['src/app/http/problem.ts', 'src/domain/log/read.ts', 'src/app/http'],
  ['src/app/http/problem.ts', 'src/domain/topics/name.ts', 'src/app/http'],
  ['src/app/routes/topics/produce.ts', 'src/adapters/memory/store.ts', 'src/app/routes'],
  ['src/app/build-app.ts', 'src/adapters/memory/store.ts', 'src/app/*'],
  ['src/domain/log/read.ts', 'tracing/start.mjs', 'src/domain/log'],
  ['src/wiring.ts', 'test/support/clock.ts', 'src/*'],
  ['src/wiring.ts', 'src/server.ts', 'entry-file']
]

for (const [from, to, rule] of wrong) {
  test(`${from} may not import ${to}`, async (t) => {
    const path = `${'../'.repeat(from.split('/').length - 1)}${to}`
    const files = { [to]: 'export const a = 1\n', [from]: `import { a } from '${path}'\nexport const b = a\n` }
    assert.deepEqual(await violations(t, files), [`${rule}: ${from} -> ${to}`])
  })
}

const right: Array<[from: string, to: string]> = [
  [
    'src/domain/log/read.ts', 'src/domain/log/holes.ts'
  ], ['src/domain/log/read.ts', 'src/ports/errors.ts'], ['src/domain/groups/groups.ts', 'src/domain/log/log.ts'],
  ['src/adapters/s3/store.ts', 'src/adapters/aws/client.ts'], ['src/adapters/sqlite/store.ts', 'src/adapters/sqlite/schema.ts'],
  ['src/app/http/problem.ts', 'src/domain/groups/errors.ts'],
  ['src/app/routes/topics/produce.ts', 'src/app/http/bodies/raw-body.ts'], ['src/server.ts', 'src/app/build-app.ts']
]

test('what the table allows passes', async (t) => {
  for (const [from, to] of right) {
    const path = `${'../'.repeat(from.split('/').length - 1)}${to}`
    assert.deepEqual(await violations(t, { [to]: 'export const a = 1\n', [from]: `import { a } from '${path}'\nexport const b = a\n` }), [],
      from)
  }
})

test('a cycle is found', async (t) => {
  const found = await violations(t, { 'src/domain/log/a.ts': "import './b.ts'\n", 'src/domain/log/b.ts': "import './a.ts'\n" })
  assert.deepEqual(found.map((line) => line.split(':')[0]), ['no-cycle'])
})
