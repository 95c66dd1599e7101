import { Violation } from '../engine/scheduler.ts'

/** The letters of one life of the group, by dead-letter topic and offset of the message. */
export class LetterHistory {
  readonly #died = new Map<string, number>()
  readonly #confirmed = new Map<string, number>()
  readonly #written = new Map<string, number>()
  /** With their offsets in the dead-letter topic. */
  #there: Array<{ readonly topic: string, readonly at: number, readonly key: string }> = []
  /** As `#died`, when the topic was last deleted. */
  readonly #diedBefore = new Map<string, number>()
  /** What may be written again, because it was written without a confirmation, and the record of that has expired. */
  readonly #forgotten = new Set<string>()

  died (topic: string, offset: number): void {
    add(this.#died, keyOf(topic, offset))
  }

  confirmed (topic: string, offset: number): void {
    const key = keyOf(topic, offset)
    const confirmed = add(this.#confirmed, key)
    const written = this.#written.get(key) ?? 0
    if (written < confirmed) throw new Violation(`§12.1: the death of ${offset} is confirmed, and it has ${written} letters`)
  }

  /** @param at the letter's offset in the dead-letter topic */
  written (topic: string, offset: number, at: number): void {
    const key = keyOf(topic, offset)
    add(this.#written, key)
    this.#there.push({ topic, at, key })
    const [there, died] = [this.#countThere(key), this.#died.get(key) ?? 0]
    if (there > died + (this.#forgotten.has(key) ? 1 : 0)) {
      throw new Violation(`§12.9: ${offset} has ${there} letters, and died ${died} times`)
    }
  }

  /** The dead-letter topic was deleted: nothing up to this offset of it is there any more. */
  topicDeleted (topic: string, upTo: number): void {
    this.#there = this.#there.filter((letter) => letter.topic !== topic || letter.at > upTo)
    for (const [key, times] of this.#died) if (key.startsWith(`${topic} `)) this.#diedBefore.set(key, times)
  }

  /** The log does not know any more whether it has a letter. */
  forgotten (topic: string, offset: number): void {
    this.#forgotten.add(keyOf(topic, offset))
  }

  /** Whether there ever was a letter of this message. */
  has (offset: number): boolean {
    return [...this.#written.keys()].some((key) => key.endsWith(` ${offset}`))
  }

  /** Nothing is pending: each death since the last deletion of the topic has its letter there. */
  checkComplete (): void {
    for (const [key, died] of this.#died) {
      const [there, confirmed] = [this.#countThere(key), this.#confirmed.get(key)]
      if (there < died - (this.#diedBefore.get(key) ?? 0) || confirmed !== died) {
        throw new Violation(`§12.9: the message of ${key} died ${died} times, ${there} letters are there, ${confirmed} confirmed`)
      }
    }
  }

  #countThere (key: string): number {
    return this.#there.filter((letter) => letter.key === key).length
  }
}

function keyOf (topic: string, offset: number): string {
  return `${topic} ${offset}`
}

/** @returns the new count */
function add (counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1
  counts.set(key, count)
  return count
}
