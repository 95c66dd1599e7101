import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serviceTitle } from '../../src/app/http/docs.ts'
import { pages, specifications } from '../../src/app/lambda/built-docs.ts'
import { errorsPath } from '../../src/app/http/problem.ts'
import { swaggerDocs } from '../../src/app/routes/service/docs.ts'
import { type Variant, withApp } from './apps.ts'

/** Writes what builtDocs reads: the specifications that the app of the sources would make, and the page of operations. */
export async function writeDocs (folder: string): Promise<void> {
  for (const variant of Object.keys(specifications) as Variant[]) {
    writeFileSync(join(folder, specifications[variant]), await withApp(variant, (app) => swaggerDocs.specification(app)))
  }
  const tokens = readFileSync(join(folder, specifications.tokens), 'utf8')
  writeFileSync(join(folder, pages['/docs']), operationsPage(JSON.parse(tokens) as Specification))
  writeFileSync(join(folder, pages[errorsPath]), await withApp('open', async (app) => (await app.inject(errorsPath)).body))
}

interface Specification { readonly paths: Readonly<Record<string, Readonly<Record<string, { summary: string }>>>> }

const style = 'body{font:16px/1.5 sans-serif;margin:2em auto;max-width:75em;padding:0 1em}' +
  'td{vertical-align:top;padding:.4em .8em .4em 0;border-bottom:1px solid #ccc}'

/** Links are relative, because the path may begin with a stage. */
function operationsPage ({ paths }: Specification): string {
  const rows = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, { summary }]) =>
    `<tr><td><code>${method.toUpperCase()}</code><td><code>${path}</code><td>${html(summary)}</tr>`))
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${serviceTitle}</title><style>${style}</style>` +
    `<h1>${serviceTitle}</h1><p><a href="openapi.json">openapi.json</a> describes all of it; any viewer of OpenAPI shows it, and a ` +
    `server of this service does at /docs. <a href="docs/errors">Errors</a></p><table>${rows.join('')}</table></html>\n`
}

function html (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(/`([^`]*)`/g, '<code>$1</code>')
}
