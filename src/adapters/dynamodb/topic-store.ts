import { StoreError } from '../../ports/errors.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { isStill } from '../../ports/topic-changes.ts'
import {
  isDeleted, type Belief, type Changed, type Refused, type Resolved, type TopicItem, type TopicStore, type Wanted
} from '../../ports/topic-store.ts'
import { Table, type TableSettings, type Updated } from './client.ts'
import {
  above, absent, below, configIs, countIs, deletedAt, either, equals, Expression, factIs, itemExists, notDeleted, versionIs, type Condition
} from './expression.ts'
import { createKeyList, type KeyRange } from './key-list.ts'
import {
  CLOSING, isDeletedItem, KIND, number, ORDER, PK, producerAttributes, SEPARATOR, text, TOPIC, TOPIC_KIND, topicItemOf, type FactAttributes
} from './table.ts'

const allTopics: KeyRange = {
  what: 'topics',
  kind: TOPIC_KIND,
  prefix: '',
  // Other implementations set no kind.
  scanned: {
    attributes: [TOPIC.currentOffset, TOPIC.deletedAt],
    filter: (e) => `attribute_exists(${e.name(TOPIC.currentOffset)}) AND NOT contains(${e.name(PK)},${e.value(text(SEPARATOR))})`,
    includes: (item) => !isDeletedItem(item)
  }
}

const NONE = new Map<string, never>()

/** Attempts at a deletion whose topic is closed meanwhile. */
const DELETE_ATTEMPTS_MAX = 3

/** The topics' items, each changed by single conditional updates (log §6.2). */
export function createDynamoTopicStore (settings: TableSettings): TopicStore {
  const table = new Table(settings)
  const list = createKeyList(table, settings.warn)

  async function read (topic: string, options?: CallOptions): Promise<TopicItem | undefined> {
    const { item } = await table.get(topic, options)
    return item === undefined ? undefined : topicItemOf(item, topic)
  }

  async function update (
    topic: string, expression: Expression, conditions: readonly Condition[], options?: CallOptions
  ): Promise<Changed | Refused> {
    return answerOf(await table.update(topic, expression.update(conditions), options), topic)
  }

  return {
    read,

    async reserve (topic, wanted, belief, options) {
      const expression = reservation(wanted, belief, options.now)
      const updated = await table.update(topic, expression.update(believed(belief)), options)
      const answer = answerOf(updated, topic)
      if (!updated.applied || answer.kind === 'refused') return answer as Refused
      const { currentOffset: last } = answer.item
      if (last < wanted.count) {
        throw new StoreError('misconfigured', 'unknown',
          `current_offset of topic ${topic}: expected a number from ${wanted.count} in the answer to UpdateItem, got ${last}`)
      }
      return { kind: 'reserved', first: last - wanted.count + 1, last, reservedAtMs: updated.time(), item: answer.item }
    },

    async markClosed (topic, closing, options) {
      const expression = new Expression().set(TOPIC.closed, number(closing)).remove(CLOSING.last, CLOSING.text)
      await update(topic, expression, [factIs(CLOSING, closing)], options)
    },

    async raiseEarliest (topic, to, resolved, options) {
      const raise = new Expression().set(TOPIC.earliest, number(to))
      const lower = either(absent(TOPIC.earliest), below(TOPIC.earliest, to))
      const raised = await update(topic, resolve(raise, resolved), [itemExists, lower, ...stillAre(resolved)], options)
      const { item } = raised
      // Refused because of a fact, or because it is as high already.
      if (raised.kind === 'changed' || item === undefined || item.earliest < to || !isStill(item, resolved)) return raised
      const { producers, order, closing } = resolved
      if (producers === undefined && order === undefined && closing === undefined) return { kind: 'changed', item }
      return await update(topic, resolve(new Expression(), resolved), stillAre(resolved), options)
    },

    async markDeleted (topic, currentOffset, options) {
      let item = await read(topic, options)
      for (let attempt = 1; attempt <= DELETE_ATTEMPTS_MAX; attempt++) {
        if (item?.currentOffset !== currentOffset || isDeleted(item)) return { kind: 'refused', item }
        // The producers' names must be known. A reservation that brings one in raises the offset, or closes the topic.
        const unchanged = [equals(TOPIC.currentOffset, currentOffset), notDeleted, versionIs(TOPIC.closed, item.closed ?? null)]
        const answer = await update(topic, deletion(item, currentOffset), unchanged, options)
        if (answer.kind === 'changed') return answer
        item = answer.item
      }
      throw new StoreError('conflict', 'none', `topic ${topic} is changed while it is deleted`)
    },

    async configure (topic, config, seen, options) {
      const expression = new Expression().set(KIND, text(TOPIC_KIND))
      if (config !== null) expression.set(TOPIC.config, text(config))
      else if (seen !== undefined) expression.remove(TOPIC.config)
      if (seen !== undefined && !isDeleted(seen)) {
        return await update(topic, expression, [itemExists, notDeleted, configIs(seen.config ?? null)], options)
      }

      const currentOffset = seen === undefined ? 0 : seen.currentOffset + 1
      expression.set(TOPIC.currentOffset, number(currentOffset)).set(TOPIC.createdAt, number(options.now))
      if (seen === undefined) return await update(topic, expression, [absent(PK)], options)
      expression.set(TOPIC.earliest, number(currentOffset + 1))
      return await update(topic, expression, deletedAt(seen.currentOffset), options)
    },

    async noteSwept (topic, swept, options) {
      await update(topic, new Expression().set(TOPIC.swept, text(swept)), [itemExists, notDeleted], options)
    },

    async correctReservedAt (topic, { currentOffset, reservedAtMs }, options) {
      const wrong = either(absent(TOPIC.reservedAt), above(TOPIC.reservedAt, reservedAtMs), below(TOPIC.correctedAt, currentOffset))
      const expression = new Expression().set(TOPIC.reservedAt, number(reservedAtMs)).set(TOPIC.correctedAt, number(currentOffset))
      await update(topic, expression, [equals(TOPIC.currentOffset, currentOffset), wrong], options)
    },

    async list (after, limit, options) {
      const { names, truncated } = await list(allTopics, after, limit, options)
      return { topics: names, truncated }
    },

    async check (options) {
      await table.check(options)
    }
  }
}

function answerOf ({ applied, item }: Updated, topic: string): Changed | Refused {
  if (applied) return { kind: 'changed', item: topicItemOf(item, topic) }
  return { kind: 'refused', item: item === undefined ? undefined : topicItemOf(item, topic) }
}

function reservation (wanted: Wanted, belief: Belief, now: number): Expression {
  const { count, producers = NONE, order, closing, movedOut = [] } = wanted
  // The offsets of the range are not known here, so its last one is computed by the update, in each place.
  const reserve = (attribute: string): Expression => expression.setSum(attribute, TOPIC.currentOffset, count)
  const fact = (attributes: FactAttributes, content: string): Expression => reserve(attributes.last).set(attributes.text, text(content))
  const expression = new Expression()

  reserve(TOPIC.currentOffset).setFirst(TOPIC.createdAt, number(now)).set(KIND, text(TOPIC_KIND))
  if (count > 0) expression.set(TOPIC.reservedAt, number(now)).remove(TOPIC.correctedAt)
  else reserve(TOPIC.closed)
  if (count > 0 && belief.closed !== null) expression.remove(TOPIC.closed)
  if (closing !== undefined) fact(CLOSING, closing)
  else if (belief.closing !== null) expression.remove(CLOSING.last, CLOSING.text)
  if (order !== undefined) fact(ORDER, order)
  for (const [id, record] of producers) fact(producerAttributes(id), record)
  for (const { last, text } of movedOut.map(producerAttributes)) expression.remove(last, text)
  if (movedOut.length > 0) expression.setSum(TOPIC.moves, TOPIC.moves, movedOut.length)
  return expression
}

function believed ({ closed, closing, config, exists, producers = NONE, moves, order, currentOffset }: Belief): Condition[] {
  return [
    versionIs(TOPIC.closed, closed),
    factIs(CLOSING, closing),
    configIs(config),
    ...exists === true ? [itemExists, notDeleted] : [],
    ...moves === undefined ? [] : [countIs(TOPIC.moves, moves)],
    ...order === undefined ? [] : [factIs(ORDER, order)],
    ...currentOffset === undefined ? [] : [countIs(TOPIC.currentOffset, currentOffset)],
    ...Array.from(producers, ([id, version]) => factIs(producerAttributes(id), version))
  ]
}

/** Sets what was found of facts. Their versions stay. */
function resolve (expression: Expression, { producers = NONE, order, closing }: Resolved): Expression {
  for (const [id, fact] of producers) expression.set(producerAttributes(id).text, text(fact.text))
  if (order !== undefined) expression.set(ORDER.text, text(order.text))
  if (closing !== undefined) expression.remove(CLOSING.last, CLOSING.text)
  if (closing?.stands === true) expression.set(TOPIC.closed, number(closing.last))
  return expression
}

function stillAre ({ producers = NONE, order, closing }: Resolved): Condition[] {
  return [
    ...Array.from(producers, ([id, { last }]) => factIs(producerAttributes(id), last)),
    ...order === undefined ? [] : [factIs(ORDER, order.last)],
    ...closing === undefined ? [] : [factIs(CLOSING, closing.last)]
  ]
}

function deletion (item: TopicItem, currentOffset: number): Expression {
  const facts = [CLOSING, ORDER, ...[...item.producers.keys()].map(producerAttributes)]
  return new Expression()
    .set(TOPIC.earliest, number(currentOffset + 1))
    .set(TOPIC.deletedAt, number(currentOffset))
    .remove(TOPIC.closed, TOPIC.config, TOPIC.createdAt, TOPIC.swept, KIND, ...facts.flatMap(({ last, text }) => [last, text]))
}
