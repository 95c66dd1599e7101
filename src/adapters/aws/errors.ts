import { StoreError, type StoreFailure } from '../../ports/errors.ts'

/** How to mend the three ways in which a bucket or a table is not ready for us. Each is the start of a message. */
export interface Remedies {
  readonly missing: string
  readonly denied: string
  /** The service does not take such a call at all: another region's bucket, another key schema. */
  readonly refused: string
}

export interface FailedCall {
  /** What was called on what, for the message. */
  readonly call: string
  readonly remedies: Remedies
  readonly signal?: AbortSignal | undefined
  /** The request was signed with an earlier time on purpose, so that its refusal as too old is an answer. */
  readonly pinned?: boolean | undefined
}

type Remedy = keyof Remedies | 'credentials'

/** What S3 and DynamoDB call their errors, where the status alone does not say enough. */
const codes: Readonly<Record<string, StoreFailure | Remedy>> = {
  SlowDown: 'throttled',
  BandwidthLimitExceeded: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  ProvisionedThroughputExceededException: 'throttled',
  RequestLimitExceeded: 'throttled',
  TooManyRequestsException: 'throttled',

  // S3 did not get the whole request in time, or the connection broke in it. A 400 all the same.
  RequestTimeout: 'unavailable',
  IncompleteBody: 'unavailable',
  InternalError: 'unavailable',

  RequestTimeTooSkewed: 'expired',
  RequestExpired: 'expired',

  NoSuchBucket: 'missing',
  ResourceNotFoundException: 'missing',

  AccessDenied: 'denied',
  AccessDeniedException: 'denied',
  AllAccessDisabled: 'denied',

  CredentialsProviderError: 'credentials',
  ExpiredToken: 'credentials',
  ExpiredTokenException: 'credentials',
  IncompleteSignatureException: 'credentials',
  InvalidAccessKeyId: 'credentials',
  InvalidSignatureException: 'credentials',
  InvalidToken: 'credentials',
  MissingAuthenticationTokenException: 'credentials',
  SignatureDoesNotMatch: 'credentials',
  UnrecognizedClientException: 'credentials'
}

const CREDENTIALS = 'the AWS credentials are missing or not valid: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role'

/** What the SDK puts on the errors it throws; network errors of Node have a `code`. */
interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number, readonly attempts?: number }
}

/** The HTTP status of the answer that an SDK error was made of. */
export function statusOf (error: unknown): number | undefined {
  return (error as SdkError).$metadata?.httpStatusCode
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
  const kind = classify(error as SdkError, failed)
  const effect = effectOf(error as SdkError, kind)
  if (kind === 'credentials') return new StoreError('misconfigured', effect, `${CREDENTIALS}. ${detail}`, { cause: error })
  if (kind === 'missing' || kind === 'denied' || kind === 'refused') {
    return new StoreError('misconfigured', effect, `${failed.remedies[kind]}. ${detail}`, { cause: error })
  }
  return new StoreError(kind, effect, detail, { cause: error })
}

function classify (error: SdkError, { pinned = false }: FailedCall): StoreFailure | Remedy {
  const { name = '', code } = error
  const status = statusOf(error)
  const known = Object.hasOwn(codes, name) ? codes[name]! : undefined
  // The local clock is wrong; the SDK has noted by how much, so that the next try is signed with the right time.
  if (known === 'expired' && !pinned) return 'unavailable'
  if (known !== undefined) return known
  if (status === undefined) {
    // With neither a status nor a network error's code nothing went out: the SDK found no region, or a URL it can't use.
    return code === undefined && name !== 'TimeoutError' ? 'refused' : 'unavailable'
  }
  if (status === 429 || status === 503) return 'throttled'
  if (status === 403) return 'denied'
  if (status === 404) return 'missing'
  // ConditionalRequestConflict, OperationAborted.
  if (status === 409) return 'conflict'
  return status >= 300 && status < 500 ? 'refused' : 'unavailable'
}

/**
 * `none` only for a clear refusal of the only attempt: of an error that ended several, only the last is known, and one
 * before it may have been applied and its answer lost.
 */
function effectOf (error: SdkError, kind: StoreFailure | Remedy): 'none' | 'unknown' {
  if ((error.$metadata?.attempts ?? 1) > 1) return 'unknown'
  const status = statusOf(error)
  if (status === undefined) return kind === 'unavailable' ? 'unknown' : 'none'
  return status >= 300 && status < 500 && kind !== 'unavailable' ? 'none' : 'unknown'
}
