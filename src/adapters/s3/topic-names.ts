import type { TopicListing } from '../../ports/segment-store.ts'

/** A page of the names below `topics/`, in the order of S3. */
export interface NamePage {
  readonly names: readonly string[]
  /** For the next page; absent after the last one. */
  readonly token: string | undefined
}

export interface NameLists {
  /** Names whose keys are above `topics/{after}`. */
  readonly list: (after: string, token: string | undefined) => Promise<NamePage>
  readonly hasObjects: (topic: string) => Promise<boolean>
}

/**
 * The names of topics in ascending order. S3 orders keys, `topics/{name}/…`, so it lists a name after those that continue it
 * with one of the two characters below `/`: `a-b`, `a.b`, `a`. When a page ends between them, it is asked whether there is
 * an `a`, too. All other names of later pages are above those of this one.
 */
export async function listNames ({ list, hasObjects }: NameLists, after: string, limit: number): Promise<TopicListing> {
  let token: string | undefined
  do {
    // All names above `after` have keys above this one. `after` itself, and names that it continues, are among them, too.
    const page = await list(after, token)
    token = page.token
    const names = page.names.filter((name) => isAbove(name, after))
    const last = page.names.at(-1)
    const shorter = token === undefined || last === undefined ? [] : beginnings(last).filter((name) => isAbove(name, after))
    for (const name of shorter) if (await hasObjects(name)) names.push(name)
    names.sort(compare)
    if (names.length > 0) return { topics: names.slice(0, limit), truncated: token !== undefined || names.length > limit }
  } while (token !== undefined)
  return { topics: [], truncated: false }
}

/** The names that `name` continues with `-` or `.`. */
function beginnings (name: string): string[] {
  return [...name.matchAll(/[-.]/g)].map(({ index }) => name.slice(0, index)).filter((beginning) => beginning !== '')
}

function isAbove (name: string, after: string): boolean {
  return compare(name, after) > 0
}

/** As bytes of UTF-8. */
function compare (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
