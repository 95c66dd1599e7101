import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { documents, parse, read, root } from '../support/docs/markdown.ts'

const manifest = JSON.parse(read('package.json')) as { devDependencies: Record<string, string>, scripts: Record<string, string> }

test('.nvmrc names the Node that npm ci installs', () => {
  assert.equal(manifest.devDependencies['node']!.match(/\d+/)![0], read('.nvmrc').trim())
})

test('the debugger of VS Code runs files that exist', () => {
  interface Configuration { readonly runtimeExecutable: string, readonly program: string }
  const { configurations } = JSON.parse(read('.vscode/launch.json')) as { configurations: readonly Configuration[] }
  for (const { runtimeExecutable, program } of configurations) {
    // eslint-disable-next-line no-template-curly-in-string
    for (const path of [runtimeExecutable, program].filter((path) => path !== '${file}')) {
      assert(existsSync(path.replace('${workspaceFolder}', root)), path) // eslint-disable-line no-template-curly-in-string
    }
  }
})

test('files that documents name exist', () => {
  const missing = ['CONTRIBUTING.md', 'docs/testing.md', 'docs/architecture.md'].flatMap((page) =>
    [...read(page).matchAll(/`((?:src|test|scripts|docs)\/[\w./-]+\.(?:ts|md|mjs))`/g)]
      .map(([, path]) => path!)
      .filter((path) => !existsSync(join(root, path))))
  assert.deepEqual(missing, [])
})

test('scripts that documents name exist', () => {
  const named = documents().flatMap((page) => {
    const commands = [...read(page).matchAll(/\bnpm run (?:-s )?([\w:-]+)(?: -w ([\w/-]+))?/g)]
    return commands.map(([, script, workspace]) => ({ page, script, workspace }))
  })
  assert(named.length > 20)
  assert.deepEqual(named.filter(({ script, workspace }) => {
    const { scripts } = workspace === undefined ? manifest : JSON.parse(read(`${workspace}/package.json`)) as typeof manifest
    return scripts[script!] === undefined
  }), [])
})

test('files and globs of tests that documents name match something', () => {
  const lines = documents().flatMap((page) => parse(read(page)).blocks.filter(({ language }) => language === 'sh'))
    .flatMap(({ text }) => text.split('\n'))
  const named = lines.flatMap((line) => [...line.matchAll(/(?<![\w=/])'?(test\/[^\s']+\.test\.ts)'?/g)].map(([, glob]) => glob!))
  assert(named.length > 5)
  assert.deepEqual(named.filter((glob) => globSync(glob, { cwd: root }).length === 0), [])
})
