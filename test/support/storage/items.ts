import assert from 'node:assert/strict'
import type { Belief, Reserved, TopicItem, TopicStore } from '../../../src/ports/topic-store.ts'

/** A writer's clock, far enough from the real one that the two can't be taken for each other. */
export const WRITER_NOW = 1_702_000_000_123

/** Of a topic that was never closed and has no config. */
export const OPEN: Belief = { closed: null, closing: null, config: null }

/** A reservation that must not be refused. */
export async function reserve (
  store: TopicStore, topic: string, count: number, wanted: object = {}, belief: Belief = OPEN, now: number = WRITER_NOW
): Promise<Reserved> {
  const done = await store.reserve(topic, { count, ...wanted }, belief, { now })
  assert.equal(done.kind, 'reserved', 'the reservation is not refused')
  return done
}

/** For comparing: what is in the item, facts as `[last, text]`. */
export function exactly (item: TopicItem | undefined): unknown {
  if (item === undefined) return undefined
  const { closing, order, producers, ...rest } = item
  const facts = Object.entries({ closing, order }).flatMap(([name, fact]) => fact === undefined ? [] : [[name, [fact.last, fact.text]]])
  return {
    ...Object.fromEntries([...Object.entries(rest).filter(([, value]) => value !== undefined), ...facts]),
    producers: Object.fromEntries([...producers].map(([id, { last, text }]) => [id, [last, text]]))
  }
}

/** The same without times. */
export function plain (item: TopicItem | undefined): unknown {
  return item === undefined ? undefined : exactly({ ...item, reservedAtMs: undefined, createdAtMs: undefined })
}

export function range ({ first, last }: Reserved): [number, number] {
  return [first, last]
}
