import type { FastifyRequest } from 'fastify'
import { allGrants } from '../../domain/access/grants.ts'
import { LogError } from '../../domain/errors.ts'
import type { Authenticator } from './authenticator.ts'

const idCharsMax = 512

/**
 * `AUTH=platform`: the platform has authenticated and authorized the client, which may do everything.
 * @param identityOf who that is. A request of nobody is refused: the platform has not checked it
 */
export function createPlatformAuthenticator (identityOf: (request: FastifyRequest) => string | undefined): Authenticator {
  return {
    required: true,
    authenticate (request) {
      const id = identityOf(request)
      if (id !== undefined && id !== '') return { kind: 'platform', id: id.slice(0, idCharsMax), grants: allGrants }
      throw new LogError('unauthorized', 'The platform has authenticated nobody: the API or the function URL needs an authorizer.')
    }
  }
}
