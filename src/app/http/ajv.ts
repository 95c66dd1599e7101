import { _, Ajv, type CodeOptions, type KeywordCxt } from 'ajv'
import { hasAtMostBytes } from './keywords.ts'
import type { Validators } from './validators.ts'

/** Compiles each schema once: the routes at paths with and without a version have the same. */
export function ajvValidators (): Validators {
  const ajv = createAjv()
  const compiled = new Map<string, ReturnType<Validators>>()
  return (_name, schema) => {
    const text = JSON.stringify(schema)
    let validate = compiled.get(text)
    if (validate === undefined) compiled.set(text, validate = ajv.compile(schema))
    return validate
  }
}

/**
 * @param code how Ajv writes the code of validators; by default to run it at once
 * @param verbose whether errors have the schema in them
 */
export function createAjv (code: CodeOptions = {}, verbose = true): Ajv {
  const ajv = new Ajv({
    code,
    // Requests are not changed: nothing is converted, added or removed.
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    // So that errors contain their schema, which has x-expected.
    verbose,
    // Ours are made of x-expected.
    messages: false,
    // Ours are checked by the compiler. To compile the schema of schemas takes as long as all others.
    meta: false,
    validateSchema: false,
    keywords: ['x-expected', 'x-openapi', 'example']
  })
  // As code, not as functions: the code of a validator can then be written to a file.
  ajv.addKeyword({
    keyword: 'x-max-bytes',
    schemaType: 'number',
    code (context: KeywordCxt) {
      const hasAtMost = context.gen.scopeValue('func', { ref: hasAtMostBytes, code: _`hasAtMostBytes` })
      context.pass(_`${hasAtMost}(${context.data}, ${context.schema as number})`)
    }
  })
  ajv.addKeyword({
    keyword: 'x-well-formed',
    schemaType: 'boolean',
    type: 'string',
    code (context: KeywordCxt) { context.pass(_`${context.data}.isWellFormed()`) }
  })
  ajv.addKeyword({
    keyword: 'x-max-number',
    schemaType: 'number',
    type: 'string',
    code (context: KeywordCxt) { context.fail(_`Number(${context.data}) > ${context.schema as number}`) }
  })
  return ajv
}
