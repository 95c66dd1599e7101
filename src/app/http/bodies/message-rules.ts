import type { ValidateFunction } from 'ajv'
import type { Limits } from '../../../domain/limits.ts'
import { compiler } from '../validation.ts'
import { messageSchemas } from './message.schema.ts'

/** The rules for messages, compiled once for an app. */
export interface MessageRules {
  readonly limits: Limits
  readonly isMessage: ValidateFunction
  /** Validates a batch without its messages, each of which is validated when it has been read. */
  readonly isBatch: ValidateFunction
  readonly countExpected: string
  readonly keyExpected: string
  readonly headersExpected: string
  /** A JSON string with more characters is too large for headers, however many of them are escapes: it is refused without unescaping it. */
  readonly textCharsMax: number
}

export function createMessageRules (limits: Limits): MessageRules {
  const { Message, Messages, Batch } = messageSchemas(limits)
  const compile = compiler()
  return {
    limits,
    isMessage: compile(Message),
    isBatch: compile({ ...Batch, properties: { messages: { ...Messages, items: {} } } }),
    countExpected: String(Messages['x-expected']),
    keyExpected: String(Message.properties.key['x-expected']),
    headersExpected: String(Message.properties.headers['x-expected']),
    textCharsMax: 6 * limits.headersBytesMax + 2
  }
}
