import { Ajv, type AnySchema, type ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError, FastifyServerOptions } from 'fastify'
import { LogError } from '../../domain/errors.ts'

/*
 * Keywords of our schemas, in addition to those of JSON Schema:
 *
 *   x-expected         the expected value in words, for error messages
 *   x-max-bytes        the most bytes of a string in UTF-8, or of all names and string values of an object
 *   x-max-number       the largest number that a string of digits may have as its value
 *   x-well-formed      true: a string without halves of surrogate pairs, which UTF-8 can't encode
 *   x-openapi          the type of a parameter for clients, in OpenAPI
 */

/** Shortens values and names for error messages. */
export const show = {
  text: (text: string): string => JSON.stringify(text.length > 60 ? text.slice(0, 60) + '…' : text),
  name: (name: string): string => /^[\w.-]{1,60}$/.test(name) ? name : show.text(name),
  value: (value: unknown): string => {
    if (typeof value === 'string') return show.text(value)
    if (Array.isArray(value)) return 'an array'
    return typeof value === 'object' && value !== null ? 'an object' : String(value)
  }
}

const options = {
  // Fastify's defaults would change requests: convert "5" to 5, and remove unknown members.
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  // So that errors contain their schema, which has x-expected.
  verbose: true,
  keywords: ['x-expected', 'x-openapi', 'example']
} as const

function withKeywords (ajv: Ajv): Ajv {
  return ajv
    .addKeyword({
      keyword: 'x-max-bytes',
      schemaType: 'number',
      errors: false,
      validate: (max: number, data: unknown) => isShort(data, max) || bytesOf(data) <= max
    })
    .addKeyword({
      keyword: 'x-well-formed',
      schemaType: 'boolean',
      type: 'string',
      errors: false,
      validate: (_: true, data: string) => data.isWellFormed()
    })
    .addKeyword({
      keyword: 'x-max-number',
      schemaType: 'number',
      type: 'string',
      errors: false,
      validate: (max: number, data: string) => !(Number(data) > max)
    })
}

export const ajvOptions: NonNullable<FastifyServerOptions['ajv']> = {
  customOptions: { ...options, keywords: [...options.keywords] },
  plugins: [withKeywords]
}

/** A schema compiler like Fastify's own, for a route that chooses its validator itself. */
export function compiler (): (schema: AnySchema) => ValidateFunction {
  const ajv = withKeywords(new Ajv({ ...options, keywords: [...options.keywords] }))
  return (schema) => ajv.compile(schema)
}

/** Whether a value has certainly at most `max` bytes: a UTF-16 unit takes at most three. Cheaper than counting bytes. */
function isShort (data: unknown, max: number): boolean {
  if (typeof data === 'string') return data.length * 3 <= max
  let length = 0
  for (const name in data as object) {
    const value = (data as Record<string, unknown>)[name]
    length += name.length + (typeof value === 'string' ? value.length : max)
  }
  return length * 3 <= max
}

function bytesOf (data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data)
  let bytes = 0
  for (const [name, value] of Object.entries(data as object)) {
    bytes += Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : 0)
  }
  return bytes
}

interface AnnotatedSchema { 'x-expected'?: string, properties?: Record<string, AnnotatedSchema> }
type ValidationError = FastifySchemaValidationError & { data?: unknown, parentSchema?: AnnotatedSchema }

/**
 * Creates an error with the text `field: expected …, got …`, from `x-expected` of the schema.
 * @param where prefix of the field's name, such as `line 17: ` or `messages.17.`
 */
export function validationError (errors: ReadonlyArray<Partial<FastifySchemaValidationError>>, context: string, where = ''): LogError {
  const error = errors[0] as ValidationError
  const schema = error.parentSchema ?? {}
  const path = error.instancePath.slice(1).split('/').filter((part) => part !== '').map(unescapePointer)
  const field = (last?: string): string => where + [...path, ...(last === undefined ? [] : [last])].map(show.name).join('.')

  if (error.keyword === 'additionalProperties') {
    const known = Object.keys(schema.properties ?? {}).join(', ')
    const kind = context === 'querystring' ? 'parameter' : 'member'
    return invalid(`${field(String(error.params['additionalProperty']))}: expected one of ${known}, got an unknown ${kind}`)
  }
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty'])
    return invalid(`${field(name)}: expected ${schema.properties?.[name]?.['x-expected']}, got nothing`)
  }
  const got = gotOf(error)
  const detail = `${field() || context}: expected ${schema['x-expected']}, got ${got}`
  if (context !== 'params') return invalid(detail)
  return new LogError(parameterCodes[path[0]!] ?? 'invalid_request', detail)
}

/** Of parameters in the path that have a code of their own. */
const parameterCodes: Readonly<Record<string, 'invalid_topic' | 'invalid_group'>> = { topic: 'invalid_topic', group: 'invalid_group' }

function gotOf ({ keyword, data }: ValidationError): string {
  switch (keyword) {
    case 'x-max-bytes': return `${bytesOf(data)} bytes`
    case 'x-well-formed': return `half of a surrogate pair in ${show.value(data)}`
    case 'minItems': return 'none'
    case 'maxItems': return `an array of ${(data as unknown[]).length}`
    case 'minProperties': return 'an empty object'
    default: return show.value(data)
  }
}

function invalid (detail: string): LogError {
  return new LogError('invalid_request', detail)
}

function unescapePointer (part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
