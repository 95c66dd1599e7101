import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import type { TopicListing } from '../../ports/segment-store.ts'

/** Below it, each topic has a folder. */
export const TOPICS_PREFIX = 'topics/'

/** What is stored under other names is not ours. */
const NAME = /^[A-Za-z0-9._-]{1,249}$/

type Input = Pick<ListObjectsV2CommandInput, 'Prefix' | 'Delimiter' | 'StartAfter' | 'ContinuationToken' | 'MaxKeys'>
/** One LIST of the bucket; one that is truncated has a token that is new. @throws StoreError */
export type ListObjects = (input: Input) => Promise<ListObjectsV2CommandOutput>

/**
 * Topics after `after` that have objects.
 *
 * S3 sorts folders by their names with the slash: `a-1/` comes before `a/`, because `-` and `.` sort before `/`. In the order
 * of names, `a` comes first. So a page that ends with `a-1/` may lack `a`. It can lack no other name below its last one:
 * what S3 lists later is higher also without the slash, unless it is a prefix of the page's end. These are looked up.
 */
export async function listTopics (list: ListObjects, after: string, limit: number, keysMax: number): Promise<TopicListing> {
  // With the slash it would leave out topics like `a-1` after `a`.
  const request = { Prefix: TOPICS_PREFIX, Delimiter: '/', StartAfter: TOPICS_PREFIX + after, MaxKeys: Math.min(limit + 1, keysMax) }
  let ContinuationToken: string | undefined
  // A second page follows only if one has no topic above `after`: an empty result would look like the end.
  for (;;) {
    const page = await list({ ...request, ContinuationToken })
    const folders = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix)
    const end = [...folders, ...(page.Contents ?? []).map(({ Key = '' }) => Key)].reduce((a, b) => a > b ? a : b, '')
    const listed = folders.map((folder) => folder.slice(TOPICS_PREFIX.length, -1))
    const truncated = page.IsTruncated === true
    const later = truncated ? await existing(list, prefixesOf(end.slice(TOPICS_PREFIX.length)).filter((name) => name > after)) : []
    const topics = [...listed, ...later].filter((name) => NAME.test(name) && name > after).sort()
    if (topics.length > 0 || !truncated) return { topics: topics.slice(0, limit), truncated: truncated || topics.length > limit }
    ContinuationToken = page.NextContinuationToken
  }
}

/** Names that S3 lists later than `end` and that sort before it. */
function prefixesOf (end: string): string[] {
  return [...end].flatMap((character, i) => character < '/' ? [end.slice(0, i)] : []).filter((name) => NAME.test(name))
}

async function existing (list: ListObjects, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(async (name) => {
    const { Contents = [] } = await list({ Prefix: `${TOPICS_PREFIX}${name}/`, MaxKeys: 1 })
    return Contents.length > 0 ? [name] : []
  }))
  return found.flat()
}
