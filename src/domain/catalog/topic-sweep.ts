import { StoreError } from '../../ports/errors.ts'
import type { SegmentEntry, SegmentListing, SegmentStore } from '../../ports/segment-store.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import type { Limits } from '../limits.ts'
import { bytesOf, checkListing, mayBeYoungSeal } from '../log/log.ts'
import type { StoreCalls } from '../store-calls.ts'
import { decodeConfig } from '../topics/config.ts'
import { earliestOf, existsTopic } from '../topics/state.ts'
import {
  decodeNote, encodeNote, nothingCounted, planListing, planTrim, type Retention, type SweepNote, type TopicSize
} from './retention-plan.ts'

/**
 * Moves a topic's `earliest` up to `before`, after it has resolved the facts below, and leaves the segments alone (log §6.11).
 * It does not wait for facts that are still being decided, but stops below them.
 * @returns the topic's earliest offset now
 * @throws StoreError, LogError
 */
export type RaiseEarliest = (topic: string, before: number) => Promise<number>

export interface TopicSweepDeps {
  readonly topics: TopicStore
  readonly segments: SegmentStore
  readonly limits: Limits
  /** The server's retention, for topics without their own. */
  readonly retention: Retention
  readonly raiseEarliest: RaiseEarliest
}

/** The segment store's time, as known from its latest listing. */
export interface KnownTime {
  /** Hears the time of a listing, ms. */
  learn (now: number): void
  /** In ms; `undefined` before the first listing. */
  now (): number | undefined
}

/** Sweeps one topic (log §5): finds out what may go, and removes it. */
export class TopicSweep {
  segments = 0
  bytes = 0
  /** The new earliest offset, if it was raised. */
  before: number | undefined
  /** It ended early, for lack of time. What it has done is kept. */
  cutShort = false
  readonly #deps: TopicSweepDeps
  readonly #topic: string
  readonly #calls: StoreCalls
  readonly #time: KnownTime
  readonly #dryRun: boolean
  #hasListed = false
  #earliest = 1
  #oldest: SweepNote['oldest']
  #size: TopicSize | undefined
  /** Bytes of the segments above `#size.to`. */
  #youngBytes = 0
  /** When the youngest of the objects below `earliest` that may be seals was stored. */
  #youngSealMs = -Infinity

  constructor (deps: TopicSweepDeps, topic: string, calls: StoreCalls, time: KnownTime, dryRun: boolean) {
    this.#deps = deps
    this.#topic = topic
    this.#calls = calls
    this.#time = time
    this.#dryRun = dryRun
  }

  /** @throws StoreError, LogError */
  async run (): Promise<void> {
    const item = await this.#calls.make('read', 'the topic store', (signal) => this.#deps.topics.read(this.#topic, { signal }))
    if (item === undefined) return
    const earliest = this.#earliest = earliestOf(item)
    const retention = this.#retentionOf(item)
    const note = decodeNote(item.swept)
    const plan = planListing({ earliest, currentOffset: item.currentOffset }, retention, note)
    // What was the first segment at another `earliest` may be gone.
    this.#oldest = note?.oldest && { ...note.oldest, bytes: note.earliest === earliest ? note.oldest.bytes : 0 }
    this.#size = plan.size
    const isTooMuch = plan.size !== undefined && await this.#isTooMuch(retention.retentionBytes! + (this.#oldest?.bytes ?? 0), item)
    const looksBelow = await this.#isReached(plan.belowAtMs)
    const walks = looksBelow || isTooMuch || await this.#isReached(plan.oldestAtMs)
    if (walks && !this.cutShort) await this.#walk(looksBelow ? 1 : earliest, retention)
    if (this.#hasListed) await this.#note(item, this.#againAtMs(note, looksBelow))
  }

  #retentionOf (item: TopicItem): Retention {
    if (!existsTopic(item)) return {}
    const config = decodeConfig(item.config)
    const { retention } = this.#deps
    return {
      retentionMs: config.retentionMs ?? retention.retentionMs,
      retentionBytes: config.retentionBytes ?? retention.retentionBytes
    }
  }

  /** Whether the store's time is at or after `ms`. Asks the store only if nobody has done so yet. */
  async #isReached (ms: number): Promise<boolean> {
    if (!Number.isFinite(ms)) return ms < 0
    if (this.#time.now() === undefined) await this.#list(1, 1)
    return this.#time.now()! >= ms
  }

  /** Brings the size up to date. @param enough bytes from which on the oldest segment may go */
  async #isTooMuch (enough: number, item: TopicItem): Promise<boolean> {
    if (this.#size!.to < item.currentOffset) await this.#count(item)
    // It is too high if others have trimmed the topic. To count anew is worth it only if that could matter.
    if (!this.#size!.exact && this.#totalBytes >= enough) {
      this.#size = nothingCounted(this.#earliest)
      await this.#count(item)
    }
    return !this.cutShort && this.#totalBytes >= enough
  }

  get #totalBytes (): number { return (this.#size?.bytes ?? 0) + this.#youngBytes }

  /**
   * Adds up the segments that are not counted yet. Counted for good are only those below which no segment can be put any more
   * (log §3.2): they are older than DEAD_AFTER, or the topic had reserved their offsets at a sweep so long ago.
   */
  async #count ({ currentOffset }: TopicItem): Promise<void> {
    const { listMax, holeUnfillableAfterMs } = this.#deps.limits
    const { end, endSeenMs } = this.#size!
    let { to, bytes } = this.#size!
    let [seen, from, isOld, listedAt] = [0, to + 1, false, 0]
    for (let more = true; more;) {
      if (this.#calls.late) {
        this.cutShort = true
        break
      }
      const { entries, truncated, now } = await this.#list(from, listMax)
      isOld = now - endSeenMs > holeUnfillableAfterMs
      listedAt = now
      for (const { lastOffset: last, size, lastModified } of entries) {
        seen += size
        if (now - lastModified <= holeUnfillableAfterMs && !(isOld && last <= end)) continue
        to = last
        bytes += seen
        seen = 0
      }
      more = truncated
      from = (entries.at(-1)?.lastOffset ?? from) + 1
    }
    if (!this.cutShort && isOld) to = Math.max(to, end)
    this.#youngBytes = seen
    const sighting = to >= end && listedAt > 0 ? { end: currentOffset, endSeenMs: listedAt } : { end, endSeenMs }
    this.#size = { ...this.#size!, to, bytes, ...sighting }
  }

  /** Goes through the oldest segments, and removes those that may go. */
  async #walk (from: number, retention: Retention): Promise<void> {
    for (;;) {
      if (this.#calls.late) {
        this.cutShort = true
        return
      }
      const { entries, truncated, now } = await this.#list(from, this.#deps.limits.listMax)
      await this.#remove(entries.filter(({ lastOffset: last }) => last < this.#earliest), now)
      const left = entries.filter(({ lastOffset: last }) => last >= this.#earliest)
      const going = planTrim(left, retention, this.#totalBytes, now)
      const staying = going === 0 ? left : await this.#trim(left, left[going - 1]!.lastOffset + 1, now)
      const [oldest] = staying
      // Lists may tell whole seconds only.
      this.#oldest = { storedAtMs: oldest?.lastModified ?? now - 1_000, bytes: oldest?.size ?? 0 }
      if (oldest !== undefined || !truncated) return
      from = entries.at(-1)!.lastOffset + 1
    }
  }

  /** @returns those of the segments that stay */
  async #trim (segments: readonly SegmentEntry[], before: number, now: number): Promise<readonly SegmentEntry[]> {
    const earliest = this.#dryRun ? before : await this.#raiseEarliest(before)
    if (earliest <= this.#earliest) return segments
    this.#earliest = this.before = earliest
    const going = segments.filter(({ lastOffset: last }) => last < earliest)
    await this.#remove(going, now)
    if (this.#size !== undefined) {
      const counted = bytesOf(going.filter(({ lastOffset: last }) => last <= this.#size!.to))
      this.#size = { ...this.#size, bytes: Math.max(0, this.#size.bytes - counted) }
      this.#youngBytes = Math.max(0, this.#youngBytes - (bytesOf(going) - counted))
    }
    return segments.slice(going.length)
  }

  #raiseEarliest (before: number): Promise<number> {
    this.#calls.counts.read++
    this.#calls.counts.write++
    return this.#deps.raiseEarliest(this.#topic, before)
  }

  /** Removes segments below `earliest`, but for what may be a young seal (log §5). */
  async #remove (below: readonly SegmentEntry[], now: number): Promise<void> {
    const { limits, segments } = this.#deps
    const going: SegmentEntry[] = []
    for (const entry of below) {
      if (mayBeYoungSeal(entry, now, limits)) this.#youngSealMs = Math.max(this.#youngSealMs, entry.lastModified)
      else going.push(entry)
    }
    if (going.length > 0 && !this.#dryRun) {
      const lasts = going.map(({ lastOffset: last }) => last)
      await this.#calls.make('remove', 'the segment store', (signal) => segments.remove(this.#topic, lasts, { signal }))
    }
    this.segments += going.length
    this.bytes += bytesOf(going)
  }

  /**
   * When to look below `earliest` again. After it has changed, and after the first look, a segment can still be put there, by a
   * writer that reserved before: so there is a second look when that is not possible any more.
   */
  #againAtMs (note: SweepNote | undefined, hasLooked: boolean): number | null {
    if (this.#earliest === 1) return null
    if (this.cutShort) return 0
    const { holeUnfillableAfterMs } = this.#deps.limits
    const wasLookedAt = note?.earliest === this.#earliest && note.againAtMs !== 0
    if (!hasLooked && this.before === undefined) return wasLookedAt ? note.againAtMs : 0
    if (!wasLookedAt) return this.#time.now()! + holeUnfillableAfterMs + 1
    return this.#youngSealMs === -Infinity ? null : this.#youngSealMs + holeUnfillableAfterMs + 1
  }

  /** Stores what was found, if it is news. */
  async #note ({ swept }: TopicItem, againAtMs: number | null): Promise<void> {
    const text = encodeNote({ earliest: this.#earliest, againAtMs, oldest: this.#oldest, size: this.#size })
    if (this.#dryRun || text === swept) return
    try {
      await this.#calls.make('write', 'the topic store', (signal) => this.#deps.topics.noteSwept(this.#topic, text, { signal }))
    } catch (error) {
      // On a full disk, what was removed counts. The next sweep lists again.
      if (!(error instanceof StoreError) || error.failure !== 'full') throw error
    }
  }

  async #list (from: number, limit: number): Promise<SegmentListing> {
    const { segments } = this.#deps
    const listing = await this.#calls.make('list', 'the segment store', (signal) => segments.list(this.#topic, from, limit, { signal }))
    checkListing(listing, from)
    this.#hasListed = true
    this.#time.learn(listing.now)
    return listing
  }
}
