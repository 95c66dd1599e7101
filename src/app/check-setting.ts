import type { TSchema } from '@sinclair/typebox'
import { Check } from '@sinclair/typebox/value'

/** Whether an environment variable has a valid value. In the function that is built, Ajv's code of the same schemas is in place of this. */
export function checkSetting (_name: string, schema: TSchema, value: unknown): boolean {
  return Check(schema, value)
}
