import type { ErrorKinds } from '../errors.ts'

/** The errors that only the log raises. */
export const logErrors = {
  offset_out_of_range: { retriable: false, title: 'The offset is beyond the end of the topic' },
  overloaded: { retriable: true, title: 'More messages wait than can be written in time' },
  append_timeout: { retriable: true, title: 'The message could not be written in time' },
  append_contended: { retriable: true, title: 'Readers sealed the offsets before the message was written' },
  shutting_down: { retriable: true, title: 'The server is shutting down' },
  producer_fenced: { retriable: false, title: 'Another instance of the producer has begun a higher epoch' },
  producer_gap: { retriable: true, title: 'The append before this one is missing' },
  producer_seq_old: { retriable: false, title: 'The seq was used before, and its outcome is not known any more' },
  offset_mismatch: { retriable: false, title: 'The topic does not end at the expected offset' },
  topic_closed: { retriable: false, title: 'The topic is closed' },
  out_of_order: { retriable: false, title: 'The order is not above the last one' },
  idempotency_unknown: { retriable: false, title: 'It is not known whether the append with this key was written' },
  idempotency_conflict: { retriable: false, title: 'The same producer seq or key came with other messages' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { log: typeof logErrors }

  interface ErrorDetails {
    offset_out_of_range: OffsetRange
    overloaded: { written: Written }
    append_timeout: { written: Written }
    append_contended: { written: Written }
    shutting_down: { written: Written }
    producer_fenced: { written: 'no', epoch: number }
    producer_gap: { written: 'no', expected_seq: number }
    producer_seq_old: { written: 'unknown' }
    offset_mismatch: { written: 'no', end: number }
    topic_closed: { written: 'no', end: number }
    out_of_order: { written: 'no', order: string }
    idempotency_unknown: { written: 'unknown' }
    idempotency_conflict: { written: 'no', offset: number }
  }
}
