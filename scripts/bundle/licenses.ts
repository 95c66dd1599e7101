import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

/** The licences of all packages that a part of got into the bundle, as one text. @throws Error if a package has none */
export function licensesOf ({ outputs }: Metafile, root: string): string {
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))
  const folders = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file]) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0])
    .filter((folder) => folder !== undefined)
  const texts = [...new Set(folders)].map((folder) => licenseOf(join(root, folder))).sort()
  return `The code of this function contains parts of the following packages.\n\n${[...new Set(texts)].join('\n')}`
}

function licenseOf (folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
  if (license === undefined) throw new Error(`${folder}: expected a package with a license, got none`)
  const file = readdirSync(folder).find((file) => /^licen[cs]e(\.(md|txt))?$/i.test(file))
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  return `${name} ${version} (${license})\n${text}`
}
