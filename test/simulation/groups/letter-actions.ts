import { Violation } from '../engine/scheduler.ts'
import type { Mover, Small, Step, Whole } from './exploration.ts'
import type { GroupChanges } from './group-changes.ts'
import { offsetsIn } from './invariants.ts'

/** Processes that move dead letters, and a log that stores their batches. */
export class LetterActions {
  readonly #one: Small
  readonly #changes: GroupChanges

  constructor (one: Small, changes: GroupChanges) {
    this.#one = one
    this.#changes = changes
  }

  /** All that can happen to the dead letters. */
  steps (whole: Whole): Step[] {
    return [...this.#ofTopic(whole), ...this.#ofMovers(whole)]
  }

  /** All batches are appended and confirmed. */
  moved (from: Whole): Whole {
    let whole = from
    for (let mover = this.#mover(whole); mover !== undefined; mover = this.#mover(whole)) {
      whole = this.#confirm(this.#append(whole, mover), mover)
    }
    return whole
  }

  #ofTopic (whole: Whole): Step[] {
    if (whole.left.letterDeletions === 0 || whole.letters.length === 0) return []
    const letters = whole.letters.map((letter) => ({ ...letter, gone: true as const }))
    const ghost = { ...whole.ghost, diedBefore: whole.ghost.died }
    const left = { ...whole.left, letterDeletions: whole.left.letterDeletions - 1 }
    const deleted = { ...whole, left, letters, letterSeq: 0, ghost }
    return [{ what: 'the dead-letter topic is deleted', next: deleted }]
  }

  #ofMovers (whole: Whole): Step[] {
    return whole.movers.flatMap((mover, m) => {
      const set = (to: Mover | null, changed = whole): Whole =>
        ({ ...changed, movers: changed.movers.map((each, i) => i === m ? to : each) })
      if (mover === null) {
        const moving = this.#mover(whole)
        return moving === undefined ? [] : [{ what: `mover ${m} reads batch ${moving.seq}`, next: set(moving) }]
      }
      const gone = { what: `mover ${m} crashes`, next: set(null) }
      if (!mover.appended) {
        const appended = set({ ...mover, appended: true }, this.#append(whole, mover))
        return [gone, { what: `mover ${m} appends batch ${mover.seq}`, next: appended }]
      }
      const confirmed = mover.life === whole.life ? this.#confirm(whole, mover) : whole
      return [gone, { what: `mover ${m} confirms batch ${mover.seq}`, next: set(null, confirmed) }]
    })
  }

  /** @returns `undefined` if there is nothing to be moved */
  #mover ({ life, group }: Whole): Mover | undefined {
    const first = this.#one.machine.firstBatch(group)
    return first && { seq: first.seq, offsets: offsetsIn(first.batch.runs), life, appended: false }
  }

  #confirm (whole: Whole, { seq }: Mover): Whole {
    return this.#changes.change(whole, this.#one.machine.confirmMoved(whole.group, seq), { kind: 'confirm' })
  }

  /** The batch's number is its producer's epoch: the log needs to know none before. */
  #append (whole: Whole, { seq, offsets, life }: Mover): Whole {
    // The producer of another life is another one.
    if (life !== whole.life || seq <= whole.letterSeq) return whole
    const isDeleted = whole.left.letterDeletions < (this.#one.small.letterDeletions ?? 0)
    if (seq !== whole.letterSeq + 1 && !isDeleted) throw new Violation(`§12.9: batch ${seq} is appended after batch ${whole.letterSeq}`)
    const letters: Whole['letters'] = [...whole.letters, ...offsets.map((offset) => ({ offset, life }))]
    for (const offset of offsets) {
      const written = letters.filter((letter) => letter.offset === offset && letter.life === life && letter.gone !== true).length
      const died = whole.ghost.died[offset] ?? 0
      if (written > died) throw new Violation(`§12.9: ${offset} has ${written} letters, and died ${died} times`)
    }
    return { ...whole, letters, letterSeq: seq }
  }
}
