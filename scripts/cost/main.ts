/**
 * What the service costs on AWS: `npm run cost -- --help`. With `--write` it writes the tables of docs/cost.md, which a test compares.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { estimate } from './estimate.ts'
import { help, OptionsError, readOptions } from './options.ts'
import { createTables, replaceTables } from './tables.ts'
import { textOf } from './text.ts'

const page = fileURLToPath(new URL('../../docs/cost.md', import.meta.url))

try {
  const asked = readOptions(process.argv.slice(2))
  if (asked === 'help') process.stdout.write(help)
  else if (asked === 'write') writeFileSync(page, replaceTables(readFileSync(page, 'utf8'), await createTables()))
  else {
    const result = await estimate(asked.options)
    process.stdout.write(asked.json ? `${JSON.stringify({ options: asked.options, ...result }, null, 2)}\n` : textOf(asked.options, result))
  }
} catch (error) {
  if (!(error instanceof OptionsError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
