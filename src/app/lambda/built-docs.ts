import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Docs } from '../http/docs.ts'
import { pagePolicy } from '../http/page-policy.ts'
import { errorsPath } from '../http/problem.ts'

/** The specifications of a build: what it says depends on the setting AUTH. */
export const specifications = {
  open: 'openapi.json',
  access: 'openapi-access.json',
  tokens: 'openapi-tokens.json'
} as const

/** The pages of a build, by their paths. */
export const pages = { '/docs': 'docs.html', [errorsPath]: 'errors.html' } as const

/**
 * What the build has made of the schemas, so that the function need not: the specifications, a page
 * that lists the operations, and one that lists the errors.
 * @param folder of the files
 */
export function builtDocs (folder: URL): Docs {
  const texts = new Map<string, string>()
  const textOf = (file: string): string => {
    let text = texts.get(file)
    if (text === undefined) texts.set(file, text = readFileSync(new URL(file, folder), 'utf8'))
    return text
  }
  let required = false
  return {
    addPages (app, requiresAccess) {
      required = requiresAccess
      for (const [path, file] of Object.entries(pages)) {
        app.get(path, { config: { access: 'open' }, schema: { hide: true } }, async (_request, reply) => {
          const page = textOf(file)
          const [, style = ''] = /<style>([^<]*)</.exec(page) ?? []
          return reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(style)).send(page)
        })
      }
    },
    specification: (app) => textOf(specifications[variantOf(app, required)])
  }
}

function variantOf (app: FastifyInstance, requiresAccess: boolean): keyof typeof specifications {
  if (!requiresAccess) return 'open'
  return app.hasRoute({ method: 'GET', url: '/tokens' }) ? 'tokens' : 'access'
}
