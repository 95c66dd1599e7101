import { StoreError } from '../../ports/errors.ts'
import { findError, unknownError, type ErrorRow, type Remedy } from './error-table.ts'

/** For each reason why a bucket or a table cannot be used: the beginning of the message that tells an operator what to do. */
export type Remedies = Readonly<Record<Exclude<Remedy, 'credentials'>, string>>

export interface CallContext {
  /** The operation and its object, for the message. */
  readonly call: string
  readonly remedies: Remedies
  /** Whether the endpoint is one of AWS, so that the effects in the error table apply. */
  readonly isAws?: boolean
  /** Whether the service has responded before. There were credentials then, so a lack of them may be temporary. */
  readonly answeredBefore: boolean
  readonly signal?: AbortSignal | undefined
  /** Whether the request was intentionally signed with an earlier time, so that a refusal as too old is `expired`. */
  readonly pinned?: boolean | undefined
}

const CREDENTIALS = 'the AWS credentials are missing or not valid: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role'

/** The fields of the SDK's errors; Node's network errors have a `code`. */
interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  /** Set if the error is a parsed response of the service. */
  readonly $fault?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** The HTTP status of an SDK error; `undefined` if there was no response. */
export function statusOf (error: unknown): number | undefined {
  return (error as SdkError).$metadata?.httpStatusCode
}

const afterSending = new WeakSet<object>()

/** Records that the error occurred after the request was given to the network. The effect of all other errors is `none`. */
export function markSent (error: unknown): void {
  if (typeof error === 'object' && error !== null) afterSending.add(error)
}

/** Runs a call of the SDK. @throws StoreError for all errors */
export async function withStoreErrors<T> (context: CallContext, call: () => Promise<T>): Promise<T> {
  if (context.signal?.aborted === true) throw new StoreError('timeout', 'none', `${context.call} was not sent: its time was over`)
  try {
    return await call()
  } catch (error) {
    throw toStoreError(error, context)
  }
}

export function toStoreError (error: unknown, context: CallContext): StoreError {
  if (error instanceof StoreError) return error
  const { name = '', message = '' } = error as SdkError
  const status = statusOf(error)
  const detail = `${context.call}: ${name}${status === undefined ? '' : ` (${status})`} ${message}`
  if (status === undefined && (name === 'AbortError' || context.signal?.aborted === true)) {
    return new StoreError('timeout', 'unknown', `${context.call} got no answer in time`, { cause: error })
  }
  const { kind, effect } = classify(error as SdkError, context)
  if (kind === 'credentials') return new StoreError('misconfigured', effect, `${CREDENTIALS}. ${detail}`, { cause: error })
  if (Object.hasOwn(context.remedies, kind)) {
    return new StoreError('misconfigured', effect, `${context.remedies[kind as keyof Remedies]}. ${detail}`, { cause: error })
  }
  return new StoreError(kind as StoreError['failure'], effect, detail, { cause: error })
}

type Meaning = Pick<ErrorRow, 'kind' | 'effect'>

function classify (error: SdkError, context: CallContext): Meaning {
  return afterSending.has(error) ? classifySent(error, context) : { kind: unsentKind(error, context), effect: 'none' }
}

function classifySent (error: SdkError, { isAws = false, pinned = false }: CallContext): Meaning {
  const status = statusOf(error)
  // The SDK could not parse a value of the response, such as a date.
  if (error instanceof TypeError && status !== undefined && status < 300) return { kind: 'settings', effect: 'unknown' }
  // The connection broke during the body of the response. The name of the error is in the body, and the status alone does
  // not tell whether the call took effect.
  if (error.code !== undefined && error.$fault === undefined) return unknownError
  const found = findError(error.name ?? '', status, isAws)
  // The local clock is wrong. The SDK has noted by how much, and signs the next attempt with the correct time.
  return found.kind === 'expired' && !pinned ? { ...found, kind: 'unavailable' } : found
}

/** The kind of an error before the request was sent: settings, credentials, or the deadline of deadline.ts. */
function unsentKind (error: SdkError, { isAws = false, answeredBefore }: CallContext): Meaning['kind'] {
  const { name = '', code } = error
  const status = statusOf(error)
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') return answeredBefore ? 'unavailable' : 'credentials'
  if (name === 'RequestTimeTooSkewed') return 'expired'
  if (status !== undefined) {
    // A response of the service that provides credentials.
    return ['throttled', 'unavailable'].includes(findError(name, status, isAws).kind) ? 'unavailable' : 'credentials'
  }
  if (name === 'TimeoutError' || (code !== undefined && !code.startsWith('ERR_'))) return 'unavailable'
  return 'settings'
}
