/** Whether the same request may succeed later, and the kind of error in words. */
export interface ErrorKind { readonly retriable: boolean, readonly title: string }

export type ErrorKinds = Readonly<Record<string, ErrorKind>>

/**
 * The errors that several rooms raise. The others are declared in the same form by the room that raises them, in its file
 * `errors.ts`. Codes are stable: clients decide by them.
 */
export const sharedErrors = {
  internal: { retriable: false, title: 'Internal server error' },
  storage_throttled: { retriable: true, title: 'The storage asked to slow down' },
  storage_unavailable: { retriable: true, title: 'The storage did not answer' },
  storage_misconfigured: { retriable: false, title: 'The storage is not set up for this service' },
  storage_full: { retriable: true, title: 'The storage is full' }
} as const satisfies ErrorKinds

/** The tables of all rooms: each room adds its own with `declare module`. */
export interface ErrorTables { shared: typeof sharedErrors }

export type ErrorCode = { [Room in keyof ErrorTables]: keyof ErrorTables[Room] }[keyof ErrorTables]

/**
 * The data that an error must carry, for each code that has some: members of the response, under these names. Each room adds
 * those of its codes.
 */
export interface ErrorDetails {}

/**
 * Whether the messages of a failed append may be in the log. `no`: they are not and never will be, so a retry is safe.
 * `unknown`: they may be, now or later.
 */
export type Written = 'no' | 'unknown'

/** `earliest` is the first offset of a topic, `end` the offset that its next message would get. */
export interface OffsetRange { readonly earliest: number, readonly end: number }

/**
 * The data of an error with this code. Every failed append has `written` (log §3.4). A command to a consumer group that may have
 * been applied has `applied`.
 */
export type DetailsOf<Code extends ErrorCode> =
  { readonly written?: Written, readonly applied?: 'unknown' } & (Code extends keyof ErrorDetails ? Readonly<ErrorDetails[Code]> : unknown)

type Options<Code extends ErrorCode> = ErrorOptions & DetailsOf<Code>

/** One row for each code, so that the compiler demands the details of just that code. */
type Arguments = {
  [Code in ErrorCode]: [code: Code, detail: string, ...options: object extends DetailsOf<Code> ? [Options<Code>?] : [Options<Code>]]
}[ErrorCode]

/** An error that a caller can get. Its details and its `cause` are given together: `new LogError(code, text, { written, cause })`. */
export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: ErrorCode
  readonly details: DetailsOf<ErrorCode>

  /** The second argument says what was wrong with this request. It is shown to the caller, so it must not contain internals. */
  constructor (...[code, detail, options]: Arguments) {
    super(detail, options)
    const { cause, ...details } = options ?? {}
    this.code = code
    this.details = details
  }

  get written (): Written | undefined { return this.details.written }
}

/** Whether the error has this code, and so its details. */
export function hasCode<Code extends ErrorCode> (error: unknown, code: Code): error is LogError & { code: Code, details: DetailsOf<Code> } {
  return error instanceof LogError && error.code === code
}

/** The same error for the caller of an append, with the error itself as its cause. */
export function withWritten (error: LogError, written: Written): LogError {
  return withDetails(error, { written })
}

/** The same error for the caller of a command that may have been applied. */
export function withAppliedUnknown (error: LogError): LogError {
  return withDetails(error, { applied: 'unknown' })
}

function withDetails (error: LogError, more: DetailsOf<ErrorCode>): LogError {
  const { code, message, details } = error
  return new LogError(...[code, message, { ...details, ...more, cause: error }] as Arguments)
}
