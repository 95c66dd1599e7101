/*
 * What the function has in place of TypeBox: the same schemas, without what finds their static types, and without copies. Its validators
 * were compiled of TypeBox's schemas when it was built. What is left is read for error messages, such as `x-expected`.
 */
type Schema = Readonly<Record<string, unknown>>

const optionals = new WeakSet<object>()

function object (properties: Readonly<Record<string, Schema>>, options?: Schema): Schema {
  const required = Object.keys(properties).filter((name) => !optionals.has(properties[name]!))
  return { ...options, type: 'object', properties, ...required.length > 0 && { required } }
}

export const Type = {
  Array: (items: Schema, options?: Schema): Schema => ({ ...options, type: 'array', items }),
  Boolean: (options?: Schema): Schema => ({ ...options, type: 'boolean' }),
  Integer: (options?: Schema): Schema => ({ ...options, type: 'integer' }),
  Literal: (value: unknown, options?: Schema): Schema => ({ ...options, const: value, type: typeof value }),
  Null: (options?: Schema): Schema => ({ ...options, type: 'null' }),
  Number: (options?: Schema): Schema => ({ ...options, type: 'number' }),
  Object: object,
  Optional (schema: Schema): Schema {
    const optional = { ...schema }
    optionals.add(optional)
    return optional
  },
  Record: (_names: Schema, values: Schema, options?: Schema): Schema => (
    { ...options, type: 'object', patternProperties: { '^(.*)$': values } }),
  Ref: ({ $id }: Schema, options?: Schema): Schema => ({ ...options, $ref: $id }),
  String: (options?: Schema): Schema => ({ ...options, type: 'string' }),
  Union: (anyOf: readonly Schema[], options?: Schema): Schema => ({ ...options, anyOf }),
  Unknown: (options?: Schema): Schema => ({ ...options }),
  Unsafe: (schema: Schema): Schema => ({ ...schema })
}
