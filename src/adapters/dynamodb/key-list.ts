import { QueryCommand, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import type { Table } from './client.ts'
import { Expression } from './expression.ts'
import { KIND, PK, text, TOPICS_INDEX, TOPICS_INDEX_TEXT, type Item } from './table.ts'

/** What a query of an index that is not there ends with: on AWS, on DynamoDB Local. */
const NO_INDEX = ['ValidationException', 'ResourceNotFoundException']

/** The lowest character that a name can have, and one above all of them. */
const [LOWEST, ABOVE_ALL] = ['-', '~']

/** No name is longer, so the rest of a longer `after` changes nothing. The service refuses keys of more than 1,024 bytes. */
const NAME_CHARS_MAX = 249

/** Items of one kind, whose keys begin alike and end with their names. */
export interface KeyRange {
  /** What the names are those of, for the warning. */
  readonly what: string
  /** The value of the attribute `kind`. */
  readonly kind: string
  /** How the keys begin. */
  readonly prefix: string
  /** What to read of the table's items if there is no index, and which of these are meant. */
  readonly scanned: {
    readonly attributes: readonly string[]
    readonly filter: (e: Expression) => string
    readonly includes: (item: Item) => boolean
  }
}

export interface NameListing {
  /** Ascending. */
  readonly names: readonly string[]
  readonly truncated: boolean
}

/** The first and the last key that a name after `after` can have. */
type Bounds = readonly [low: string, high: string]

/** Lists the names in a range of keys by the index, or where that is missing by reading the whole table. */
export function createKeyList (table: Table, warn: (text: string) => void = () => {}) {
  let warned = false

  return async function list (range: KeyRange, after: string, limit: number, options?: CallOptions): Promise<NameListing> {
    const bounds: Bounds = [range.prefix + after.slice(0, NAME_CHARS_MAX) + LOWEST, range.prefix + ABOVE_ALL]
    // The service refuses bounds that are the wrong way round.
    if (bounds[0] > bounds[1]) return { names: [], truncated: false }
    const found = await query(table, range, bounds, limit, options)
    if (found !== undefined) return found
    // Each list asks for the index first, so that it is used as soon as it has been added.
    const all = await scan(table, range, bounds, limit, options)
    if (!warned) {
      warn(`The table "${table.name}" lacks ${TOPICS_INDEX_TEXT}, so each list of ${range.what} reads the whole table: ` +
        'run scripts/create-storage.ts, which adds it')
    }
    warned = true
    return all
  }
}

/** @returns `undefined` if there is no such index, or if it is still being filled */
async function query (
  table: Table, range: KeyRange, bounds: Bounds, limit: number, options?: CallOptions
): Promise<NameListing | undefined> {
  const e = new Expression()
  const command = new QueryCommand({
    TableName: table.name,
    IndexName: TOPICS_INDEX.IndexName,
    KeyConditionExpression: `${e.name(KIND)}=${e.value(text(range.kind))} AND ${between(e, bounds)}`,
    Limit: limit + 1,
    ...e.placeholders()
  })
  try {
    const call = `Query of index ${TOPICS_INDEX.IndexName}`
    const { Items = [], LastEvaluatedKey } = await table.send(call, options, (client, http) => client.send(command, http))
    const names = Items.map((item) => nameOf(item, range))
    return { names: names.slice(0, limit), truncated: names.length > limit || LastEvaluatedKey !== undefined }
  } catch (error) {
    if (error instanceof StoreError && NO_INDEX.includes((error.cause as Error | undefined)?.name ?? '')) return undefined
    throw error
  }
}

async function scan (table: Table, range: KeyRange, bounds: Bounds, limit: number, options?: CallOptions): Promise<NameListing> {
  const { attributes, filter, includes } = range.scanned
  const e = new Expression()
  const request = {
    TableName: table.name,
    ProjectionExpression: [PK, ...attributes].map((name) => e.name(name)).join(','),
    FilterExpression: `${filter(e)} AND ${between(e, bounds)}`,
    ...e.placeholders()
  }
  let names: string[] = []
  let ExclusiveStartKey: Item | undefined
  do {
    const command: ScanCommand = new ScanCommand({ ...request, ExclusiveStartKey })
    const page: ScanCommandOutput = await table.send('Scan', options, (client, http) => client.send(command, http))
    names.push(...(page.Items ?? []).filter(includes).map((item) => nameOf(item, range)))
    // Only the first ones are kept of a large table.
    names = names.sort().slice(0, limit + 1)
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey !== undefined)
  return { names: names.slice(0, limit), truncated: names.length > limit }
}

function between (e: Expression, [low, high]: Bounds): string {
  return `${e.name(PK)} BETWEEN ${e.value(text(low))} AND ${e.value(text(high))}`
}

function nameOf (item: Item, { prefix }: KeyRange): string {
  return (item[PK]?.S ?? '').slice(prefix.length)
}
