import { LogError } from '../errors.ts'

/*
 * The errors with which the log refuses an append (log §6). The text of an error names the field of the request, if one is to
 * blame.
 */

export function timedOut (cause?: unknown): LogError {
  return new LogError('append_timeout', 'The message could not be written in time.', { written: 'no', cause })
}

export function contended (): LogError {
  return new LogError('append_contended', 'The reserved offsets were sealed before the message was written, several times over.', {
    written: 'no'
  })
}

export function notFound (): LogError {
  return new LogError('topic_not_found', 'The topic does not exist. Create it with PUT /topics/{topic}.', { written: 'no' })
}

/** @param last the last offset of the topic */
export function topicClosed (last: number): LogError {
  return new LogError('topic_closed', `The topic is closed: its last offset is ${last}.`, { end: last + 1, written: 'no' })
}

export function offsetMismatch (end: number, expected: number): LogError {
  const text = `expected_offset: expected ${end}, the end of the topic, got ${expected}`
  return new LogError('offset_mismatch', text, { end, written: 'no' })
}

/** @param newest the newest value of the topic's string sequence */
export function outOfOrder (newest: string, order: string): LogError {
  const text = `order: expected a string above ${JSON.stringify(newest)}, got ${JSON.stringify(order)}`
  return new LogError('out_of_order', text, { order: newest, written: 'no' })
}

export function producerFenced (epoch: number): LogError {
  const text = `producer.epoch: expected at least ${epoch}: another instance of this producer has begun it`
  return new LogError('producer_fenced', text, { epoch, written: 'no' })
}

export function producerGap (expected: number, seq: number): LogError {
  return new LogError('producer_gap', `producer.seq: expected ${expected}, got ${seq}`, { expected_seq: expected, written: 'no' })
}

export function seqOld (seq: number): LogError {
  return new LogError('producer_seq_old', `producer.seq: ${seq} was used before, and its outcome is not known any more`, {
    written: 'unknown'
  })
}

export function keyUnknown (): LogError {
  return new LogError('idempotency_unknown', 'idempotency-key: it is not known whether the append with this key was written', {
    written: 'unknown'
  })
}

/**
 * @param field the one that names the append
 * @param offset the first one of the append that was written
 */
export function identityConflict (field: 'producer.seq' | 'idempotency-key', offset: number): LogError {
  return new LogError('idempotency_conflict', `${field}: expected the messages that came with it first, got others`, {
    offset, written: 'no'
  })
}
