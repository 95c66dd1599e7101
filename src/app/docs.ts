import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { errorRows, errorsPath } from './problem.ts'

/** The specification, made from the route schemas, and pages to read it. */
export function addDocs (app: FastifyInstance): void {
  app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Serverless Streams',
        version: '0.1.0',
        description: 'Topics over HTTP: ordered, durable logs of JSON messages. All paths also answer under `/v1`.'
      },
      tags: [
        { name: 'topics', description: 'Append to a topic, and read it.' },
        { name: 'service', description: 'The state of the service.' }
      ]
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => typeof json.$id === 'string' ? json.$id : `def-${i}` }
  })
  app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // A server that speaks plain HTTP on another host than localhost could not load its own scripts with it.
    transformStaticCSP: (header) => header.replace('upgrade-insecure-requests;', '')
  })
  // Relative, since a stage can stand before it.
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('./docs'))
  app.get(errorsPath, { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', errorsPolicy).send(errorsPage()))
}

export function addSpecification (app: FastifyInstance): void {
  let text: string | undefined
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.type('application/json; charset=utf-8').send(text)
  })
}

/** The page has no scripts and loads nothing. */
const errorsPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function errorsPage (): string {
  const rows = errorRows().map(({ code, status, retriable, title }) =>
    `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${retriable ? 'yes' : 'no'}</td><td>${title}</td></tr>`)
  return '<!doctype html><html lang="en"><meta charset="utf-8"><title>Errors</title><h1>Errors</h1>' +
    `<table><tr><th>code</th><th>status</th><th>retriable</th><th>meaning</th></tr>${rows.join('')}</table></html>\n`
}
