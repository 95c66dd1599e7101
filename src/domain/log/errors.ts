import type { ErrorKinds } from '../errors.ts'

/** The errors that only the log raises. */
export const logErrors = {
  offset_out_of_range: { retriable: false, title: 'The offset is beyond the end of the topic' },
  overloaded: { retriable: true, title: 'More messages wait than can be written in time' },
  append_timeout: { retriable: true, title: 'The message could not be written in time' },
  append_contended: { retriable: true, title: 'Readers sealed the offsets before the message was written' },
  shutting_down: { retriable: true, title: 'The server is shutting down' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { log: typeof logErrors }

  interface ErrorDetails {
    offset_out_of_range: OffsetRange
    overloaded: { written: 'no' }
    append_timeout: { written: Written }
    append_contended: { written: 'no' }
    shutting_down: { written: 'no' }
  }
}
