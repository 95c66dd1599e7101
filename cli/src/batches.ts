import type { NewMessage } from '../../clients/typescript/src/index.ts'

export const messagesMax = 1_000
/** In UTF-8 a character of JavaScript has at most 3 bytes, and a request at most 4 MiB. */
export const charsMax = 1_000_000

/** Cuts messages into batches, always in the same way. */
export class BatchCutter {
  #messages: Array<NewMessage<string>> = []
  #chars = 0

  get messages (): ReadonlyArray<NewMessage<string>> { return this.#messages }

  /** Whether the message has to go into the next batch. */
  isFull (message: NewMessage<string>): boolean {
    return this.#messages.length >= messagesMax || (this.#messages.length > 0 && this.#chars + charsOf(message) > charsMax)
  }

  add (message: NewMessage<string>): void {
    this.#messages.push(message)
    this.#chars += charsOf(message)
  }

  /** The messages so far; a new batch begins. */
  take (): ReadonlyArray<NewMessage<string>> {
    const messages = this.#messages
    this.#messages = []
    this.#chars = 0
    return messages
  }
}

/** As JSON, or some more: in a key, a character may be written as six. */
export function charsOf ({ payload, key = '', headers }: NewMessage<string>): number {
  return payload.length + 6 * key.length + (headers === undefined ? 0 : JSON.stringify(headers).length) + 40
}

export interface Gathering<Item> {
  readonly itemsMax: number
  readonly charsMax: number
  readonly charsOf: (item: Item) => number
  /** What came is not kept for longer. */
  readonly lingerMs: number
}

/** Items of a source, several at a time where they come fast. */
export async function * gathered<Item> (
  source: AsyncIterable<Item>, { itemsMax, charsMax, charsOf, lingerMs }: Gathering<Item>
): AsyncGenerator<Item[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    let next = iterator.next()
    let items: Item[] = []
    let chars = 0
    let due: Promise<'due'> | undefined
    for (;;) {
      const result = due === undefined ? await next : await Promise.race([next, due])
      const item = result === 'due' || result.done === true ? undefined : { value: result.value, chars: charsOf(result.value) }
      if (items.length > 0 && (item === undefined || items.length >= itemsMax || chars + item.chars > charsMax)) {
        yield items
        items = []
        chars = 0
        clearTimeout(timer)
        due = undefined
      }
      if (result === 'due') continue
      if (item === undefined) return
      items.push(item.value)
      chars += item.chars
      due ??= new Promise((resolve) => { timer = setTimeout(() => { resolve('due') }, lingerMs) })
      next = iterator.next()
    }
  } finally {
    clearTimeout(timer)
    await iterator.return?.()
  }
}
