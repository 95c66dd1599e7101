import type { TSchema } from '@sinclair/typebox'
import type { ValidateFunction } from 'ajv'
import type { Limits } from '../../../domain/limits.ts'
import type { Validators } from '../validators.ts'
import { type ConditionName, conditionNames, messageSchemas, type ProducerName } from './message.schema.ts'

/** The rules for messages, compiled once for an app. */
export interface MessageRules {
  readonly limits: Limits
  readonly isMessage: ValidateFunction
  /** The same for a message that is a whole body. For error messages: it knows the conditions by name, and takes any value for them. */
  readonly isMessageBody: ValidateFunction
  /** Validates a batch without its messages, each of which is validated when it has been read. */
  readonly isBatch: ValidateFunction
  readonly isConditions: ValidateFunction
  readonly countExpected: string
  readonly keyExpected: string
  readonly headersExpected: string
  readonly conditionExpected: Readonly<Record<ConditionName, string>>
  readonly producerExpected: Readonly<Record<ProducerName, string>>
  /** A JSON string with more characters is too large for headers, however many of them are escapes: it is refused without unescaping it. */
  readonly textCharsMax: number
}

export function createMessageRules (limits: Limits, validators: Validators): MessageRules {
  const { Message, Messages, Batch, Conditions } = messageSchemas(limits)
  const anyConditions = Object.fromEntries(conditionNames.map((name) => [name, {}]))
  const expected = ({ 'x-expected': text }: TSchema): string => String(text)
  return {
    limits,
    isMessage: validators('message', Message),
    isMessageBody: validators('message body', { ...Message, properties: { ...Message.properties, ...anyConditions } }),
    isBatch: validators('batch', { ...Batch, properties: { messages: { ...Messages, items: {} }, ...anyConditions } }),
    isConditions: validators('conditions', Conditions),
    countExpected: expected(Messages),
    keyExpected: expected(Message.properties.key),
    headersExpected: expected(Message.properties.headers),
    conditionExpected: mapValues(Conditions.properties, expected),
    producerExpected: mapValues(Conditions.properties.producer.properties, expected),
    textCharsMax: 6 * limits.headersBytesMax + 2
  }
}

function mapValues<Name extends string, From, To> (object: Readonly<Record<Name, From>>, map: (value: From) => To): Record<Name, To> {
  return Object.fromEntries(Object.entries<From>(object).map(([name, value]) => [name, map(value)])) as Record<Name, To>
}
