import type { FastifyInstance } from 'fastify'

export const serviceTitle = 'Serverless Streams'

/** What the service says about its interface. */
export interface Docs {
  /**
   * Adds `/docs`, and the page that the `type` of every error leads to. Called before the routes are added.
   * @param requiresAccess whether the service has access control
   */
  readonly addPages: (app: FastifyInstance, requiresAccess: boolean) => void
  /** @returns the OpenAPI specification of the app, as JSON */
  readonly specification: (app: FastifyInstance) => string
}

/** `GET /openapi.json` */
export function addSpecification (scope: FastifyInstance, { specification }: Docs): void {
  scope.get('/openapi.json', { config: { access: 'open' }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(specification(scope)))
}
