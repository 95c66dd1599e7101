import assert from 'node:assert/strict'
import type { Reserved, TopicStore } from '../../../src/ports/topic-store.ts'

/** A plain reservation, for a range that the test fills or leaves empty. @param now the writer's clock, ms */
export async function reserve (topics: TopicStore, topic: string, count: number, { now }: { now: number }): Promise<Reserved> {
  const answer = await topics.reserve(topic, { count }, { closed: null, closing: null, config: null }, { now })
  assert.ok(answer.kind === 'reserved')
  return answer
}
