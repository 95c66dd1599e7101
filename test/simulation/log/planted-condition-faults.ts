import type { PlantedFault } from './planted-faults.ts'

/** So that copies of an append do not seal each other's ranges for many turns. */
const limits = { appendAttemptsMax: 2 }

/** Faults in appends with conditions, in the order of the rules that they break (log §6). */
export const plantedConditionFaults: readonly PlantedFault[] = [
  {
    name: 'take what rides on an open range for what stands',
    file: 'domain/log/group-producers.ts',
    replace: 'return outcome === undefined ? record : resolveProducer(record, fact.last, outcome)',
    by: 'return resolveProducer(record, fact.last, outcome ?? \'stands\')'
  },
  {
    name: 'take what rides on an open range for void',
    file: 'domain/log/group-producers.ts',
    replace: 'return outcome === undefined ? record : resolveProducer(record, fact.last, outcome)',
    by: 'return resolveProducer(record, fact.last, outcome ?? \'void\')'
  },
  {
    name: 'take an empty key for void, without a seal',
    file: 'domain/log/resolve.ts',
    replace: 'const put = await storage.put(last, encodeSeal(first, last, \'range\'), { reservedAtMs: null, timeoutMs: limits.putTimeoutMs })',
    by: 'const put = \'created\''
  },
  {
    name: 'resolve by a seal at the range\'s first offset',
    file: 'domain/log/resolve.ts',
    replace: 'storage.put(last, encodeSeal(first, last, \'range\')',
    by: 'storage.put(first, encodeSeal(first, first, \'range\')'
  },
  {
    name: 'believe a seal without reading the item again',
    file: 'domain/log/resolve.ts',
    replace: 'const item = await storage.item()',
    by: 'const item = this.#belief.item'
  },
  {
    name: 'reserve without the condition on a producer\'s version',
    file: 'domain/log/group-draft.ts',
    replace: '[...this.#producers.versions(), ...movedOut]',
    by: '[...movedOut]'
  },
  {
    name: 'put on a range whose answer was lost',
    from: 1_200,
    file: 'domain/log/group-commit.ts',
    replace: 'if (own !== undefined) await this.#resolver',
    by: 'if (own !== undefined) return { kind: \'reserved\', ...own, reservedAtMs: storeTime.now(), item: this.#belief.item! }\n    if (own !== undefined) await this.#resolver'
  },
  {
    name: 'tell a gap from belief',
    file: 'domain/log/waiting-appends.ts',
    replace: 'this.#belief.learn(await storage.item(), askedAt)',
    by: 'this.#belief.learn(this.#belief.known ? this.#belief.item : await storage.item(), askedAt)'
  },
  {
    name: 'raise an epoch over an open range',
    file: 'domain/producers/judge.ts',
    replace: 'return record.riding.length > 0 ? { kind: \'unresolved\' } : firstOfEpoch(seq)',
    by: 'return firstOfEpoch(seq)'
  },
  {
    name: 'take a lower epoch for a new one',
    file: 'domain/producers/judge.ts',
    replace: 'if (epoch < record.epoch) return { kind: \'fenced\', epoch: record.epoch }',
    by: 'if (epoch < record.epoch) return firstOfEpoch(seq)'
  },
  {
    name: 'answer each repeat with the first offset of its segment',
    file: 'domain/producers/record.ts',
    replace: '({ first: last - back - count + 1, last: last - back })',
    by: '({ first: last - record.count + 1, last: last - record.count + count + 0 * back })'
  },
  {
    name: 'move out an open record as if it stood',
    file: 'domain/log/producer-moves.ts',
    replace: '\'void\' : belief.outcomeOf(fact.last)',
    by: '\'void\' : belief.outcomeOf(fact.last) ?? \'stands\''
  },
  {
    name: 'write an older copy of a record over a newer one',
    file: 'adapters/memory/record-store.ts',
    replace: '(there?.last ?? 0) > record.last',
    by: '(there?.last ?? 0) < 0 * record.last'
  },
  {
    name: 'come back into the item without the condition on moves',
    file: 'domain/log/group-draft.ts',
    replace: '...this.#producers.incoming > 0 && { moves: item?.moves ?? 0 }',
    by: '...this.#producers.incoming > 0 && {}'
  },
  {
    name: 'put before the record of the key is written',
    file: 'domain/log/group-commit.ts',
    replace: 'if (!await this.#putKeys(draft, reserved, writer, calls.storage(deadline))) {',
    by: 'this.#putKeys(draft, reserved, writer, calls.storage(deadline)).catch(() => {})\n      if (draft.count < 0) {'
  },
  {
    name: 'replace the record of a key whatever is there',
    file: 'adapters/memory/record-store.ts',
    replace: '(there?.last ?? null) !== seen',
    by: '(there?.last ?? null) === (seen ?? undefined)'
  },
  {
    name: 'call the range of a key void although it was trimmed',
    file: 'domain/log/resolve.ts',
    replace: 'isOld || earliestOf(item) > range.last ? \'lost\' : \'void\'',
    by: 'isOld && earliestOf(item) > range.last ? \'lost\' : \'void\''
  },
  {
    name: 'try an expected offset again although others have reserved',
    file: 'domain/log/group-draft.ts',
    replace: 'if (expectedLast !== undefined) return expectedLast',
    by: 'if (expectedLast !== undefined) return this.#item?.currentOffset ?? 0',
    small: { roles: [{ expectedOffset: 1 }, { append: 1 }, { reads: 2, limit: 10 }], faults: 0, limits }
  },
  {
    name: 'compare an expected offset with belief only',
    file: 'domain/log/group-draft.ts',
    replace: '...this.#expectedLast !== undefined && { currentOffset: this.#expectedLast }',
    by: '...this.#expectedLast !== undefined && {}'
  },
  {
    name: 'refuse as closed by a close that may be void',
    file: 'domain/log/group-draft.ts',
    replace: 'if (closing !== undefined && outcome === undefined) return',
    by: 'if (closing !== undefined && closing.last < 0) return'
  },
  {
    name: 'reserve without the condition on closing',
    file: 'ports/topic-changes.ts',
    replace: '(closing?.last ?? null) !== belief.closing',
    by: '(closing?.last ?? null) === undefined'
  },
  {
    name: 'tell that a topic is closed before its end is reached',
    file: 'domain/log/read.ts',
    replace: 'return this.#expected > closed',
    by: 'return closed > 0'
  },
  {
    name: 'move earliest without what was found of facts',
    file: 'domain/log/trim.ts',
    replace: 'await storage.raiseEarliest(earliest, resolvedBelow(item, (last) => belief.outcomeOf(last)!, earliest))',
    by: 'await storage.raiseEarliest(earliest, {})'
  },
  {
    name: 'store what was found of another close',
    file: 'ports/topic-changes.ts',
    replace: 'if (closing !== undefined && item.closing?.last !== closing.last) return false',
    by: '',
    small: { roles: [{ close: 1 }, { close: 1 }, { trimTo: 2 }], faults: 0, limits }
  },
  {
    name: 'guess the offset in a producer\'s fact',
    file: 'ports/topic-changes.ts',
    replace: 'producers.set(id, { last, text })',
    by: 'producers.set(id, { last: last - last % 2, text })'
  },
  {
    name: 'update on the condition of another item than the one that was judged',
    file: 'domain/log/group-draft.ts',
    replace: 'const item = this.#item\n    const { count } = this\n',
    by: 'const { item } = this.#belief\n    const { count } = this\n'
  }
]
