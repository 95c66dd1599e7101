import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Principal } from '../../../domain/access/principal.ts'
import type { Tokens } from '../../../domain/access/tokens.ts'
import type { Limits } from '../../../domain/limits.ts'
import { addManagementBodies } from '../../http/bodies/management-body.ts'
import { problems, storageProblems } from '../common.schema.ts'
import { bodyProblems } from '../topics/topic.ts'
import { bodyOf, CreatedTokenBody, newTokenSchema, Token, TokenList, TokenParams, tokensQuery, wantedOf } from './token.schema.ts'

export interface TokenRoutesOptions {
  readonly tokens: Tokens
  readonly limits: Limits
}

/** `GET` and `POST /tokens`, and `GET` and `DELETE /tokens/{id}` */
export const tokenRoutes: FastifyPluginCallbackTypebox<TokenRoutesOptions> = (app, { tokens, limits }, done) => {
  addManagementBodies(app, limits, limits.tokenBodyBytesMax)
  const shared = { tags: ['tokens'] }

  app.post('/tokens', {
    config: { access: 'tokens' },
    schema: {
      ...shared,
      operationId: 'createToken',
      summary: 'Create an access token',
      description: 'The answer is the only one that has the token. Not idempotent: each request creates another token. After an answer ' +
        'that was lost, look at the list, and delete the token that nobody has.',
      body: newTokenSchema(limits),
      response: { 201: Type.Ref(CreatedTokenBody), ...problems(...bodyProblems, ...storageProblems, 'storage_full') }
    }
  }, async (request, reply) => {
    const created = await tokens.create(wantedOf(request.body), callerOf(request.principal))
    return reply.code(201).send({ ...bodyOf(created), token: created.text })
  })

  app.get('/tokens', {
    config: { access: 'tokens' },
    schema: {
      ...shared,
      operationId: 'listTokens',
      summary: 'List the access tokens',
      description: 'Each token costs a read of the storage.',
      querystring: tokensQuery(limits),
      response: { 200: Type.Ref(TokenList), ...problems('invalid_request', ...storageProblems) }
    }
  }, async ({ query: { limit, after = '' } }) => {
    const { topicsPageDefault, topicsPageMax } = limits
    const most = limit === undefined ? topicsPageDefault : Math.min(Number(limit), topicsPageMax)
    const { tokens: found, next } = await tokens.list(after, most)
    return { tokens: found.map(bodyOf), ...next === undefined ? {} : { next } }
  })

  app.get('/tokens/:id', {
    config: { access: 'tokens' },
    schema: {
      ...shared,
      operationId: 'describeToken',
      summary: 'Describe an access token',
      params: TokenParams,
      response: { 200: Type.Ref(Token), ...problems('invalid_request', 'token_not_found', ...storageProblems) }
    }
  }, async ({ params: { id } }) => bodyOf(await tokens.describe(id)))

  app.delete('/tokens/:id', {
    config: { access: 'tokens' },
    schema: {
      ...shared,
      operationId: 'revokeToken',
      summary: 'Revoke an access token',
      description: `It is deleted. Server processes refuse it within ${limits.tokenCacheMs / 1_000} s.`,
      params: TokenParams,
      response: {
        204: Type.Null({ description: 'The token was revoked.' }),
        ...problems('invalid_request', 'token_not_found', ...storageProblems)
      }
    }
  }, async ({ params: { id } }, reply) => {
    await tokens.revoke(id)
    return reply.code(204).send(null)
  })

  done()
}

/** As the log has it. */
function callerOf ({ kind, id }: Principal): string {
  return kind === 'none' ? 'a request without access control' : `${kind}:${id}`
}
