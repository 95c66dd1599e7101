import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { zipSync, type Zippable } from 'fflate'

const unix = 3
/** A file that everybody may read: Lambda runs the code as another user. */
const readable = 0o100644 << 16
/** The same folder gives the same zip, so that a deployment sees whether anything has changed. */
const mtime = new Date(1980, 0, 1)

/** A zip of the files in the folder, as Lambda takes it. */
export function zipFolder (folder: string): Uint8Array {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name)).sort()
  const contents: Zippable = Object.fromEntries(files.map((file) => [relative(folder, file).replaceAll(sep, '/'), readFileSync(file)]))
  return zipSync(contents, { os: unix, attrs: readable, mtime, level: 9 })
}
