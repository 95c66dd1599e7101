/** Builds the Lambda function: `npm run bundle`. Its handlers are `index.handler`, `index.streamHandler` and `index.sweepHandler`. */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFunction } from './bundle/build.ts'
import { zipFolder } from './bundle/zip.ts'

const folder = fileURLToPath(new URL('../dist/lambda', import.meta.url))
const { entryBytes, gzipBytes } = await buildFunction(folder)
const zip = zipFolder(folder)
writeFileSync(`${folder}.zip`, zip)
const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1024)} KB`
console.log(`${relative(process.cwd(), folder)}: index.mjs ${kilobytes(entryBytes)}, all code ${kilobytes(gzipBytes)} compressed`)
console.log(`${relative(process.cwd(), folder)}.zip: ${kilobytes(zip.length)}`)
