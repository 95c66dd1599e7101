import { Violation } from '../engine/scheduler.ts'
import type { LifeHistory, Stored } from './history.ts'
import { offsetsIn } from './invariants.ts'

/** Tells each life of the group what becomes of its letters. */
export class LetterChecker {
  readonly #lives: ReadonlyMap<string, LifeHistory>
  /** Up to where each dead-letter topic was deleted. */
  readonly #deletedTo = new Map<string, number>()

  constructor (lives: ReadonlyMap<string, LifeHistory>) {
    this.#lives = lives
  }

  /** Letters were stored in a dead-letter topic. What comes late, below the end of a deletion, nobody will see. */
  stored (topic: string, first: number, lines: readonly Stored[]): void {
    if (first <= (this.#deletedTo.get(topic) ?? 0)) return
    for (const [i, { headers }] of lines.entries()) {
      const life = [...this.#lives.values()].find((each) => each.life === headers['dead-letter-life'])
      if (life === undefined) throw new Violation('§12.9: a letter of no life of the group')
      life.letters.written(topic, Number(headers['dead-letter-offset']), first + i)
    }
  }

  topicDeleted (topic: string, upTo: number): void {
    this.#deletedTo.set(topic, upTo)
    for (const { letters } of this.#lives.values()) letters.topicDeleted(topic, upTo)
  }

  /** The log has forgotten which batches it has: the first one of each group may be there without a confirmation. */
  producersForgotten (): void {
    for (const { letters, current } of this.#lives.values()) {
      const { state: { dead: [first] }, config: { deadLetterTopic } } = current!
      for (const offset of offsetsIn(first?.runs ?? [])) letters.forgotten(deadLetterTopic!, offset)
    }
  }
}
