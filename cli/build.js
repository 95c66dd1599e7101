// Bundles the command into dist: one file that starts it, and one for each part that is loaded when a command needs it.
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const folder = fileURLToPath(new URL('.', import.meta.url))
await rm(`${folder}dist`, { recursive: true, force: true })
await build({
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
  legalComments: 'eof',
  // cli-progress is CommonJS, and requires modules of Node.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" }
})
