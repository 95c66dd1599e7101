import type { PlantedFault } from '../log/planted-faults.ts'

/** Faults in the order of a copy, and in what it leaves out. */
export const plantedCopyFaults: readonly PlantedFault[] = [
  {
    name: 'the item is read after its segments',
    file: 'domain/copy/topic-copy.ts',
    replace: 'return this.#restore(item)',
    by: 'return this.#restore(after)'
  },
  {
    name: 'a trim during the copy is not noticed',
    file: 'domain/copy/topic-copy.ts',
    replace: '&& earliestOf(after) === earliestOf(item)) return',
    by: ') return'
  },
  {
    name: 'a second round copies only what is above the first',
    file: 'domain/copy/topic-copy.ts',
    replace: 'for (let next = from; next <= to;) {\n      const { entries, truncated } = await this.#list(source.segments, next)',
    by: 'for (let next = this.#isFirstRound ? from : to - 1; next <= to;) {\n      const { entries, truncated } = await this.#list(source.segments, next)'
  },
  {
    name: 'groups are read after topics',
    file: 'domain/copy/copy.ts',
    replace: '  const records = new RecordCopy(context)\n',
    by: '  await target.copies.clear()\n' +
      '  await forEachScanned(context, (after, options) => source.copies.scanTopics(after, options), (topic) => new TopicCopy(context, topic).run())\n' +
      '  await forEachScanned(context, (after, options) => source.copies.scanGroups(after, options), (name) => copyGroup(context, name))\n' +
      '  const records = new RecordCopy(context)\n'
  },
  {
    name: 'a producer that has gone on is copied as it is',
    file: 'domain/copy/record-copy.ts',
    replace: 'if (record.last <= item.currentOffset) return record\n',
    by: 'if (record.last > 0) return record\n'
  },
  {
    name: 'a producer that has gone on is left out',
    file: 'domain/copy/record-copy.ts',
    replace: '  const cut = cutProducer(',
    by: '  if (id !== \'\') return undefined\n    const cut = cutProducer('
  },
  {
    name: 'a record of a topic that was deleted meanwhile is taken for one of the life that was copied',
    file: 'domain/copy/record-copy.ts',
    replace: 'if (record.last > item.currentOffset) await',
    by: 'if (record.last < 0) await'
  },
  {
    name: 'a key whose segment came later is copied as standing',
    file: 'domain/copy/record-copy.ts',
    replace: 'return entries[0]?.lastOffset === record.last',
    by: 'return entries.length >= 0'
  },
  {
    name: 'a key that has moved on is copied',
    file: 'domain/copy/record-copy.ts',
    replace: 'if (record.last > item.currentOffset) return false',
    by: 'if (record.last > item.currentOffset) return true'
  },
  {
    name: 'a group goes on with a producer of dead letters that is ahead of it',
    file: 'domain/copy/copy.ts',
    replace: '(name) => finishGroup(context, name))',
    by: '() => Promise.resolve())'
  },
  {
    name: 'open facts are resolved by what the source has now',
    file: 'domain/copy/topic-copy.ts',
    replace: '        target.segments.get(this.#topic, last, { signal }))), now),',
    by: '        this.#context.source.segments.get(this.#topic, last, { signal }))), now),'
  },
  {
    name: 'a copy that is continued keeps what it had of items',
    file: 'domain/copy/copy.ts',
    replace: 'if (resumed) await calls.make(\'write\', \'the target\', (signal) => target.copies.clear({ signal }))',
    by: ''
  },
  {
    name: 'a copy that is continued lists nothing of what it had, and puts no segments',
    file: 'domain/copy/topic-copy.ts',
    replace: 'if (there.has(entry.lastOffset)) continue',
    by: 'if (there.size > 0) continue'
  }
]
