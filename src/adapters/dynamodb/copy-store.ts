import { ScanCommand } from '@aws-sdk/client-dynamodb'
import type { CopyState, CopyStore, Scanned } from '../../ports/copy-store.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { Table, type TableSettings } from './client.ts'
import { absent, either, Expression, present, textIs } from './expression.ts'
import {
  CHECK_KEY, CLOSING, COPY_MARK, copySourceOf, groupNameOf, GROUP_KIND, KIND, number, ORDER, PK, producerAttributes,
  RECORD, recordNameOf, SEPARATOR, storedRecordOf, text, tokenIdOf, TOKEN_KIND, TOPIC,
  TOPIC_KIND, TTL_ATTRIBUTE, type FactAttributes, type Item
} from './table.ts'

/** Items that are removed at one time. */
const REMOVALS_MAX = 16

/** What a scan reads: which items, and of them which attributes beside the key. */
interface Range {
  readonly filter: (e: Expression) => string
  readonly attributes: readonly string[]
}

const allTopics: Range = {
  filter: (e) => `attribute_exists(${e.name(TOPIC.currentOffset)}) AND NOT contains(${e.name(PK)},${e.value(text(SEPARATOR))})`,
  attributes: []
}
const allGroups: Range = { filter: (e) => beginsWith(e, GROUP_KIND), attributes: [] }
const allRecords: Range = {
  filter: (e) => `(${beginsWith(e, 'producer')} OR ${beginsWith(e, 'key')})`,
  attributes: [RECORD.last, RECORD.text, TTL_ATTRIBUTE]
}
const allTokens: Range = { filter: (e) => beginsWith(e, TOKEN_KIND), attributes: [] }
/** The mark is in the item that the readiness check reads, so that the check finds it without a further call. */
const allButMark: Range = { filter: (e) => `${e.name(PK)}<>${e.value(text(CHECK_KEY))}`, attributes: [] }

function beginsWith (e: Expression, kind: string): string {
  return `begins_with(${e.name(PK)},${e.value(text(kind + SEPARATOR))})`
}

/** Reads the whole table for each kind of items, since only a scan of the table is strongly consistent. */
export function createDynamoCopyStore (settings: TableSettings): CopyStore {
  const table = new Table(settings)

  async function scan (range: Range, after: string | undefined, options?: CallOptions): Promise<Scanned<Item>> {
    const e = new Expression()
    const command = new ScanCommand({
      TableName: table.name,
      ConsistentRead: true,
      ProjectionExpression: [PK, ...range.attributes].map((name) => e.name(name)).join(','),
      FilterExpression: range.filter(e),
      ...after !== undefined && { ExclusiveStartKey: { [PK]: { S: after } } },
      ...e.placeholders()
    })
    const { Items = [], LastEvaluatedKey } = await table.send('Scan', options, (client, http) => client.send(command, http))
    return { found: Items, next: LastEvaluatedKey?.[PK]?.S }
  }

  const keyOf = (item: Item): string => item[PK]?.S ?? ''

  return {
    async scanTopics (after, options) {
      const { found, next } = await scan(allTopics, after, options)
      return { found: found.map(keyOf), next }
    },

    async scanGroups (after, options) {
      const { found, next } = await scan(allGroups, after, options)
      return { found: found.map((item) => groupNameOf(keyOf(item))), next }
    },

    async scanRecords (after, options) {
      const { found, next } = await scan(allRecords, after, options)
      return { found: found.map((item) => storedRecordOf(item, recordNameOf(keyOf(item)))), next }
    },

    async scanTokens (after, options) {
      const { found, next } = await scan(allTokens, after, options)
      return { found: found.map((item) => tokenIdOf(keyOf(item))), next }
    },

    async state (options): Promise<CopyState> {
      const source = copySourceOf((await table.get(CHECK_KEY, options)).item)
      if (source !== undefined) return { kind: 'unfinished', source }
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const { found, next } = await scan(allButMark, after, options)
        if (found.length > 0) return { kind: 'used' }
        after = next
      }
      return { kind: 'empty' }
    },

    async begin ({ source, run }, options) {
      const mark = new Expression().set(COPY_MARK.source, text(source)).set(COPY_MARK.run, text(run))
      const sameOrNone = either(absent(COPY_MARK.source), textIs(COPY_MARK.source, source))
      return (await table.put(CHECK_KEY, mark.update([sameOrNone]), options)).applied
    },

    async clear (options) {
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const { found, next } = await scan(allButMark, after, options)
        const keys = found.map(keyOf)
        await Promise.all(Array.from({ length: REMOVALS_MAX }, async () => {
          for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
            await table.remove(key, new Expression().condition([present(PK)]), options)
          }
        }))
        after = next
      }
    },

    async restoreTopic (topic, item, options) {
      return (await table.put(topic, wholeItem(item).update([absent(PK)]), options)).applied
    },

    async finish (run, options) {
      return (await table.remove(CHECK_KEY, new Expression().condition([textIs(COPY_MARK.run, run)]), options)).applied
    }
  }
}

function wholeItem (item: TopicItem): Expression {
  const { currentOffset, reservedAtMs, createdAtMs, earliest, deletedAtOffset, closed, closing, order, moves, producers } = item
  const expression = new Expression().set(TOPIC.currentOffset, number(currentOffset))
  const add = (attribute: string, value: number | undefined): void => {
    if (value !== undefined) expression.set(attribute, number(value))
  }
  const fact = ({ last, text: content }: FactAttributes, found: TopicItem['closing']): void => {
    if (found !== undefined) expression.set(last, number(found.last)).set(content, text(found.text))
  }
  add(TOPIC.reservedAt, reservedAtMs)
  add(TOPIC.createdAt, createdAtMs)
  add(TOPIC.earliest, earliest === 1 ? undefined : earliest)
  add(TOPIC.deletedAt, deletedAtOffset)
  add(TOPIC.closed, closed)
  add(TOPIC.moves, moves === 0 ? undefined : moves)
  fact(CLOSING, closing)
  fact(ORDER, order)
  for (const [id, producer] of producers) fact(producerAttributes(id), producer)
  if (item.config !== undefined) expression.set(TOPIC.config, text(item.config))
  if (item.swept !== undefined) expression.set(TOPIC.swept, text(item.swept))
  if (deletedAtOffset !== currentOffset) expression.set(KIND, text(TOPIC_KIND))
  return expression
}
