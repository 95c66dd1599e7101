import { Storage, type LogCore } from './core.ts'

/**
 * Makes `before` the earliest offset and deletes the segments wholly below it (log §5): in this order, so that no
 * reader takes a deleted segment for a hole. Trimming past the end trims to the end.
 * @returns the topic's earliest offset now
 * @throws StoreError; the trim may then be incomplete, which is safe
 */
export async function trim (core: LogCore, topic: string, before: number): Promise<number> {
  const storage = new Storage(core, topic)
  const state = await storage.state()
  if (state === undefined) return 1
  const earliest = Math.min(before, state.currentOffset + 1)
  if (earliest <= state.earliest) return state.earliest
  await storage.raiseEarliest(earliest)
  for (;;) {
    const { entries, truncated } = await storage.list(1, core.limits.listMax)
    const below = entries.filter((entry) => entry.last < earliest).map((entry) => entry.last)
    if (below.length > 0) await storage.remove(below)
    if (!truncated || below.length < entries.length) return earliest
  }
}

/**
 * Trims the topic to its end and marks it as deleted. The counter remains, so that no offset is reserved twice: a message
 * of a late writer can't appear in a topic that is created again.
 * @throws StoreError
 */
export async function deleteTopic (core: LogCore, topic: string): Promise<void> {
  const storage = new Storage(core, topic)
  const state = await storage.state()
  if (state === undefined) return
  await trim(core, topic, state.currentOffset + 1)
  await storage.markDeleted(state.currentOffset)
}
