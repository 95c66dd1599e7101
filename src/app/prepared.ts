import { ajvValidators } from './http/ajv.ts'
import type { Docs } from './http/docs.ts'
import type { Validators } from './http/validators.ts'
import { swaggerDocs } from './routes/service/docs.ts'

/** What an app needs that is made of its schemas. */
export interface Prepared {
  readonly docs: Docs
  readonly validators: Validators
}

/** Made when the app starts. The build of the function makes it beforehand. */
export function preparedAtStart (): Prepared {
  return { docs: swaggerDocs, validators: ajvValidators() }
}
