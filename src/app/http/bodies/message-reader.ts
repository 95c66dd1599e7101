import { LogError } from '../../../domain/errors.ts'
import type { JsonHandler } from '../../../domain/segments/json-scanner.ts'
import type { NewMessage } from '../../../domain/segments/message.ts'
import { show, validationError } from '../validation.ts'
import { ConditionReader, type Conditions } from './condition-reader.ts'
import { addMember, MessageMembers } from './message-members.ts'
import type { MessageRules } from './message-rules.ts'
import { conditionNames, isConditionName, type ConditionName } from './message.schema.ts'
import { ShortValues } from './short-values.ts'

/** A body that is valid JSON. Without `error` its messages are valid; with an `error` some may be missing. */
export interface MessageBody {
  readonly messages: readonly NewMessage[]
  /** Whether they were sent as `{"messages":[…]}` or as lines, even a single one. */
  readonly batch: boolean
  /** What is beside the payload or the messages. */
  readonly conditions: Conditions | undefined
  readonly error: LogError | undefined
}

type Member = 'payload' | 'key' | 'headers' | 'messages' | ConditionName | 'unknown'

/** Builds and validates messages. The first error is kept until the whole text has been checked to be JSON. */
export class MessageReader implements JsonHandler {
  readonly #text: string
  readonly #lines: boolean
  readonly #values: ShortValues
  readonly #rules: MessageRules
  readonly #messages: NewMessage[] = []
  /** Where the next value is. */
  #in: 'body' | 'message' | 'messages' | 'headers' | 'producer' = 'body'
  #message = new MessageMembers()
  #member: Member = 'payload'
  /** Name of the member or of the header. */
  #name = ''
  #headers: Record<string, unknown> = {}
  #headersBytes = 0
  /** Most bodies have none. */
  #conditions: ConditionReader | undefined
  /** Number of messages so far. */
  #count = 0
  #line = 0
  /** While the messages of a batch are read: the members beside `messages`. */
  #beside: MessageMembers | undefined
  /** A short value in place of that of `messages`, which is invalid if that is. */
  #batch: unknown
  #wrong: string | undefined
  #invalid: LogError | undefined

  /** @param lines whether the text has one message per line; otherwise it is one message or one batch */
  constructor (text: string, lines: boolean, rules: MessageRules) {
    this.#text = text
    this.#lines = lines
    this.#values = new ShortValues(text, rules.textCharsMax)
    this.#rules = rules
  }

  /** @returns false if there are too many messages already, so that the line is only counted */
  startLine (line: number): boolean {
    this.#line = line
    this.#in = 'body'
    return ++this.#count <= this.#rules.limits.requestMessagesMax
  }

  begin (c: number): boolean {
    switch (this.#in) {
      case 'body':
        if (c !== OPEN_BRACE) return false
        if (this.#lines) this.#message = new MessageMembers()
        this.#in = 'message'
        return true
      case 'messages':
        if (++this.#count > this.#rules.limits.requestMessagesMax || c !== OPEN_BRACE) return false
        this.#message = new MessageMembers()
        this.#in = 'message'
        return true
      case 'message':
        if (this.#member === 'headers' && c === OPEN_BRACE) {
          this.#headers = {}
          this.#headersBytes = 0
          this.#in = 'headers'
          return true
        }
        if (this.#member === 'messages' && c === OPEN_BRACKET) {
          this.#beside = this.#message
          this.#in = 'messages'
          return true
        }
        if (this.#member === 'producer' && c === OPEN_BRACE) {
          this.#conditions!.beginProducer()
          this.#in = 'producer'
          return true
        }
        return false
      default: return false
    }
  }

  name (start: number, end: number): void {
    // The most frequent member.
    if (end - start === 9 && this.#in === 'message' && this.#message.payload === undefined && this.#text.startsWith('payload', start + 1)) {
      this.#member = 'payload'
      return
    }
    if (this.#in === 'headers') {
      if (end - start > this.#rules.textCharsMax) this.#headersBytes = Infinity
      this.#name = this.#values.string(start, end)
      return
    }
    if (this.#in === 'producer') {
      const name = this.#values.string(start, end)
      if (this.#conditions!.producerMember(name)) this.#wrong ??= `producer.${show.name(name)}: expected once, got twice`
      return
    }
    const message = this.#message
    this.#name = this.#values.string(start, end)
    this.#member = this.#memberOf(this.#name)
    if (this.#isAgain(message)) this.#wrong ??= `${this.#fieldPrefix()}${show.name(this.#name)}: expected once, got twice`
  }

  end (start: number, end: number): void {
    const message = this.#message
    switch (this.#in) {
      case 'message':
        switch (this.#member) {
          case 'payload':
            message.payload = this.#text.slice(start, end)
            break
          case 'key':
            if (this.#values.isLongString(start, end)) {
              this.#wrong ??= `${this.#fieldPrefix()}key: expected ${this.#rules.keyExpected}, got more`
            }
            message.key = this.#values.standIn(start, end)
            break
          case 'headers':
            message.headers = this.#values.standIn(start, end)
            break
          case 'messages':
            this.#batch = this.#values.standIn(start, end)
            break
          case 'unknown':
            break
          default:
            this.#conditions!.members[this.#member] = this.#condition(start, end, this.#member)
        }
        break
      case 'producer':
        this.#conditions!.producerValue(this.#condition(start, end, 'in producer'))
        break
      case 'headers':
        this.#addHeader(start, end)
        break
      case 'messages':
        if (this.#count <= this.#rules.limits.requestMessagesMax) this.#refuseNonObject(start, end)
        break
      case 'body':
        this.#refuseNonObject(start, end)
        break
    }
  }

  leave (): void {
    switch (this.#in) {
      case 'headers':
        if (this.#headersBytes > this.#rules.limits.headersBytesMax) {
          const got = this.#headersBytes === Infinity ? 'more' : `${this.#headersBytes} bytes`
          this.#wrong ??= `${this.#fieldPrefix()}headers: expected ${this.#rules.headersExpected}, got ${got}`
        }
        this.#message.headers = this.#headers
        this.#in = 'message'
        break
      case 'producer':
        this.#conditions!.endProducer()
        this.#in = 'message'
        break
      case 'message':
        if (this.#beside !== undefined) this.#in = 'messages'
        if (this.#beside !== undefined || this.#lines) this.#addMessage(this.#message)
        break
      case 'messages':
        this.#batch = this.#count === 0 ? [] : [null]
        this.#message = this.#beside!
        this.#beside = undefined
        this.#in = 'message'
        break
    }
  }

  result (): MessageBody {
    const batch = this.#lines || this.#batch !== undefined
    if (this.#lines && this.#count === 0) throw missing('a JSON object on each line')
    if (!batch && this.#invalid === undefined) this.#addMessage(this.#message)
    const invalidBatch = this.#batch === undefined ? undefined : this.#checkBatch()
    const { limits, countExpected } = this.#rules
    const tooMany = `${this.#lines ? 'body' : 'messages'}: expected ${countExpected}, got ${this.#count}`
    const wrong = this.#count > limits.requestMessagesMax ? tooMany : this.#wrong
    const error = wrong === undefined ? invalidBatch ?? this.#invalid ?? this.#conditions?.check() : invalid(wrong)
    return { messages: this.#messages, batch, conditions: this.#conditions?.members as Conditions | undefined, error }
  }

  /** The error for a value that is nested too deeply. @param start position of the value */
  tooDeep (start: number): LogError {
    if (this.#wrong !== undefined) return invalid(this.#wrong)
    if (this.#invalid !== undefined) return this.#invalid
    const at = this.#fieldPrefix()
    const got = show.value(this.#values.standIn(start, start))
    switch (this.#in) {
      case 'headers': return invalid(`${at}headers.${show.name(this.#name)}: expected a string, got ${got}`)
      case 'producer': return this.#conditions!.tooDeep('in producer', got)
      case 'messages':
        if (this.#count > this.#rules.limits.requestMessagesMax) return invalid(`messages: expected ${this.#rules.countExpected}, got more`)
        break
      case 'message':
        switch (this.#member) {
          case 'payload':
            return invalid(`${at}payload: expected at most ${this.#rules.limits.payloadNestingMax} levels of nesting, got more`)
          case 'messages': return invalid(`messages: expected ${this.#rules.countExpected}, got ${got}`)
          case 'unknown': {
            const known = this.#batch === undefined ? ['payload', 'key', 'headers'] : ['messages']
            if (this.#isBody) known.push(...conditionNames)
            return invalid(`${at}${show.name(this.#name)}: expected one of ${known.join(', ')}, got an unknown member`)
          }
          case 'key': case 'headers': return invalid(`${at}${this.#member}: expected ${this.#rules[`${this.#member}Expected`]}, got ${got}`)
          default: return this.#conditions!.tooDeep(this.#member, got)
        }
    }
    this.#refuseNonObject(start, start)
    return this.#invalid!
  }

  /** The prefix of field names in errors. */
  #fieldPrefix (): string {
    if (this.#lines) return `line ${this.#line}: `
    return this.#beside === undefined ? '' : `messages.${this.#count - 1}.`
  }

  #memberOf (name: string): Member {
    switch (name) {
      case 'payload': case 'key': case 'headers': return name
      case 'messages': return this.#isBody ? name : 'unknown'
    }
    if (!this.#isBody || !isConditionName(name)) return 'unknown'
    this.#conditions ??= new ConditionReader(this.#rules)
    return name
  }

  /** Whether members are those of the whole body, and not of a message in it. */
  get #isBody (): boolean {
    return !this.#lines && this.#beside === undefined
  }

  /** Whether the body or the message has this member already. */
  #isAgain (message: MessageMembers): boolean {
    const member = this.#member
    switch (member) {
      case 'payload': case 'key': case 'headers': return message[member] !== undefined
      case 'messages': return this.#batch !== undefined
      case 'unknown': return !message.addUnknown(this.#name)
      default: return this.#conditions!.members[member] !== undefined
    }
  }

  #condition (start: number, end: number, member: ConditionName | 'in producer'): unknown {
    if (this.#values.isLongString(start, end)) {
      const { name, text } = this.#conditions!.expected(member)
      this.#wrong ??= `${name}: expected ${text}, got more`
    }
    return this.#values.standIn(start, end)
  }

  #addHeader (start: number, end: number): void {
    const value = this.#values.standIn(start, end)
    this.#headersBytes += Buffer.byteLength(this.#name) + (typeof value === 'string' ? Buffer.byteLength(value) : 0)
    if (this.#values.isLongString(start, end)) this.#headersBytes = Infinity
    if (this.#headersBytes > this.#rules.limits.headersBytesMax) return
    if (this.#name === '__proto__') addMember(this.#headers, this.#name, value)
    else this.#headers[this.#name] = value
  }

  #addMessage (message: MessageMembers): void {
    if (this.#wrong !== undefined || this.#invalid !== undefined) return
    if (!this.#rules.isMessage(message)) {
      this.#invalid = this.#isBody ? this.#bodyError(message) : validationError(this.#rules.isMessage.errors!, 'body', this.#fieldPrefix())
      return
    }
    if (message.headers !== undefined) message.headers = JSON.stringify(message.headers)
    this.#messages.push(message as NewMessage)
  }

  #refuseNonObject (start: number, end: number): void {
    const field = this.#lines ? `line ${this.#line}` : this.#in === 'body' ? 'body' : `messages.${this.#count - 1}`
    this.#invalid ??= invalid(`${field}: expected a JSON object, got ${show.value(this.#values.standIn(start, end))}`)
  }

  /** With a payload beside `messages`, the body is a message with an unknown member. */
  #checkBatch (): LogError | undefined {
    const beside = this.#message
    if (beside.payload !== undefined) {
      addMember(beside, 'messages', null)
      return this.#bodyError(beside)
    }
    const whole = { messages: this.#batch }
    for (const [name, value] of Object.entries(beside)) if (value !== undefined) addMember(whole, name, value)
    return this.#rules.isBatch(whole) ? undefined : validationError(this.#rules.isBatch.errors!, 'body')
  }

  /** The error of a message that is the whole body and not valid. */
  #bodyError (message: MessageMembers): LogError | undefined {
    const { isMessageBody } = this.#rules
    return isMessageBody(message) ? undefined : validationError(isMessageBody.errors!, 'body')
  }
}

const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b

export function missing (expected: string): LogError {
  return new LogError('missing_body', `body: expected ${expected}, got nothing`)
}

function invalid (detail: string): LogError {
  return new LogError('invalid_request', detail)
}
