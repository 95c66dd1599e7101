import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PlantedFault } from './planted-faults.ts'
import type { Subject } from './workload.ts'

const root = join(import.meta.dirname, '../../..')

/**
 * The code of this project with one fault planted: a copy of its layers below the app, changed and loaded beside the original.
 * It lies inside the project, so that its imports of packages are found.
 * @param moreParts files whose exports belong to the subject, too
 * @throws Error when the text to replace is not there exactly once
 */
export async function plant<S extends Subject = Subject> (
  fault: Pick<PlantedFault, 'name' | 'file' | 'replace' | 'by'>, moreParts: readonly string[] = []
): Promise<{ subject: S, remove: () => Promise<void> }> {
  const folder = join(root, '.planted', fault.name.replaceAll(/[^a-z]+/gi, '-'))
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const layer of ['domain', 'ports', 'adapters/memory', 'adapters/sqlite/clock.ts']) {
    await cp(join(root, 'src', layer), join(folder, layer), { recursive: true })
  }
  const file = join(folder, fault.file)
  const source = await readFile(file, 'utf8')
  if (source.split(fault.replace).length !== 2) {
    throw new Error(`planted fault "${fault.name}": its text is not exactly once in ${fault.file}`)
  }
  await writeFile(file, source.replace(fault.replace, () => fault.by))
  const part = async (path: string): Promise<unknown> => import(pathToFileURL(join(folder, path)).href)
  const subject = Object.assign({}, ...await Promise.all([
    part('domain/log/log.ts'), part('domain/limits.ts'), part('ports/errors.ts'), part('adapters/sqlite/clock.ts'),
    part('adapters/memory/segment-store.ts'), part('adapters/memory/topic-store.ts'), part('adapters/memory/record-store.ts'),
    ...moreParts.map(part)
  ])) as S
  return { subject, remove: () => rm(folder, { recursive: true, force: true }) }
}
