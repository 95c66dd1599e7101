import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { FactAttributes } from './table.ts'
import { binary, number, PK, TOPIC, text } from './table.ts'

/** A condition on an item, in DynamoDB's words. */
export type Condition = (expression: Expression) => string

/**
 * Expressions with the names and values in them. They are as short as possible: an update with 64 producers must stay below
 * 4 KB and 300 operators.
 */
export class Expression {
  readonly #names = new Map<string, string>()
  readonly #values = new Map<string | Uint8Array, { placeholder: string, value: AttributeValue }>()
  readonly #set: string[] = []
  readonly #remove: string[] = []

  name (attribute: string): string {
    const known = this.#names.get(attribute)
    if (known !== undefined) return known
    const placeholder = `#a${this.#names.size}`
    this.#names.set(attribute, placeholder)
    return placeholder
  }

  value (value: AttributeValue): string {
    // Bytes may be many: these are not compared.
    const key = value.B ?? JSON.stringify(value)
    const known = this.#values.get(key)
    if (known !== undefined) return known.placeholder
    const placeholder = `:v${this.#values.size}`
    this.#values.set(key, { placeholder, value })
    return placeholder
  }

  set (attribute: string, value: AttributeValue): this {
    this.#set.push(`${this.name(attribute)}=${this.value(value)}`)
    return this
  }

  /** Unless it is there. */
  setFirst (attribute: string, value: AttributeValue): this {
    this.#set.push(`${this.name(attribute)}=if_not_exists(${this.name(attribute)},${this.value(value)})`)
    return this
  }

  /** Sets an attribute to `by` more than another one has before the update. */
  setSum (attribute: string, summand: string, by: number): this {
    const before = `if_not_exists(${this.name(summand)},${this.value(number(0))})`
    this.#set.push(`${this.name(attribute)}=${before}+${this.value(number(by))}`)
    return this
  }

  remove (...attributes: readonly string[]): this {
    this.#remove.push(...attributes.map((attribute) => this.name(attribute)))
    return this
  }

  /** @param conditions all of which must be met */
  update (conditions: readonly Condition[]) {
    const clauses = [['SET', this.#set], ['REMOVE', this.#remove]] as const
    const UpdateExpression = clauses.flatMap(([word, actions]) => actions.length === 0 ? [] : [`${word} ${actions.join(',')}`]).join(' ')
    return { UpdateExpression, ...this.condition(conditions) }
  }

  /** @param conditions all of which must be met */
  condition (conditions: readonly Condition[]) {
    const ConditionExpression = conditions.map((condition) => condition(this)).join(' AND ')
    return { ...ConditionExpression !== '' && { ConditionExpression }, ...this.placeholders() }
  }

  placeholders () {
    return {
      ExpressionAttributeNames: Object.fromEntries([...this.#names].map(([attribute, placeholder]) => [placeholder, attribute])),
      ...this.#values.size > 0 && {
        ExpressionAttributeValues: Object.fromEntries([...this.#values.values()].map(({ placeholder, value }) => [placeholder, value]))
      }
    }
  }
}

export const absent = (attribute: string): Condition => (e) => `attribute_not_exists(${e.name(attribute)})`

export const present = (attribute: string): Condition => (e) => `attribute_exists(${e.name(attribute)})`

const compared = (attribute: string, operator: '=' | '<' | '>' | '<=', value: AttributeValue): Condition =>
  (e) => `${e.name(attribute)}${operator}${e.value(value)}`

export const equals = (attribute: string, value: number): Condition => compared(attribute, '=', number(value))

export const bytesAre = (attribute: string, value: Uint8Array): Condition => compared(attribute, '=', binary(value))

export const textIs = (attribute: string, value: string): Condition => compared(attribute, '=', text(value))

export const above = (attribute: string, value: number): Condition => compared(attribute, '>', number(value))

export const below = (attribute: string, value: number): Condition => compared(attribute, '<', number(value))

export const atMost = (attribute: string, value: number): Condition => compared(attribute, '<=', number(value))

export const either = (...conditions: readonly Condition[]): Condition =>
  (e) => `(${conditions.map((condition) => condition(e)).join(' OR ')})`

/** `null`: it is absent. */
export const versionIs = (attribute: string, version: number | null): Condition => (
  version === null ? absent(attribute) : equals(attribute, version))

/** Of a number whose absence is 0. */
export const countIs = (attribute: string, value: number): Condition => (
  value === 0 ? either(absent(attribute), equals(attribute, 0)) : equals(attribute, value))

export const factIs = ({ last }: FactAttributes, version: number | null): Condition => versionIs(last, version)

export const configIs = (config: string | null): Condition => (
  config === null ? absent(TOPIC.config) : compared(TOPIC.config, '=', text(config)))

export const itemExists: Condition = present(PK)

export const notDeleted: Condition = either(absent(TOPIC.deletedAt), (e) => `${e.name(TOPIC.deletedAt)}<>${e.name(TOPIC.currentOffset)}`)

/** The topic's last offset is this one, and it was deleted there. */
export const deletedAt = (offset: number): readonly Condition[] => [equals(TOPIC.currentOffset, offset), equals(TOPIC.deletedAt, offset)]
