/**
 * Builds the Lambda function: `npm run bundle` into dist/lambda, `npm run bundle -- --console` into dist/lambda-console, which also
 * serves the console. Its handlers are `index.handler`, `index.streamHandler` and `index.sweepHandler`.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildFunction } from './bundle/build.ts'
import { zipFolder } from './bundle/zip.ts'

const { values: { console: withConsole } } = parseArgs({ options: { console: { type: 'boolean', default: false } } })
const folder = fileURLToPath(new URL(withConsole ? '../dist/lambda-console' : '../dist/lambda', import.meta.url))
const { entryBytes, gzipBytes } = await buildFunction(folder, { withConsole })
const zip = zipFolder(folder)
writeFileSync(`${folder}.zip`, zip)
const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1024)} KB`
console.log(`${relative(process.cwd(), folder)}: index.mjs ${kilobytes(entryBytes)}, all code ${kilobytes(gzipBytes)} compressed`)
console.log(`${relative(process.cwd(), folder)}.zip: ${kilobytes(zip.length)}`)
