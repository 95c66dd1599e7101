import { StoreError } from '../../ports/errors.ts'
import { findError, type ErrorRow, type Remedy } from './error-table.ts'

/** What an operator has to do about each way in which a bucket or a table is not ready. Each is the start of a message. */
export type Remedies = Readonly<Record<Exclude<Remedy, 'credentials'>, string>>

export interface FailedCall {
  /** What was called on what, for the message. */
  readonly call: string
  readonly remedies: Remedies
  /** The endpoint is one of AWS itself; what its errors say of the effect can be believed. */
  readonly isAws?: boolean
  /** The service has answered before, so there were credentials once: that there are none now may pass. */
  readonly answeredBefore: boolean
  readonly signal?: AbortSignal | undefined
  /** The request was signed with an earlier time on purpose, so that its refusal as too old is an answer. */
  readonly pinned?: boolean | undefined
}

const CREDENTIALS = 'the AWS credentials are missing or not valid: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role'

/** What the SDK puts on the errors it throws; network errors of Node have a `code`. */
interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** The HTTP status of the answer that an SDK error was made of. */
export function statusOf (error: unknown): number | undefined {
  return (error as SdkError).$metadata?.httpStatusCode
}

const afterSending = new WeakSet<object>()

/** Notes that the error came up after the request was handed to the network. The effect of any other one is `none`. */
export function markSent (error: unknown): void {
  if (typeof error === 'object' && error !== null) afterSending.add(error)
}

/** Runs a call of the SDK; whatever it throws leaves as a StoreError. */
export async function guarded<T> (failed: FailedCall, call: () => Promise<T>): Promise<T> {
  if (failed.signal?.aborted === true) throw new StoreError('timeout', 'none', `${failed.call} was not sent: its time was over`)
  try {
    return await call()
  } catch (error) {
    throw toStoreError(error, failed)
  }
}

export function toStoreError (error: unknown, failed: FailedCall): StoreError {
  if (error instanceof StoreError) return error
  const { name = '', message = '' } = error as SdkError
  const status = statusOf(error)
  const detail = `${failed.call}: ${name}${status === undefined ? '' : ` (${status})`} ${message}`
  if (status === undefined && (name === 'AbortError' || failed.signal?.aborted === true)) {
    return new StoreError('timeout', 'unknown', `${failed.call} got no answer in time`, { cause: error })
  }
  const { kind, effect } = classify(error as SdkError, failed)
  if (kind === 'credentials') return new StoreError('misconfigured', effect, `${CREDENTIALS}. ${detail}`, { cause: error })
  if (Object.hasOwn(failed.remedies, kind)) {
    return new StoreError('misconfigured', effect, `${failed.remedies[kind as keyof Remedies]}. ${detail}`, { cause: error })
  }
  return new StoreError(kind as StoreError['failure'], effect, detail, { cause: error })
}

type Meaning = Pick<ErrorRow, 'kind' | 'effect'>

function classify (error: SdkError, failed: FailedCall): Meaning {
  return afterSending.has(error) ? classifySent(error, failed) : { kind: unsentKind(error, failed), effect: 'none' }
}

function classifySent (error: SdkError, { isAws = false, pinned = false }: FailedCall): Meaning {
  const status = statusOf(error)
  // The SDK could not read a value of the answer, such as a date.
  if (error instanceof TypeError && status !== undefined && status < 300) return { kind: 'settings', effect: 'unknown' }
  const found = findError(error.name ?? '', status, isAws)
  // The local clock is wrong. The SDK has noted by how much, and signs the next attempt with the right time.
  return found.kind === 'expired' && !pinned ? { ...found, kind: 'unavailable' } : found
}

/** Of an error before anything was sent: the settings, the credentials, or the deadline of deadline.ts. */
function unsentKind (error: SdkError, { isAws = false, answeredBefore }: FailedCall): Meaning['kind'] {
  const { name = '', code } = error
  const status = statusOf(error)
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') return answeredBefore ? 'unavailable' : 'credentials'
  if (name === 'RequestTimeTooSkewed') return 'expired'
  // An answer of the service that gives out credentials.
  if (status !== undefined) return ['throttled', 'unavailable'].includes(findError(name, status, isAws).kind) ? 'unavailable' : 'credentials'
  if (name === 'TimeoutError' || (code !== undefined && !code.startsWith('ERR_'))) return 'unavailable'
  return 'settings'
}
