import type { NamedSegmentStore } from '../../ports/segment-store.ts'
import type { TopicStore } from '../../ports/topic-store.ts'
import type { StoreCalls } from '../store-calls.ts'
import { isTopic } from '../topics/name.ts'

export interface NameStores {
  readonly topics: TopicStore
  readonly segments: NamedSegmentStore
}

export interface NamePage {
  /** Ascending, as bytes; valid names of topics only. */
  readonly names: readonly string[]
  /** Those that the topic store lists. The others have segments, but may be deleted. */
  readonly existing: ReadonlySet<string>
  /** Where the next page begins, which need not be the name of a topic; absent after the last page. */
  readonly next: string | undefined
}

/**
 * The next topics that exist or have segments, at most `limit`: a merge of the two stores' listings. It may be shorter, even
 * empty, though there are more: names that are not valid are left out.
 * @throws StoreError
 */
export async function namesAfter (
  calls: StoreCalls, { topics, segments }: NameStores, after: string, limit: number
): Promise<NamePage> {
  const [listed, stored] = await Promise.all([
    calls.make('list', 'the topic store', (signal) => topics.list(after, limit, { signal })),
    calls.make('list', 'the segment store', (signal) => segments.topics(after, limit, { signal }))
  ])
  // Above the last name of a listing that was cut, that store may have names that are not known.
  const [cut] = [listed, stored].flatMap(({ topics: names, truncated }) => truncated ? names.slice(-1) : []).sort(compareBytes)
  const all = [...new Set([...listed.topics, ...stored.topics])].sort(compareBytes)
  const known = cut === undefined ? all : all.filter((name) => compareBytes(name, cut) <= 0)
  const taken = known.slice(0, limit)
  return {
    names: taken.filter(isTopic),
    existing: new Set(listed.topics),
    next: taken.length < known.length || cut !== undefined ? taken.at(-1) : undefined
  }
}

/** The order of both stores. It differs from JavaScript's for names outside of ASCII, which only foreign keys have. */
function compareBytes (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
