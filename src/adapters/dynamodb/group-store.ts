import type { GroupItem, GroupName, GroupStore, GroupVersion, GroupWritten, StoreInstant } from '../../ports/group-store.ts'
import type { Ms } from '../../ports/units.ts'
import { Table, type Applied, type TableSettings } from './client.ts'
import { absent, bytesAre, equals, Expression, type Condition } from './expression.ts'
import { createKeyList, type KeyRange } from './key-list.ts'
import { binary, GROUP, GROUP_KIND, groupKey, groupItemOf, KIND, number, PK, text } from './table.ts'

/** `Date` headers are rounded down to seconds. */
const DATE_ROUNDING_MS = 999

/** Groups as items of their own, each changed by single conditional writes (groups §2.1). */
export function createDynamoGroupStore (settings: TableSettings): GroupStore {
  const table = new Table(settings)
  const list = createKeyList(table, settings.warn)

  return {
    async read (name, options) {
      const { item, time } = await table.get(groupKey(name), options)
      return { item: item === undefined ? undefined : groupItemOf(item, name), now: instant(time()) }
    },

    async write (name, item, expected, options) {
      const expression = replacement(item)
      return answerOf(await table.put(groupKey(name), expression.update(versionIs(expected)), options), name)
    },

    async remove (name, expected, options) {
      return answerOf(await table.remove(groupKey(name), new Expression().condition(versionIs(expected)), options), name)
    },

    async list (topic, after, limit, options) {
      const { names, truncated } = await list(groupsOf(topic), after, limit, options)
      return { groups: names, truncated }
    }
  }
}

function replacement ({ gen, rev, by, config, state }: GroupItem): Expression {
  return new Expression()
    .set(KIND, text(GROUP_KIND))
    .set(GROUP.gen, binary(Buffer.from(gen, 'hex')))
    .set(GROUP.rev, number(rev))
    .set(GROUP.by, text(by))
    .set(GROUP.config, text(config))
    .set(GROUP.state, binary(state))
}

function versionIs (expected: GroupVersion | null): Condition[] {
  return expected === null ? [absent(PK)] : [bytesAre(GROUP.gen, Buffer.from(expected.gen, 'hex')), equals(GROUP.rev, expected.rev)]
}

function answerOf (done: Applied, name: GroupName): GroupWritten {
  const now = instant(done.time())
  if (done.applied) return { kind: 'written', now }
  return { kind: 'refused', item: done.item === undefined ? undefined : groupItemOf(done.item, name), now }
}

function instant (date: Ms): StoreInstant {
  return { low: date, high: date + DATE_ROUNDING_MS }
}

function groupsOf (topic: string): KeyRange {
  return {
    what: 'consumer groups',
    kind: GROUP_KIND,
    prefix: groupKey({ topic, group: '' }),
    scanned: { attributes: [], filter: (e) => `${e.name(KIND)}=${e.value(text(GROUP_KIND))}`, includes: () => true }
  }
}
