import type { Grants } from '../../../domain/access/grants.ts'
import type { Catalog, TopicPage } from '../../../domain/catalog/catalog.ts'

interface ListOptions { readonly after: string, readonly limit: number, readonly callsMax: number }

/**
 * The topics after `after` that the client may see. It makes at most `callsMax` lists, so a page may be short or even empty
 * though there are more. `next` is a topic that the client may see, or a place in front of one of its patterns: it tells nothing
 * about other topics.
 * @throws LogError
 */
export async function visibleTopics (catalog: Catalog, grants: Grants, { after, limit, callsMax }: ListOptions): Promise<TopicPage> {
  if (grants.seesAll) return catalog.list(after, limit)
  const topics: string[] = []
  let position = after
  for (let calls = 0; calls < callsMax && topics.length < limit; calls++) {
    const start = grants.nextVisible(position)
    if (start === undefined) return { topics, next: undefined }
    const page = await catalog.list(start > position ? start : position, limit - topics.length)
    topics.push(...page.topics.filter((topic) => grants.sees(topic)))
    if (page.next === undefined) return { topics, next: undefined }
    position = page.next
  }
  return { topics, next: grants.nextVisible(position) }
}
