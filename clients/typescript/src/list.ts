import type { CallOptions } from './options.ts'
import { jsonOf, type Transport } from './transport.ts'

export interface ListCall {
  readonly operation: string
  readonly path: string
  /** The member of a page that has the items. */
  readonly items: string
}

/** The items of all pages. */
export async function * list<Item> (
  transport: Transport, { operation, path, items }: ListCall, options?: CallOptions
): AsyncGenerator<Item, void, undefined> {
  let after: string | undefined
  do {
    const page: Record<string, unknown> = await transport.send({
      operation, path, query: { after, limit: 1_000 }
    }, jsonOf<Record<string, unknown>>, options)
    yield * page[items] as Item[]
    after = page['next'] as string | undefined
  } while (after !== undefined)
}
