import type { FastifyRequest } from 'fastify'
import { allGrants } from '../../domain/access/grants.ts'
import type { Principal } from '../../domain/access/principal.ts'

/** Finds out who sends a request. */
export interface Authenticator {
  /** Whether requests have to say who sends them. If not, everybody may do everything. */
  readonly required: boolean
  /**
   * Called for each request of a route that is not open, before its body is read.
   * @throws LogError `unauthorized`, and those of a storage or an issuer that does not answer; also as a rejection
   */
  authenticate (request: FastifyRequest): Principal | Promise<Principal>
}

const everybody: Principal = { kind: 'none', id: '', grants: allGrants }

/** `AUTH=none`. */
export const noAuthenticator: Authenticator = { required: false, authenticate: () => everybody }
