import type { FastifySchemaValidationError } from 'fastify'
import { LogError } from '../../domain/errors.ts'
import { bytesOf } from './keywords.ts'

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
