// Bundles the command into dist: one file that starts it, and one for each part that is loaded when a command needs it.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const folder = fileURLToPath(new URL('.', import.meta.url))
await rm(join(folder, 'dist'), { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: folder,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.12',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  // cli-progress is CommonJS, and requires modules of Node.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" }
})

// The licenses of the packages whose code is in the bundle.
const inputs = Object.keys(metafile.inputs)
const packages = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []))
const notices = await Promise.all([...packages].sort().map(async (path) => {
  const { name, version, license } = JSON.parse(await readFile(join(folder, path, 'package.json'), 'utf8'))
  const file = (await readdir(join(folder, path))).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? `License: ${license}\n` : await readFile(join(folder, path, file), 'utf8')
  return `${name} ${version}\n\n${text}`
}))
await writeFile(join(folder, 'dist', 'LICENSES.txt'), notices.join(`\n${'-'.repeat(70)}\n\n`))
