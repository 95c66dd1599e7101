import type { StoreFailure } from '../../ports/errors.ts'

/** What an operator has to fix; `Remedies` in errors.ts has the text for each service. */
export type Remedy = 'missing' | 'denied' | 'settings' | 'credentials' | 'archived' | 'encryption'

/** The source of a row. */
export type Source = keyof typeof sources

export const sources = {
  S3: 'https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html',
  DynamoDB: 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html',
  common: 'https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html',
  SDK: '@smithy/core/retry, service-error-classification/constants: what the SDK itself takes for throttling',
  KMS: 'https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html, which S3 passes on with the prefix "KMS."',
  HTTP: 'RFC 9110 and RFC 8470: a status without a known name, as proxies and other implementations send it'
} as const

export interface ErrorRow {
  /** Absent in a row that applies to a status with any other name. */
  readonly name?: string
  readonly status: number
  readonly kind: StoreFailure | Remedy
  /** `none`: the service certainly did not apply the call. */
  readonly effect: 'none' | 'unknown'
  readonly source: Source
}

/**
 * All known errors of S3 and DynamoDB. The adapter sends each request once. The log repeats a call that failed as
 * `throttled`, `unavailable` or `conflict`, within its deadline (log §2.6). A call that failed with a remedy
 * (`misconfigured`) or as `expired` is not repeated.
 *
 * The row with the error's name is used; otherwise the row with its status; otherwise `otherRefusal` or `unknownError`. The
 * effect is `unknown` if the service may have started the call.
 */
export const errorTable: readonly ErrorRow[] = [
  { name: 'SlowDown', status: 503, kind: 'throttled', effect: 'none', source: 'S3' },
  { name: 'ServiceUnavailable', status: 503, kind: 'throttled', effect: 'unknown', source: 'S3' },
  { name: 'BandwidthLimitExceeded', status: 503, kind: 'throttled', effect: 'unknown', source: 'SDK' },
  { name: 'KMS.ThrottlingException', status: 400, kind: 'throttled', effect: 'none', source: 'KMS' },
  { name: 'ProvisionedThroughputExceededException', status: 400, kind: 'throttled', effect: 'none', source: 'DynamoDB' },
  { name: 'RequestLimitExceeded', status: 400, kind: 'throttled', effect: 'none', source: 'DynamoDB' },
  { name: 'ThrottlingException', status: 400, kind: 'throttled', effect: 'none', source: 'DynamoDB' },
  { name: 'Throttling', status: 400, kind: 'throttled', effect: 'none', source: 'SDK' },
  { name: 'ThrottledException', status: 400, kind: 'throttled', effect: 'none', source: 'SDK' },
  { name: 'RequestThrottled', status: 400, kind: 'throttled', effect: 'none', source: 'SDK' },
  { name: 'RequestThrottledException', status: 400, kind: 'throttled', effect: 'none', source: 'SDK' },
  { name: 'TooManyRequestsException', status: 429, kind: 'throttled', effect: 'none', source: 'SDK' },

  // S3 did not receive the whole request in time, or the connection broke during it. Both have the status 400.
  { name: 'RequestTimeout', status: 400, kind: 'unavailable', effect: 'unknown', source: 'S3' },
  { name: 'IncompleteBody', status: 400, kind: 'unavailable', effect: 'unknown', source: 'S3' },
  { name: 'InternalError', status: 500, kind: 'unavailable', effect: 'unknown', source: 'S3' },
  { name: 'InternalServerError', status: 500, kind: 'unavailable', effect: 'unknown', source: 'DynamoDB' },
  // The next attempt has new credentials, if they come from a provider.
  { name: 'TokenRefreshRequired', status: 400, kind: 'unavailable', effect: 'none', source: 'S3' },

  { name: 'ConditionalRequestConflict', status: 409, kind: 'conflict', effect: 'none', source: 'S3' },
  { name: 'OperationAborted', status: 409, kind: 'conflict', effect: 'none', source: 'S3' },

  { name: 'RequestTimeTooSkewed', status: 403, kind: 'expired', effect: 'none', source: 'S3' },
  { name: 'RequestExpired', status: 400, kind: 'expired', effect: 'none', source: 'common' },

  { name: 'NoSuchBucket', status: 404, kind: 'missing', effect: 'none', source: 'S3' },
  { name: 'ResourceNotFoundException', status: 400, kind: 'missing', effect: 'none', source: 'DynamoDB' },

  { name: 'AccessDenied', status: 403, kind: 'denied', effect: 'none', source: 'S3' },
  { name: 'AllAccessDisabled', status: 403, kind: 'denied', effect: 'none', source: 'S3' },
  { name: 'AccessDeniedException', status: 400, kind: 'denied', effect: 'none', source: 'DynamoDB' },

  { name: 'InvalidObjectState', status: 403, kind: 'archived', effect: 'none', source: 'S3' },
  { name: 'KMS.DisabledException', status: 400, kind: 'encryption', effect: 'none', source: 'KMS' },
  { name: 'KMS.NotFoundException', status: 400, kind: 'encryption', effect: 'none', source: 'KMS' },
  { name: 'KMS.KMSInvalidStateException', status: 400, kind: 'encryption', effect: 'none', source: 'KMS' },

  { name: 'PermanentRedirect', status: 301, kind: 'settings', effect: 'none', source: 'S3' },
  { name: 'AuthorizationHeaderMalformed', status: 400, kind: 'settings', effect: 'none', source: 'S3' },
  { name: 'NotImplemented', status: 501, kind: 'settings', effect: 'none', source: 'S3' },
  { name: 'ValidationException', status: 400, kind: 'settings', effect: 'none', source: 'DynamoDB' },

  { name: 'ExpiredToken', status: 400, kind: 'credentials', effect: 'none', source: 'S3' },
  { name: 'InvalidAccessKeyId', status: 403, kind: 'credentials', effect: 'none', source: 'S3' },
  { name: 'InvalidToken', status: 400, kind: 'credentials', effect: 'none', source: 'S3' },
  { name: 'SignatureDoesNotMatch', status: 403, kind: 'credentials', effect: 'none', source: 'S3' },
  { name: 'ExpiredTokenException', status: 400, kind: 'credentials', effect: 'none', source: 'common' },
  { name: 'IncompleteSignatureException', status: 400, kind: 'credentials', effect: 'none', source: 'DynamoDB' },
  { name: 'InvalidSignatureException', status: 400, kind: 'credentials', effect: 'none', source: 'common' },
  { name: 'MissingAuthenticationTokenException', status: 400, kind: 'credentials', effect: 'none', source: 'DynamoDB' },
  { name: 'UnrecognizedClientException', status: 400, kind: 'credentials', effect: 'none', source: 'DynamoDB' },

  { status: 301, kind: 'settings', effect: 'none', source: 'HTTP' },
  { status: 307, kind: 'settings', effect: 'none', source: 'HTTP' },
  { status: 400, kind: 'settings', effect: 'none', source: 'HTTP' },
  { status: 403, kind: 'denied', effect: 'none', source: 'HTTP' },
  { status: 404, kind: 'missing', effect: 'none', source: 'HTTP' },
  { status: 405, kind: 'settings', effect: 'none', source: 'HTTP' },
  { status: 408, kind: 'unavailable', effect: 'unknown', source: 'HTTP' },
  { status: 409, kind: 'conflict', effect: 'none', source: 'HTTP' },
  { status: 425, kind: 'unavailable', effect: 'none', source: 'HTTP' },
  { status: 429, kind: 'throttled', effect: 'none', source: 'HTTP' },
  { status: 501, kind: 'settings', effect: 'none', source: 'HTTP' },
  { status: 503, kind: 'throttled', effect: 'unknown', source: 'HTTP' }
]

/** In HTTP any other 3xx or 4xx is a refusal. But it may come from a proxy, after the service has received the request. */
const otherRefusal = { kind: 'settings', effect: 'unknown' } as const
/** The safe default: the call is repeated, and may have taken effect. */
export const unknownError = { kind: 'unavailable', effect: 'unknown' } as const

const byName = new Map(errorTable.flatMap((row) => row.name === undefined ? [] : [[row.name, row]]))
const byStatus = new Map(errorTable.flatMap((row) => row.name === undefined ? [[row.status, row]] : []))

/**
 * The meaning of an error with this name and status.
 * @param status absent if there was no response
 * @param isAws whether the endpoint is one of AWS. Of another service a 503 is no certain refusal: MinIO sends `SlowDown`
 *   also for writes that have reached some of its disks
 */
export function findError (name: string, status: number | undefined, isAws: boolean): Pick<ErrorRow, 'kind' | 'effect'> {
  const named = byName.get(name)
  if (named !== undefined) {
    const asListed = named.status === status && (isAws || status !== 503)
    return { kind: named.kind, effect: asListed ? named.effect : 'unknown' }
  }
  const known = byStatus.get(status ?? 0)
  if (known !== undefined) return known
  return status !== undefined && status >= 300 && status < 500 ? otherRefusal : unknownError
}
