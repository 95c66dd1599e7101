import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { TObject } from '@sinclair/typebox'
import type { FastifyInstance, FastifySchema } from 'fastify'
import manifest from '../../../../package.json' with { type: 'json' }
import { securityOf, securitySchemes } from '../../access/openapi.ts'
import { costHeaders, preferDescription } from '../../http/answers/cost-headers.ts'
import { type Docs, serviceTitle } from '../../http/docs.ts'
import { addErrorsPage } from '../../http/errors-page.ts'

/** The specification, generated from the route schemas when the app starts, and Swagger UI to show it. */
export const swaggerDocs: Docs = { addPages, specification }

function addPages (app: FastifyInstance, requiresAccess: boolean): void {
  addErrorsPage(app)
  app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: serviceTitle,
        version: manifest.version,
        description: 'Topics over HTTP: ordered, durable logs of JSON messages.'
      },
      components: { securitySchemes },
      servers: [{ url: '/' }, { url: '/v1', description: 'The same operations, with the version in the path.' }],
      tags: [
        { name: 'topics', description: 'Write to topics, read and manage them.' },
        { name: 'groups', description: 'Consumer groups: workers share the messages of a topic.' },
        { name: 'tokens', description: 'Access tokens: who may do what.' },
        { name: 'service', description: 'Health of the service.' }
      ]
    },
    transform: ({ schema, url, route }) => ({
      schema: { ...withCostHeaders(withClientTypes(schema)), ...securityOf(route.config?.access, requiresAccess) }, url
    }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('expected OpenAPI 3')
      return withOptionalBodies(document.openapiObject as OpenApiDocument)
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => typeof json.$id === 'string' ? json.$id : `def-${i}` }
  })
  app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    // Relative, because the path may begin with a stage: `/prod/docs` loads `/prod/docs/static/…` and calls `/prod/topics/…`.
    indexPrefix: '.',
    transformSpecification: (specification) => ({ ...specification, servers: [{ url: '..' }, { url: '../v1' }] }),
    transformSpecificationClone: false,
    staticCSP: docsPolicy,
    // Otherwise the page would tell swagger.io the address of every server that is not on localhost.
    uiConfig: { validatorUrl: null },
    theme: { title: serviceTitle }
  })
}

const specifications = new WeakMap<object, string>()

function specification (app: FastifyInstance): string {
  const document = app.swagger()
  let text = specifications.get(document)
  if (text === undefined) specifications.set(document, text = JSON.stringify(document))
  return text
}

/** Replaces the patterns with which a route's parameters are validated by their types for clients. */
function withClientTypes (schema: FastifySchema): FastifySchema {
  return {
    ...schema,
    ...schema.querystring === undefined ? {} : { querystring: clientTypes(schema.querystring as TObject) },
    ...schema.headers === undefined ? {} : { headers: clientTypes(schema.headers as TObject) }
  }
}

interface OpenApiDocument {
  readonly paths?: Record<string, Record<string, { requestBody?: { required?: boolean, content: Record<string, { schema?: TObject }> } }>>
}

/** For the plugin, all bodies are required. One that has no required member may be left out. */
function withOptionalBodies (document: OpenApiDocument): OpenApiDocument {
  for (const { requestBody } of Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods))) {
    if (requestBody === undefined) continue
    const schemas = Object.values(requestBody.content).map(({ schema }) => schema)
    requestBody.required = schemas.some((schema) => schema?.type !== 'object' || schema.required !== undefined)
  }
  return document
}

const prefer = { type: 'string', example: 'server-timing', description: preferDescription }

/** Any request can ask what it has cost. It is described here, because a header in a route's schema would be validated. */
function withCostHeaders (schema: FastifySchema): FastifySchema {
  if (schema.tags?.includes('service') !== false) return schema
  const { properties = {} } = (schema.headers ?? {}) as { properties?: object }
  const response = Object.entries(schema.response as Record<string, { headers?: object }>).map(([status, described]) => (
    [status, status.startsWith('2') ? { ...described, headers: { ...described.headers, ...costHeaders } } : described]))
  return {
    ...schema,
    headers: { type: 'object', properties: { ...properties, prefer } },
    response: Object.fromEntries(response) as object
  }
}

function clientTypes (parameters: TObject): object {
  const properties = Object.entries(parameters.properties).map(([name, { description, 'x-openapi': type }]) => {
    return [name, { ...type as object, ...description === undefined ? {} : { description } }] as const
  })
  return { type: 'object', properties: Object.fromEntries(properties) }
}

/**
 * The page loads only its own files, and calls only this server. Without `upgrade-insecure-requests`, which the plugin would set:
 * pages could not load their scripts over plain HTTP from other hosts than localhost.
 */
const docsPolicy = "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self' data:; form-action 'self'; " +
  "frame-ancestors 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'"
