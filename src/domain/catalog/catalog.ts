import type { Clock } from '../../ports/clock.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { NamedSegmentStore } from '../../ports/segment-store.ts'
import type { SweepReport, Telemetry } from '../../ports/telemetry.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import { checkListing, removeBelow, toLogError } from '../log/log.ts'
import { forEachBounded, StoreCalls } from '../store-calls.ts'
import { noTelemetry, observedNamedSegments, observedRecords, observedTopics } from '../telemetry.ts'
import { changeConfig, decodeConfig, encodeConfig, type ConfigChange, type TopicConfig } from '../topics/config.ts'
import { checkTopic } from '../topics/name.ts'
import { closedOf, closingOf, earliestOf, endOf, existsTopic } from '../topics/state.ts'
import { namesAfter } from './names.ts'
import { resumedSweep } from './resumed-sweep.ts'
import type { Retention } from './retention-plan.ts'
import { sweep, type Swept, type SweepOptions } from './sweep.ts'
import type { RaiseEarliest } from './topic-sweep.ts'

export type { NamedSegmentStore } from '../../ports/segment-store.ts'
export type { Retention } from './retention-plan.ts'
export type { Swept, SweepOptions, SweptTopic } from './sweep.ts'
export type { RaiseEarliest } from './topic-sweep.ts'

export interface TopicDescription {
  readonly topic: string
  /** The lowest offset that has not been trimmed. */
  readonly earliest: number
  /** The offset that the next message gets. */
  readonly end: number
  /** In ms; absent if another implementation created the topic. */
  readonly createdAtMs: number | undefined
  readonly closed: boolean
  /** What was set for the topic. Absent members have their defaults. */
  readonly config: TopicConfig
}

export interface TopicPage {
  /** Ascending, as bytes. May be empty though there are more. */
  readonly topics: readonly string[]
  /** To be passed as `after` to get the next page; absent after the last one. */
  readonly next: string | undefined
}

/** The topics, to be managed. All methods throw only LogError. */
export interface Catalog {
  /**
   * Topics after `after` that exist, at most `limit`; more than 1000 is cut to that. A topic that is created or deleted
   * meanwhile may be there or not.
   */
  list (after: string, limit: number): Promise<TopicPage>
  /** @throws LogError `topic_not_found` */
  describe (topic: string): Promise<TopicDescription>
  /** Creates the topic, or changes its config. If nothing changes, nothing is written. */
  put (topic: string, change: ConfigChange): Promise<{ readonly created: boolean, readonly description: TopicDescription }>
  /**
   * Deletes the topic with all its messages. Its segments are removed as far as there is time, the others by the next sweep.
   * If it is written to again, its offsets continue from there. @throws LogError `topic_not_found`
   */
  delete (topic: string): Promise<void>
  /** Removes what is too old or too much, and what earlier removals have left. */
  sweep (options?: SweepOptions): Promise<Swept>
}

export interface CatalogDeps {
  readonly topics: TopicStore
  readonly segments: NamedSegmentStore
  readonly records: RecordStore
  readonly clock: Clock
  readonly limits?: Limits
  /** A number in [0, 1), for delays. */
  readonly random?: () => number
  /** The server's retention, for topics without their own. */
  readonly retention: Retention
  readonly raiseEarliest: RaiseEarliest
  /** Whether the item's closing append stands (log §6.3). False, too, while that is not decided. @throws StoreError, LogError */
  readonly resolveClosing: (topic: string, item: TopicItem) => Promise<boolean>
  /** Gets sweeps, and the calls to the stores, apart from those that the log makes. */
  readonly telemetry?: Telemetry
}

type Deps = Required<CatalogDeps>

/** Times that an update is tried again because others have changed the item. */
const ROUNDS_MAX = 20

export function createCatalog (catalogDeps: CatalogDeps): Catalog {
  const { limits = defaultLimits, random = Math.random, telemetry = noTelemetry } = catalogDeps
  const deps: Deps = { ...catalogDeps, ...observedStores(catalogDeps), limits, random, telemetry }
  const toLogErrors = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (error) {
      throw toLogError(error)
    }
  }
  return {
    list: (after, limit) => toLogErrors(listTopics(deps, after, limit)),
    describe: (topic) => toLogErrors(describeTopic(deps, topic)),
    put: (topic, change) => toLogErrors(putTopic(deps, topic, change)),
    delete: (topic) => toLogErrors(deleteTopic(deps, topic)),
    async sweep (options = {}) {
      const swept = await (options.resume === true ? resumedSweep(deps, options) : sweep(deps, options))
      if (options.dryRun !== true) telemetry.swept(reportOf(swept))
      return swept
    }
  }
}

function observedStores ({ topics, segments, records, clock, telemetry }: CatalogDeps): Pick<Deps, 'topics' | 'segments' | 'records'> {
  if (telemetry === undefined) return { topics, segments, records }
  return {
    topics: observedTopics(topics, telemetry, clock),
    segments: observedNamedSegments(segments, telemetry, clock),
    records: observedRecords(records, telemetry, clock)
  }
}

function reportOf ({ results, records, error }: Swept): SweepReport {
  return {
    segments: results.reduce((sum, { segments }) => sum + segments, 0),
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    records,
    failedTopics: results.filter(({ error }) => error !== undefined).length,
    failed: error !== undefined
  }
}

async function listTopics (deps: Deps, after: string, limit: number): Promise<TopicPage> {
  const { limits } = deps
  const calls = new StoreCalls(deps)
  const { names, existing, next } = await namesAfter(calls, deps, after, Math.min(limit, limits.listMax))
  // Segments are left of topics that were deleted, too.
  const found = new Set(existing)
  await forEachBounded(names.filter((name) => !existing.has(name)), limits.readConcurrency, async (name) => {
    if (existsTopic(await readItem(deps, calls, name))) found.add(name)
  })
  return { topics: names.filter((name) => found.has(name)), next }
}

async function describeTopic (deps: Deps, topic: string): Promise<TopicDescription> {
  const item = await readItem(deps, new StoreCalls(deps), checkTopic(topic))
  if (!existsTopic(item)) throw notFound(topic)
  return describe(deps, topic, item)
}

async function describe ({ resolveClosing }: Deps, topic: string, item: TopicItem): Promise<TopicDescription> {
  return {
    topic,
    earliest: earliestOf(item),
    end: endOf(item),
    createdAtMs: item.createdAtMs,
    closed: closedOf(item) !== undefined || (closingOf(item) !== undefined && await resolveClosing(topic, item)),
    config: decodeConfig(item.config)
  }
}

async function putTopic (deps: Deps, topic: string, change: ConfigChange): ReturnType<Catalog['put']> {
  const calls = new StoreCalls(deps)
  let item = await readItem(deps, calls, checkTopic(topic))
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const seen = item
    const exists = existsTopic(seen)
    const before = exists ? decodeConfig(seen.config) : {}
    const config = encodeConfig(changeConfig(before, change))
    // Members that only a newer version knows stay, as long as nothing changes.
    if (exists && config === encodeConfig(before)) return { created: false, description: await describe(deps, topic, seen) }
    const answer = await calls.make('write', 'the topic store', (signal) => (
      deps.topics.configure(topic, config, seen, { now: deps.clock.wall(), signal })))
    if (answer.kind === 'changed') return { created: !exists, description: await describe(deps, topic, answer.item) }
    item = answer.item
  }
  throw contended('configured')
}

async function deleteTopic (deps: Deps, topic: string): Promise<void> {
  const { clock, limits, topics } = deps
  const calls = new StoreCalls(deps, clock.monotonic() + limits.readTimeoutMs)
  const item = await readItem(deps, calls, checkTopic(topic))
  if (!existsTopic(item)) throw notFound(topic)
  let { currentOffset } = item
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const answer = await calls.make('write', 'the topic store', (signal) => topics.markDeleted(topic, currentOffset, { signal }))
    if (answer.kind === 'changed' || !existsTopic(answer.item)) return removeSegments(deps, calls, topic, earliestOf(answer.item))
    currentOffset = answer.item.currentOffset
  }
  throw contended('deleted')
}

/** The topic is deleted already: what can't be removed now is left to the sweep. */
async function removeSegments ({ segments, limits }: Deps, calls: StoreCalls, topic: string, earliest: number): Promise<void> {
  try {
    await removeBelow({
      list: async (from, limit) => {
        const listing = await calls.make('list', 'the segment store', (signal) => segments.list(topic, from, limit, { signal }))
        checkListing(listing, from)
        return listing
      },
      remove: (lasts) => calls.make('remove', 'the segment store', (signal) => segments.remove(topic, lasts, { signal })),
      get late () { return calls.late }
    }, earliest, limits)
  } catch {}
}

function readItem ({ topics }: Deps, calls: StoreCalls, topic: string): Promise<TopicItem | undefined> {
  return calls.make('read', 'the topic store', (signal) => topics.read(topic, { signal }))
}

function notFound (topic: string): LogError {
  return new LogError('topic_not_found', `The topic ${topic} does not exist.`)
}

function contended (what: string): LogError {
  return new LogError('storage_unavailable', `Too many others changed the topic while it was ${what}.`)
}
