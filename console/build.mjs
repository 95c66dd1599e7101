// Builds the console into dist: the page, and its files with hashed names, each also compressed. Takes less than a second.
// --if-possible: without the build tool or the sources, says so and succeeds; for installations that leave development packages out.
// --watch: builds again after each change.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const folder = fileURLToPath(new URL('.', import.meta.url))
const dist = join(folder, 'dist')

const esbuild = await import('esbuild').catch(() => undefined)
const installed = existsSync(new URL('../node_modules/preact', import.meta.url))
if (esbuild === undefined || !installed) {
  console.error('The console was not built: it needs the development packages. Run "npm ci", then "npm run build -w console"')
  process.exit(process.argv.includes('--if-possible') ? 0 : 1)
}
if (process.argv.includes('--watch')) await watch()
else await build()

async function build () {
  const { metafile, outputFiles } = await esbuild.build({
    ...options(),
    metafile: true,
    write: false
  })
  // Under another name until it is complete: a server that starts meanwhile serves the old files, or the new ones.
  const next = `${dist}.${process.pid}`
  await mkdir(join(next, 'assets'), { recursive: true })
  await Promise.all(outputFiles.map(async ({ path, contents }) => writeCompressed(join(next, 'assets', basename(path)), contents)))
  await writeCompressed(join(next, 'index.html'), Buffer.from(await pageOf(metafile)))
  await rm(dist, { recursive: true, force: true })
  await rename(next, dist)
}

function options () {
  return {
    absWorkingDir: folder,
    entryPoints: ['src/main.tsx', 'src/style/main.css', 'src/icon.svg'],
    outdir: 'dist/assets',
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    loader: { '.svg': 'copy' },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning'
  }
}

/** The page names its files relative to itself, because the path may begin with a stage or with a proxy's prefix. */
async function pageOf ({ outputs }) {
  let page = await readFile(join(folder, 'src/index.html'), 'utf8')
  for (const [path, { entryPoint }] of Object.entries(outputs)) page = page.replaceAll(`{{${entryPoint}}}`, `assets/${basename(path)}`)
  const missing = /{{.*?}}/.exec(page)
  if (missing !== null) throw new Error(`src/index.html: there is no file for ${missing[0]}`)
  return page
}

async function writeCompressed (path, bytes) {
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    promisify(gzip)(bytes, { level: 9 })
  ])
  await Promise.all([writeFile(path, bytes), writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
}

async function watch () {
  const again = {
    name: 'again',
    setup ({ onEnd }) {
      onEnd(async ({ errors }) => {
        if (errors.length === 0) await build().then(() => { console.error('built') })
      })
    }
  }
  await (await esbuild.context({ ...options(), write: false, plugins: [again] })).watch()
  console.error(`watching ${(await readdir(join(folder, 'src'))).length} files and folders`)
}
