import type { GroupItem, GroupName, GroupStore, GroupVersion, StoreInstant } from '../../ports/group-store.ts'
import type { Ms } from '../../ports/units.ts'

/** Keeps the groups in memory. @param now the store's clock, ms since epoch @param groups where it keeps them, by `topic#group` */
export function createMemoryGroupStore (now: () => Ms = Date.now, groups = new Map<string, GroupItem>()): GroupStore {
  const keyOf = ({ topic, group }: GroupName): string => `${topic}#${group}`
  const instant = (): StoreInstant => {
    const at = now()
    return { low: at, high: at }
  }
  const isAt = (item: GroupItem | undefined, expected: GroupVersion | null): boolean =>
    expected === null ? item === undefined : item?.gen === expected.gen && item.rev === expected.rev

  return {
    async read (name) {
      return { item: groups.get(keyOf(name)), now: instant() }
    },

    async write (name, item, expected) {
      const there = groups.get(keyOf(name))
      if (!isAt(there, expected)) return { kind: 'refused', item: there, now: instant() }
      groups.set(keyOf(name), { ...item, state: item.state.slice() })
      return { kind: 'written', now: instant() }
    },

    async remove (name, expected) {
      const there = groups.get(keyOf(name))
      if (!isAt(there, expected)) return { kind: 'refused', item: there, now: instant() }
      groups.delete(keyOf(name))
      return { kind: 'written', now: instant() }
    },

    async list (topic, after, limit) {
      const names = [...groups.keys()].filter((key) => key.startsWith(`${topic}#`)).map((key) => key.slice(topic.length + 1))
      const later = names.filter((name) => name > after).sort()
      return { groups: later.slice(0, limit), truncated: later.length > limit }
    }
  }
}
