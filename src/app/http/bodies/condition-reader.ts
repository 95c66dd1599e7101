import { LogError } from '../../../domain/errors.ts'
import { show, validationError } from '../validation.ts'
import { addMember } from './message-members.ts'
import type { MessageRules } from './message-rules.ts'
import { type ConditionName, type ProducerName, producerNames } from './message.schema.ts'

/** The validated conditions of a body or of headers. */
export interface Conditions {
  readonly producer?: { readonly id: string, readonly epoch: number, readonly seq: number }
  readonly expected_offset?: number
  readonly close?: boolean
  readonly order?: string
}

/** Builds and validates the conditions of a body that has some. Values come as short as those of a message's members. */
export class ConditionReader {
  /** Only those that were sent are members. */
  readonly members: { [Name in ConditionName]?: unknown } = {}
  readonly #rules: MessageRules
  #producer: Record<string, unknown> = {}
  /** The member of `producer` whose value is next; `undefined` for one that is not known. */
  #member: ProducerName | undefined
  #unknown: string | undefined

  constructor (rules: MessageRules) {
    this.#rules = rules
  }

  beginProducer (): void {
    this.#producer = {}
    this.#unknown = undefined
  }

  /**
   * A member of `producer` begins. Of unknown ones only the first is kept, because there may be very many.
   * @returns whether it is there already
   */
  producerMember (name: string): boolean {
    this.#member = producerNames.find((known) => known === name)
    if (this.#member !== undefined) return this.#producer[this.#member] !== undefined
    if (this.#unknown !== undefined) return this.#unknown === name
    this.#unknown = name
    addMember(this.#producer, name, null)
    return false
  }

  producerValue (value: unknown): void {
    if (this.#member !== undefined) this.#producer[this.#member] = value
  }

  endProducer (): void {
    this.members.producer = this.#producer
  }

  /** What the member is expected to be, and its name, for errors. */
  expected (member: ConditionName | 'in producer'): { readonly name: string, readonly text: string } {
    const { conditionExpected, producerExpected } = this.#rules
    if (member !== 'in producer') return { name: member, text: conditionExpected[member] }
    if (this.#member !== undefined) return { name: `producer.${this.#member}`, text: producerExpected[this.#member] }
    return { name: `producer.${show.name(this.#unknown!)}`, text: `one of ${producerNames.join(', ')}` }
  }

  /** The error for a value that is nested too deeply. @param got in words */
  tooDeep (member: ConditionName | 'in producer', got: string): LogError {
    const { name, text } = this.expected(member)
    const isUnknown = member === 'in producer' && this.#member === undefined
    return new LogError('invalid_request', `${name}: expected ${text}, got ${isUnknown ? 'an unknown member' : got}`)
  }

  check (): LogError | undefined {
    const { isConditions } = this.#rules
    return isConditions(this.members) ? undefined : validationError(isConditions.errors!, 'body')
  }
}
