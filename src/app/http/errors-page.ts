import type { FastifyInstance } from 'fastify'
import { errorHelp } from './error-help.ts'
import { pagePolicy } from './page-policy.ts'
import { errorCodes, errorKinds, errorsPath } from './problem.ts'
import { statusOf } from './status.ts'

/** Adds the page that the `type` of every error leads to. */
export function addErrorsPage (app: FastifyInstance): void {
  app.get(errorsPath, { config: { access: 'open' }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(errorsStyle)).send(errorsPage()))
}

const errorsStyle = 'body{font:16px/1.5 sans-serif;margin:2em auto;max-width:75em;padding:0 1em}' +
  'td,th{text-align:left;vertical-align:top;padding:.4em .8em .4em 0;border-bottom:1px solid #ccc}:target{background:#ffc}'

function errorsPage (): string {
  const rows = errorCodes.map((code) => {
    const { retriable, title } = errorKinds[code]
    const { cause, remedy } = errorHelp[code]
    const cells = [`<code>${code}</code>`, statusOf[code], retriable ? 'yes' : 'no', title, html(cause), html(remedy)]
    return `<tr id="${code}">${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Errors</title><style>${errorsStyle}</style><h1>Errors</h1>` +
    `<table><tr><th>code<th>status<th>retriable<th>meaning<th>cause<th>what to do</tr>${rows.join('')}</table></html>\n`
}

/** Text in which backticks mark code. */
function html (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(/`([^`]*)`/g, '<code>$1</code>')
}
