import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { buildFunction, type BuildOptions } from '../../../scripts/bundle/build.ts'
import { zipFolder } from '../../../scripts/bundle/zip.ts'

/** Names the folder to the processes of test files, so that the function is built once for all of them. */
const variable = 'TEST_LAMBDA_FOLDER'

let building: Promise<string> | undefined

/**
 * A folder with the function as Lambda has it: built, zipped, and unpacked. It is made once in each process, unless TEST_LAMBDA_FOLDER
 * names one.
 */
export function functionFolder (): Promise<string> {
  building ??= process.env[variable] === undefined ? madeHere() : Promise.resolve(process.env[variable])
  return building
}

async function madeHere (): Promise<string> {
  const { folder, remove } = await makeFunctionFolder()
  process.once('exit', remove)
  return folder
}

/** The same for all test files of a run. @returns what removes it */
export async function shareFunctionFolder (): Promise<() => void> {
  if (process.env[variable] !== undefined) return () => {}
  const { folder, remove } = await makeFunctionFolder()
  process.env[variable] = folder
  return remove
}

/** @param options as of `buildFunction` */
export async function makeFunctionFolder (options: BuildOptions = {}): Promise<{ folder: string, remove: () => void }> {
  const made = mkdtempSync(join(tmpdir(), 'function-'))
  const remove = (): void => { rmSync(made, { recursive: true, force: true }) }
  try {
    await buildFunction(join(made, 'built'), options)
    const zip = zipFolder(join(made, 'built'))
    rmSync(join(made, 'built'), { recursive: true })
    const folder = join(made, 'task')
    for (const [name, bytes] of Object.entries(unzipSync(zip))) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), bytes)
    }
    refuseModulesAbove(folder)
    return { folder, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** Node looks for packages in all folders above. One that is found there would hide that the function lacks it. */
function refuseModulesAbove (folder: string): void {
  for (let above = folder; ; above = dirname(above)) {
    if (existsSync(join(above, 'node_modules'))) throw new Error(`TMPDIR: expected a folder without node_modules above, got ${above}`)
    if (above === dirname(above)) return
  }
}
