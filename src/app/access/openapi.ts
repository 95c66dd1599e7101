import type { Need } from './access.ts'

/** How clients say who they are, for OpenAPI. */
export const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An access token, or a JWT of the issuer that the server trusts.' }
} as const

type Security = ReadonlyArray<Readonly<Record<string, string[]>>>

/**
 * What an operation needs, as OpenAPI says it. The grants are the roles of the requirement.
 * @param required whether the server has access control: if not, nothing is needed, and a token does no harm
 */
export function securityOf (need: Need | undefined, required: boolean): { security?: Security } {
  if (need === undefined || need === 'open') return {}
  return { security: [{ bearer: grantsOf(need) }, ...required ? [] : [{}]] }
}

function grantsOf (need: Exclude<Need, 'open'>): string[] {
  switch (need) {
    case 'list': return []
    case 'tokens': return ['admin:*']
    case 'metrics': return ['metrics']
    case 'see': return ['consume:{topic}']
    default: return [`${need}:{topic}`]
  }
}
