import type { AnySchema, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify'

/**
 * Gives the validator of a schema. The name says what is validated, and has one schema in an app: a function whose schemas were compiled
 * when it was built finds the validator by its name alone.
 */
export type Validators = (name: string, schema: AnySchema) => ValidateFunction

/** For routes. A route has the same schemas for HEAD. */
export function validatorCompiler (validators: Validators): FastifySchemaCompiler<AnySchema> {
  return ({ method = '', url = '', httpPart = '', schema }) =>
    validators(`${method === 'HEAD' ? 'GET' : method} ${url} ${httpPart}`, schema)
}

/** With these, Fastify does not load its own compilers. */
export function schemaController (
  compileValidator: FastifySchemaCompiler<AnySchema>
): NonNullable<FastifyServerOptions['schemaController']> {
  return {
    compilersFactory: {
      buildValidator: () => compileValidator as never,
      // To compile one for each answer of each route takes a second of the start and 50 MiB, and saves less than a microsecond.
      buildSerializer: () => () => (data) => JSON.stringify(data)
    }
  }
}
