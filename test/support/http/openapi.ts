import fc from 'fast-check'
import { anyText } from './fuzz.ts'

/** Of JSON Schema what the document uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly minProperties?: number
}

interface Media {
  readonly content?: Readonly<Record<string, {
    readonly schema: Schema
    readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
  }>>
}

export interface Operation {
  readonly operationId: string
  readonly parameters?: ReadonlyArray<{
    readonly name: string
    readonly in: 'path' | 'query' | 'header'
    readonly required: boolean
    readonly schema: Schema
  }>
  readonly requestBody?: Media & { readonly required: boolean }
  readonly responses: Readonly<Record<string, Media & { readonly description: string }>>
}

export interface OpenApi { readonly openapi: string, readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }

/** Values that a schema describes, but for the keywords beyond JSON Schema. A keyword it does not know is an error, lest it be ignored. */
export function described (schema: Schema): fc.Arbitrary<unknown> {
  const {
    type,
    pattern,
    format,
    properties = {},
    required = [],
    additionalProperties = true,
    items = {},
    minItems = 0,
    minProperties = 0,
    minimum = -Infinity,
    maximum = Infinity
  } = schema
  if (schema.$ref !== undefined) throw new Error('a reference in a request')
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(described))
  if (Array.isArray(type)) return fc.oneof(...(type as string[]).map((one) => described({ ...schema, type: one })))
  switch (type) {
    case 'null': return fc.constant(null)
    case undefined: return fc.jsonValue({ maxDepth: 2 })
    case 'string':
      if (format === 'date-time') {
        return fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }).map((date) => date.toISOString())
      }
      return pattern === undefined ? anyText : matching(pattern)
    // Within narrow bounds, a filter would find hardly any.
    case 'integer': return maximum < 2 ** 31
      ? fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: maximum })
      : fc.maxSafeInteger().filter((n) => n >= minimum && n <= maximum)
    case 'number': return fc.integer({ min: Math.max(minimum, -1e6), max: Math.min(maximum, 1e6) }).map((n) => n / 1_000)
    case 'boolean': return fc.boolean()
    case 'array': return fc.array(described(items), { minLength: minItems, maxLength: minItems + 4 })
    case 'object': {
      const known = fc.record(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, described(of)])), {
        requiredKeys: [...required]
      })
      if (typeof additionalProperties === 'boolean') return known.filter((value) => Object.keys(value).length >= minProperties)
      const others = fc.dictionary(anyText, described(additionalProperties), { maxKeys: 4 })
      return fc.tuple(others, known).map(([more, own]) => ({ ...more, ...own as object }))
    }
    default: throw new Error(`no values for type ${String(type)}`)
  }
}

/** fast-check makes no use of lookaheads: what is left over is filtered by the whole pattern. */
function matching (pattern: string): fc.Arbitrary<string> {
  const whole = new RegExp(pattern)
  return fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?!.*?\)/g, ''))).filter((text) => whole.test(text))
}

/** Mostly what the schema describes, and now and then something else. */
export function mostlyDescribed (schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(mostlyDescribed))
  if (schema.items !== undefined) {
    return fc.oneof({ weight: 6, arbitrary: fc.array(mostlyDescribed(schema.items), { maxLength: 4 }) }, fc.jsonValue({ maxDepth: 1 }))
  }
  const near = typeof schema.properties === 'object'
    ? fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, of]) => [name, mostlyDescribed(of)])), {
      requiredKeys: []
    })
    : fc.oneof(anyText,
      fc.constantFrom('0', '-1', '1.5', '9007199254740991', '9007199254740992', '01', '.', '..', 'x'.repeat(1025), 'a'.repeat(250)))
  return fc.oneof({
    weight: 6,
    arbitrary: described(schema)
  }, { weight: 1, arbitrary: near }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) })
}
