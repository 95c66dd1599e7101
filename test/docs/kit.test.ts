import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { read, root } from '../support/docs/markdown.ts'

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
