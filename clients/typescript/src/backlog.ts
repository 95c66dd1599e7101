import { type Entry, handled } from './batch.ts'
import type { Settings } from './producer-options.ts'
import { turn } from './waiting.ts'

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
  readonly #options: Settings
  #messages = 0
  #chars = 0
  /** Since the last pause. */
  #newMessages = 0
  #newChars = 0
  #round = new Round()
  #earlier = room
  #pause: Promise<void> | undefined
  #stopped: { readonly reason: Error } | undefined
  /** For those who wait for room. */
  #ready: { readonly promise: Promise<void>, readonly resolve: () => void, readonly reject: (error: unknown) => void } | undefined

  constructor (options: Settings) {
    this.#options = options
  }

  get messages (): number { return this.#messages }

  /** Resolves when there is room for more, and connections have had their turn. */
  ready (): Promise<void> {
    if (this.#stopped !== undefined) return handled(Promise.reject(this.#stopped.reason))
    if (this.#pause !== undefined) return this.#pause
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
    this.#newMessages += messages
    this.#newChars += chars
    if (this.#newMessages >= this.#options.batchMessages || this.#newChars >= this.#options.batchChars) this.#pauseNow()
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
  stop (reason: Error): void {
    this.#stopped = { reason }
    this.#ready?.reject(reason)
    this.#ready = undefined
  }

  #hasRoom (): boolean {
    return this.#messages < this.#options.bufferMessages && this.#chars < this.#options.bufferChars
  }

  /**
   * After each batch. A program that only waits for `ready` would leave connections no turn until there is no room, and the service would
   * have nothing to do meanwhile.
   */
  #pauseNow (): void {
    this.#newMessages = this.#newChars = 0
    this.#pause ??= handled(turn().then(() => {
      this.#pause = undefined
      return this.ready()
    }))
  }
}
