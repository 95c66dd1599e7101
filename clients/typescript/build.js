import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// --if-possible: without the development packages, builds nothing and succeeds.
const esbuild = await import('esbuild').catch((error) => { if (!process.argv.includes('--if-possible')) throw error })
if (esbuild === undefined) process.exit()

const root = new URL('./', import.meta.url)
const dist = new URL('dist/', root)

rmSync(dist, { recursive: true, force: true })
await esbuild.build({
  absWorkingDir: fileURLToPath(root),
  entryPoints: ['src/index.ts'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  // Of the oldest runtime. Not minified: an application's bundler does that, and stack traces name our functions.
  target: 'es2022',
  charset: 'utf8'
})
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
// The compiler leaves `./topic.ts` in declarations, which older settings of users do not resolve.
for (const name of readdirSync(dist).filter((name) => name.endsWith('.d.ts'))) {
  const file = new URL(name, dist)
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/from '(\.\/[\w-]+)\.ts'/g, "from '$1.js'"))
}
