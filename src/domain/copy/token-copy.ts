import { isNotAlone, type CopyContext } from './context.ts'

/** Copies an access token: what is stored of it, which is not the token itself. @throws StoreError, CopyError */
export async function copyToken ({ calls, counts, dryRun, source, target }: CopyContext, id: string): Promise<void> {
  const token = await calls.make('read', 'the source', (signal) => source.tokens.read(id, { signal }))
  if (token === undefined) return
  counts.tokens++
  if (dryRun || await calls.make('write', 'the target', (signal) => target.tokens.create(token, { signal })) === 'created') return
  const there = await calls.make('read', 'the target', (signal) => target.tokens.read(id, { signal }))
  // An answer may have been lost.
  if (there?.text !== token.text) throw isNotAlone(`the access token ${id}`)
}
