import type { Validators } from '../../src/app/http/validators.ts'

/** In the bundle there is code in place of this file: see validators.ts. */
export const builtValidators: Validators = () => {
  throw new Error('This file is for the build of the function only')
}
