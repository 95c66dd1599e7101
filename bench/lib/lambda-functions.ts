import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildFunction } from '../../scripts/bundle/build.ts'
import { builtins, requireBanner } from '../../scripts/bundle/builtins.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface BuiltFunctions {
  /** Stands in for AWS's client of the Runtime API. */
  readonly loop: string
  /** Folders with `index.mjs`. */
  readonly bare: string
  readonly naive: string
  readonly sources: string
  readonly bundled: string
}

/** Builds all that is run, so that no process strips types but that of the sources. */
export async function buildFunctions (folder: string): Promise<BuiltFunctions> {
  const common = { absWorkingDir: root, bundle: true, platform: 'node', format: 'esm', target: 'node24' } as const
  const loop = join(folder, 'loop.mjs')
  await build({ ...common, entryPoints: ['test/support/lambda/runtime-loop.ts'], outfile: loop })
  const bare = join(folder, 'bare')
  await build({
    ...common,
    entryPoints: ['bench/subjects/functions/bare.ts'],
    outfile: join(bare, 'index.mjs'),
    minify: true,
    banner: { js: requireBanner },
    plugins: [builtins]
  })
  const naive = join(folder, 'naive')
  await build({
    ...common,
    entryPoints: ['bench/subjects/functions/naive.ts'],
    outfile: join(naive, 'index.mjs'),
    minify: true,
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' }
  })
  const bundled = join(folder, 'bundled')
  await buildFunction(bundled)
  const sources = join(folder, 'sources')
  mkdirSync(sources)
  writeFileSync(join(sources, 'index.mjs'), `export * from ${JSON.stringify(new URL('../../src/lambda.ts', import.meta.url))}\n`)
  return { loop, bare, naive, sources, bundled }
}
