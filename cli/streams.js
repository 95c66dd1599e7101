#!/usr/bin/env node
// Starts the bundle; in the repository, without one, the sources, which need the Node that `npm ci` has installed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const bundle = new URL('dist/main.js', import.meta.url)
const sources = new URL('src/main.ts', import.meta.url)

if (existsSync(bundle)) {
  await import(bundle.href)
} else if (process.features.typescript) {
  await import(sources.href)
} else {
  const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
  const { status, signal } = spawnSync(node, [fileURLToPath(sources), ...process.argv.slice(2)], { stdio: 'inherit' })
  if (signal !== null) process.kill(process.pid, signal)
  process.exit(status ?? 1)
}
