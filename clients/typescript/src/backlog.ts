import { type Entry, handled } from './batch.ts'

/** Messages between two flushes. */
export class Round {
  #open = 0
  #finish: (() => void) | undefined

  /** @param messages that came; below 0: that have their outcome */
  add (messages: number): void {
    this.#open += messages
    if (this.#open === 0) this.#finish?.()
  }

  /** Resolves when all messages have their outcome. None come any more. */
  end (): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve
      this.add(0)
    })
  }
}

const room = Promise.resolve()

/** What a producer has taken, and what has no outcome yet: it bounds the memory, and a flush waits for it. */
export class Backlog {
  readonly #messagesMax: number
  readonly #charsMax: number
  #messages = 0
  #chars = 0
  #round = new Round()
  #earlier = room
  /** For those who wait for room. */
  #ready: { readonly promise: Promise<void>, readonly resolve: () => void, readonly reject: (error: unknown) => void } | undefined

  constructor (messagesMax: number, charsMax: number) {
    this.#messagesMax = messagesMax
    this.#charsMax = charsMax
  }

  get messages (): number { return this.#messages }

  /** Resolves when there is room for more. */
  ready (): Promise<void> {
    if (this.#hasRoom()) return room
    if (this.#ready === undefined) {
      let settle: Parameters<ConstructorParameters<typeof Promise<void>>[0]>
      const promise = handled(new Promise<void>((...functions) => { settle = functions }))
      this.#ready = { promise, resolve: settle![0], reject: settle![1] }
    }
    return this.#ready.promise
  }

  /** @returns the round of the messages */
  add (messages: number, chars: number): Round {
    this.#messages += messages
    this.#chars += chars
    this.#round.add(messages)
    return this.#round
  }

  /** These have their outcome. */
  remove (entries: readonly Entry[]): void {
    for (const { messages, text, round } of entries) {
      this.#messages -= messages
      this.#chars -= text.length
      round.add(-messages)
    }
    if (this.#ready === undefined || !this.#hasRoom()) return
    this.#ready.resolve()
    this.#ready = undefined
  }

  /** Resolves when all messages up to now have their outcome. */
  flushed (): Promise<void> {
    const all = [this.#earlier, this.#round.end()]
    this.#round = new Round()
    this.#earlier = Promise.all(all).then(() => {})
    return this.#earlier
  }

  /** There will not be room any more. */
  stop (error: unknown): void {
    this.#ready?.reject(error)
    this.#ready = undefined
  }

  #hasRoom (): boolean {
    return this.#messages < this.#messagesMax && this.#chars < this.#charsMax
  }
}
