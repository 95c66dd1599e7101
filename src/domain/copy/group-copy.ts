import type { GroupItem, GroupName } from '../../ports/group-store.ts'
import type { Fact } from '../../ports/topic-store.ts'
import { lettersOfCopy, letterProducerOf } from '../groups/groups.ts'
import { decodeProducer } from '../producers/record.ts'
import { counts as isOfThisLife } from '../topics/state.ts'
import { isNotAlone, type CopyContext } from './context.ts'

/** Copies a consumer group, as it is. To be called before any topic's item is read (log §8.2). @throws StoreError, CopyError */
export async function copyGroup (context: CopyContext, name: GroupName): Promise<void> {
  const { calls, counts, dryRun, source } = context
  const { item } = await calls.make('read', 'the source', (signal) => source.groups.read(name, { signal }))
  if (item === undefined) return
  counts.groups++
  if (!dryRun) await write(context, name, item, null)
}

/** Gives the group another producer of dead letters if its own has gone on (log §8.3). @throws StoreError, CopyError */
export async function finishGroup (context: CopyContext, name: GroupName): Promise<void> {
  const { calls, target, randomHex } = context
  const { item } = await calls.make('read', 'the target', (signal) => target.groups.read(name, { signal }))
  const changed = item === undefined ? undefined : await withOwnLetters(context, item, randomHex)
  if (item !== undefined && changed !== undefined) await write(context, name, changed, item)
}

async function withOwnLetters (
  context: CopyContext, item: GroupItem, randomHex: (bytes: number) => string
): Promise<GroupItem | undefined> {
  let producer: ReturnType<typeof letterProducerOf>
  try {
    producer = letterProducerOf(item)
  } catch {
    // It can't be read in the source either, and is copied as it is.
    return undefined
  }
  if (producer === undefined) return undefined
  const fact = await producerFact(context, producer)
  const record = fact === undefined ? undefined : decodeProducer(fact)
  try {
    return lettersOfCopy(item, record, randomHex)
  } catch {
    return undefined
  }
}

async function producerFact (
  { calls, target }: CopyContext, name: NonNullable<ReturnType<typeof letterProducerOf>>
): Promise<Fact | undefined> {
  const item = await calls.make('read', 'the target', (signal) => target.topics.read(name.topic, { signal }))
  if (item === undefined) return undefined
  const fact = item.producers.get(name.id) ??
    await calls.make('read', 'the target', (signal) => target.records.read(name, { signal }))
  return fact !== undefined && isOfThisLife(item, fact.last) ? fact : undefined
}

async function write ({ calls, target }: CopyContext, name: GroupName, item: GroupItem, expected: GroupItem | null): Promise<void> {
  const written = await calls.make('write', 'the target', (signal) => target.groups.write(name, item, expected, { signal }))
  if (written.kind === 'written') return
  const there = written.item
  // An answer may have been lost.
  if (there?.gen !== item.gen || there.rev !== item.rev || there.by !== item.by) {
    throw isNotAlone(`the consumer group ${name.group} of topic ${name.topic}`)
  }
}
