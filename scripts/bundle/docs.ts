import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { createAuthenticator, managesTokens } from '../../src/app/access/create-authenticator.ts'
import type { AccessSettings } from '../../src/app/access/settings.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { loadSettings } from '../../src/app/config.ts'
import { serviceTitle } from '../../src/app/http/docs.ts'
import { specifications } from '../../src/app/lambda/built-docs.ts'
import { swaggerDocs } from '../../src/app/routes/service/docs.ts'
import { wire } from '../../src/wiring.ts'

/** Settings that have these specifications. */
const accesses: Readonly<Record<keyof typeof specifications, AccessSettings>> = {
  open: { kind: 'none' },
  access: { kind: 'platform' },
  tokens: { kind: 'bearer', tokens: true, jwt: undefined }
}

/** Writes what builtDocs reads: the specifications that the app of the sources would make, and the page of operations. */
export async function writeDocs (folder: string): Promise<void> {
  for (const name of Object.keys(accesses) as Array<keyof typeof specifications>) {
    const text = await specificationOf(accesses[name])
    writeFileSync(join(folder, specifications[name]), text)
    if (name === 'tokens') writeFileSync(join(folder, 'docs.html'), operationsPage(JSON.parse(text) as Specification))
  }
}

async function specificationOf (access: AccessSettings): Promise<string> {
  const wiring = await wire(loadSettings({ DATA_DIR: ':memory:' }), () => {})
  const app = buildApp({
    ...wiring,
    tokens: managesTokens(access) ? wiring.tokens : undefined,
    authenticator: await createAuthenticator(access, { ...wiring, clock: systemClock, warn: () => {} }),
    docs: swaggerDocs
  })
  try {
    await app.ready()
    return swaggerDocs.specification(app)
  } finally {
    await app.close()
    await wiring.close()
  }
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
