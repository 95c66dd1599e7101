import { LogError } from '../../../domain/errors.ts'
import type { AppendConditions } from '../../../domain/log/log.ts'
import type { Conditions } from '../../http/bodies/condition-reader.ts'

/** The headers of a request that are about its append, valid by themselves (produce.schema.ts). */
export interface ConditionHeaders {
  readonly 'idempotency-key'?: string
  readonly 'producer-id'?: string
  readonly 'producer-epoch'?: string
  readonly 'producer-seq'?: string
  readonly 'expected-offset'?: string
  readonly 'close-topic'?: string
  readonly order?: string
}

const NONE: AppendConditions = {}

const producerHeaders = ['producer-id', 'producer-epoch', 'producer-seq'] as const

export function hasConditions (headers: ConditionHeaders): boolean {
  return headers['idempotency-key'] !== undefined || headers['producer-id'] !== undefined || headers['producer-epoch'] !== undefined ||
    headers['producer-seq'] !== undefined || headers['expected-offset'] !== undefined || headers['close-topic'] !== undefined ||
    headers.order !== undefined
}

/**
 * What the append asks for, in its body or in its headers.
 * @throws LogError `invalid_request` if parts of it are missing, or contradict each other
 */
export function readConditions (body: Conditions | undefined, headers: ConditionHeaders): AppendConditions {
  if (!hasConditions(headers)) return body === undefined ? NONE : conditionsOf(body)
  const { 'idempotency-key': key, 'expected-offset': expectedOffset, 'close-topic': close, order } = headers
  const producer = producerOf(headers)
  const both: Array<[header: string, first: unknown, member: string, second: unknown]> = [
    ['producer-id', producer, 'producer', body?.producer],
    ['expected-offset', expectedOffset, 'expected_offset', body?.expected_offset],
    ['close-topic', close, 'close', body?.close],
    ['order', order, 'order', body?.order]
  ]
  for (const [header, first, member, second] of both) {
    if (first !== undefined && second !== undefined) throw invalid(`${header}: expected this header or the member ${member}, got both`)
  }
  const conditions: AppendConditions = {
    producer: producer ?? body?.producer,
    key,
    expectedOffset: expectedOffset === undefined ? body?.expected_offset : Number(expectedOffset),
    close: close === 'true' || body?.close === true || undefined,
    order: order ?? body?.order
  }
  if (key !== undefined && conditions.producer !== undefined) throw invalid('idempotency-key: expected this header or a producer, got both')
  return conditions
}

function conditionsOf ({ producer, expected_offset: expectedOffset, close, order }: Conditions): AppendConditions {
  return { producer, expectedOffset, close: close === true || undefined, order }
}

/** @throws LogError `invalid_request` unless there are all three headers, or none */
function producerOf (headers: ConditionHeaders): AppendConditions['producer'] {
  const { 'producer-id': id, 'producer-epoch': epoch, 'producer-seq': seq } = headers
  if (id !== undefined && epoch !== undefined && seq !== undefined) return { id, epoch: Number(epoch), seq: Number(seq) }
  const given = producerHeaders.find((name) => headers[name] !== undefined)
  if (given === undefined) return undefined
  const missing = producerHeaders.find((name) => headers[name] === undefined)!
  throw invalid(`${missing}: expected this header because of ${given}, got none`)
}

function invalid (detail: string): LogError {
  return new LogError('invalid_request', detail)
}
