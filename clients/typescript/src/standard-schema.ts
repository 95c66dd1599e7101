/**
 * The part of Standard Schema (https://standardschema.dev) that is used, so that validators of Zod, Valibot, ArkType and others
 * can be given.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input, readonly output: Output } | undefined
  }
}

/** The value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output, readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}
