import type { Clock } from '../../ports/clock.ts'
import { createRandomHex } from '../groups/groups.ts'
import { defaultLimits } from '../limits.ts'
import { StoreCalls } from '../store-calls.ts'
import { isTopic } from '../topics/name.ts'
import { CopyError, forEachScanned, type CopyableStores, type CopyContext, type CopyCounts } from './context.ts'
import { copyGroup, finishGroup } from './group-copy.ts'
import { RecordCopy } from './record-copy.ts'
import { Room } from './room.ts'
import { copyToken } from './token-copy.ts'
import { TopicCopy } from './topic-copy.ts'

export { CopyError, noCounts, type CopyableStores, type CopyCounts } from './context.ts'

/** Segments in flight at one time, each read and put. */
const SEGMENTS_IN_FLIGHT = 32
const BYTES_IN_FLIGHT = 64 * 1024 * 1024
/** A call with its repetitions. Longer than that of a server, whose caller waits. */
const CALL_MS = 120_000
const CALL_ATTEMPTS = 10

export interface CopyDeps {
  readonly source: CopyableStores
  readonly target: CopyableStores
  readonly clock: Clock
  /** Names the source, always in the same way: an interrupted copy is continued only from the same one. */
  readonly from: string
  /** Nothing is written, and `counts` tells what would be. */
  readonly dryRun?: boolean
  /** Gets what was copied so far. */
  readonly counts: CopyCounts
  /** Gets what the operator should know, in words. */
  readonly notice: (text: string) => void
  readonly random?: () => number
}

/**
 * Copies everything from the source, which may be in use, into the target, which must be empty or hold a copy from the same
 * source that was interrupted (log §8).
 * @throws CopyError, StoreError; the copy can then be continued
 */
export async function copyAll (deps: CopyDeps): Promise<void> {
  const { source, target, clock, from, dryRun = false, counts, notice, random = Math.random } = deps
  const limits = { ...defaultLimits, getTimeoutMs: CALL_MS, callAttemptsMax: CALL_ATTEMPTS }
  const calls = new StoreCalls({ clock, limits, random })
  const randomHex = createRandomHex()
  const run = randomHex(16)
  const resumed = await checkStores(deps, calls)
  const room = new Room(SEGMENTS_IN_FLIGHT, BYTES_IN_FLIGHT)
  const context: CopyContext = { source, target, clock, calls, counts, room, dryRun, resumed, randomHex, notice }
  if (!dryRun) {
    if (!await calls.make('write', 'the target', (signal) => target.copies.begin({ source: from, run }, { signal }))) {
      throw new CopyError('another copy into the target was begun just now')
    }
    if (resumed) await calls.make('write', 'the target', (signal) => target.copies.clear({ signal }))
  }
  await copyInOrder(context)
  if (dryRun) return
  if (await calls.make('write', 'the target', (signal) => target.copies.finish(run, { signal }))) return
  // An answer may have been lost.
  const { kind } = await calls.make('read', 'the target', (signal) => target.copies.state({ signal }))
  if (kind === 'unfinished') throw new CopyError('another copy into the target was begun meanwhile: wait for its end')
}

/** The order is that of log §8.2: what tells of messages is copied as it was before these, or without those that are not there. */
async function copyInOrder (context: CopyContext): Promise<void> {
  const { source, target, dryRun } = context
  await forEachScanned(context, (after, options) => source.copies.scanGroups(after, options), (name) => copyGroup(context, name))
  await forEachScanned(context, (after, options) => source.copies.scanTopics(after, options), async (topic) => {
    if (isTopic(topic)) await new TopicCopy(context, topic).run()
    else context.notice(`The item ${JSON.stringify(topic)} of the source is no topic, and is left out.`)
  })
  const records = new RecordCopy(context)
  await forEachScanned(context, (after, options) => source.copies.scanRecords(after, options), (record) => records.copy(record))
  // Last, so that few are revoked in the source meanwhile.
  await forEachScanned(context, (after, options) => source.copies.scanTokens(after, options), (id) => copyToken(context, id))
  if (dryRun) return
  await forEachScanned(context, (after, options) => target.copies.scanGroups(after, options), (name) => finishGroup(context, name))
}

/** @returns whether a copy was begun before @throws CopyError, StoreError */
async function checkStores ({ source, target, from }: CopyDeps, calls: StoreCalls): Promise<boolean> {
  const origin = await calls.make('read', 'the source', (signal) => source.copies.state({ signal }))
  if (origin.kind === 'unfinished') {
    throw new CopyError(`the source is a copy of ${origin.source} that is not complete: run that copy again first`)
  }
  await calls.make('read', 'the target', (signal) => target.segments.check({ signal }))
  const state = await calls.make('read', 'the target', (signal) => target.copies.state({ signal }))
  if (state.kind === 'unfinished') {
    if (state.source === from) return true
    throw new CopyError(`the target has a copy of ${state.source} that is not complete: run that copy again, or empty the target`)
  }
  const { topics } = await calls.make('list', 'the target', (signal) => target.segments.topics('', 1, { signal }))
  if (state.kind === 'used' || topics.length > 0) throw new CopyError('the target is not empty: expected an empty one')
  return false
}
