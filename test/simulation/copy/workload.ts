import { StoreError } from '../../../src/ports/errors.ts'
import { JumpingClock } from '../../support/jumping-clock.ts'
import { Random } from '../engine/random.ts'
import { check, Violation } from './checker.ts'
import { Place, type CopySubject } from './place.ts'
import { Users, type Sent } from './users.ts'

export interface Outcome {
  readonly violation: Violation | undefined
  readonly story: readonly string[]
}

/** A source is used before and while it is copied. Some copies are interrupted, and run again. */
export async function simulateCopy (subject: CopySubject, seed: number): Promise<Outcome> {
  const clock = new JumpingClock()
  const random = new Random(seed, 'copy')
  const source = new Place(subject, clock, new Random(seed, 'source').next)
  const target = new Place(subject, clock, new Random(seed, 'target').next)
  const users = new Users(source, clock, new Random(seed, 'users'))
  for (let steps = random.int(5, 40); steps > 0; steps--) await users.step()
  let busy = false
  /** Other things happen between two calls of the copy. */
  const between = async (): Promise<void> => {
    if (busy) return
    busy = true
    while (random.chance(0.45)) await users.step()
    busy = false
  }
  let interrupted = random.chance(0.3) ? random.int(1, 60) : Infinity
  const onTarget = async (): Promise<void> => {
    if (--interrupted === 0) throw new StoreError('misconfigured', 'none', 'interrupted')
  }
  let required: Array<Sent & { readonly offset: number }> = []
  for (;;) {
    required = users.sent.filter((sent): sent is Sent & { offset: number } => sent.offset !== undefined).map((sent) => ({ ...sent }))
    users.story.push('the copy begins')
    try {
      await subject.copyAll({
        source: withPause(source.stores, between),
        target: withPause(target.stores, onTarget),
        // What users do between two calls counts for no time-out.
        clock: { wall: clock.wall, monotonic: clock.monotonic, timer: () => () => {}, afterCurrentInput: clock.afterCurrentInput },
        from: 'source',
        counts: subject.noCounts(),
        notice: (text) => { throw new Violation(text) },
        random: new Random(seed, 'delays').next
      })
      break
    } catch (error) {
      const wasDeleted = String(error).includes('was deleted and written to again')
      if (!wasDeleted && (!(error instanceof StoreError) || error.message !== 'interrupted')) throw error
      interrupted = Infinity
      for (let steps = random.int(0, 15); steps > 0; steps--) await users.step()
    }
  }
  users.story.push('the copy has ended')
  try {
    await check({ source, target, users, clock, required })
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { violation: error, story: users.story }
  }
  return { violation: undefined, story: users.story }
}

/** The stores, where something happens before each call. */
function withPause<Stores extends object> (stores: Stores, pause: () => Promise<void>): Stores {
  return Object.fromEntries(Object.entries(stores).map(([name, port]) => [name, new Proxy(port as object, {
    get (target, method: string) {
      const call = (target as Record<string, (...parameters: unknown[]) => Promise<unknown>>)[method]!
      return async (...parameters: unknown[]) => {
        await pause()
        return call.apply(target, parameters)
      }
    }
  })])) as Stores
}
