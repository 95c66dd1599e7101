import { StoreError } from '../ports/errors.ts'
import { LogError, withWritten, type Written } from './errors.ts'

/** Converts an error of a store to one of the log. Errors of the log are returned unchanged, except that `written` is added. */
export function toLogError (error: unknown, written?: Written): LogError {
  if (error instanceof LogError) return written === undefined || error.written !== undefined ? error : withWritten(error, written)
  const options = { cause: error, ...(written === undefined ? {} : { written }) }
  if (!(error instanceof StoreError)) return new LogError('internal', 'Something unexpected happened.', options)
  switch (error.failure) {
    case 'throttled': return new LogError('storage_throttled', 'The storage asked to slow down.', options)
    case 'misconfigured':
      return new LogError('storage_misconfigured', 'The storage refused the request: it is not set up for this service.', options)
    case 'full': return new LogError('storage_full', 'No space is left in the storage. Reading goes on.', options)
    case 'timeout': return new LogError('storage_unavailable', 'The storage did not answer in time.', options)
    default: return new LogError('storage_unavailable', 'The storage could not be reached.', options)
  }
}
