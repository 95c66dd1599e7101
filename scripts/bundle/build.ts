import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { builtins, requireBanner } from './builtins.ts'
import { writeDocs } from './docs.ts'
import { leftOut } from './left-out.ts'
import { licensesOf } from './licenses.ts'
import { markRunOnce } from './run-once.ts'
import { validators } from './validators.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Bundle {
  readonly metafile: Metafile
  /** Bytes of index.mjs, which is loaded at every start. */
  readonly entryBytes: number
  /** Bytes of all code, compressed, as about the zip has. */
  readonly gzipBytes: number
}

export interface BuildOptions {
  /** Whether the function also serves the console; `npm ci` has built its files. */
  readonly withConsole?: boolean
}

/** Builds the function: all that it needs but Node itself, with `index.mjs` as its entry. @param folder is emptied first */
export async function buildFunction (folder: string, { withConsole = false }: BuildOptions = {}): Promise<Bundle> {
  const consoleFolder = join(root, 'console/dist')
  if (withConsole && !existsSync(consoleFolder)) throw new Error('console/dist does not exist: run "npm run build -w console" first')
  rmSync(folder, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [{ in: `scripts/bundle/${withConsole ? 'entry-with-console' : 'entry'}.ts`, out: 'index' }],
    outdir: folder,
    bundle: true,
    // Chunks for what is imported only when it is needed: the AWS SDK, JWTs, the memory store.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node24',
    // Packages that have both: modules, of which esbuild can leave out what is not used.
    mainFields: ['module', 'main'],
    banner: { js: requireBanner },
    minify: true,
    // An error that nobody catches is printed with its line.
    lineLimit: 2000,
    legalComments: 'none',
    metafile: true,
    plugins: [leftOut(root), builtins, validators(root)],
    logLevel: 'warning'
  })
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), licensesOf(metafile, root))
  await writeDocs(folder)
  if (withConsole) cpSync(consoleFolder, join(folder, 'console'), { recursive: true })
  const code = Object.keys(metafile.outputs).map((file) => join(root, file))
  for (const file of code) writeFileSync(file, markRunOnce(readFileSync(file, 'utf8')))
  const gzipBytes = code.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0)
  return { metafile, entryBytes: statSync(join(folder, 'index.mjs')).size, gzipBytes }
}
