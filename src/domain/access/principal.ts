import type { Ms } from '../../ports/units.ts'
import type { Grants } from './grants.ts'

/** Who sends a request, and what it may do. */
export interface Principal {
  /** How it is known: `none` without access control, where everybody may do everything. */
  readonly kind: 'token' | 'jwt' | 'platform' | 'none'
  /** For the log, and unique for its kind: a token's id, the subject of a JWT, what the platform says. */
  readonly id: string
  /** A token's name. */
  readonly name?: string
  readonly grants: Grants
  /** Ms since epoch from which on it is not valid any more. */
  readonly expiresAtMs?: Ms
  /** Requests a second, for this principal in each process; otherwise the server's own setting. */
  readonly requestsPerSecond?: number
}
