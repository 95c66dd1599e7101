import { isDeleted, type Fact, type TopicItem } from '../../ports/topic-store.ts'

/** Whether the topic exists: it was created, or a message was appended, and it has not been deleted since. */
export function existsTopic (item: TopicItem | undefined): item is TopicItem {
  return item !== undefined && !isDeleted(item)
}

/** The lowest offset that a reader may ask for. */
export function earliestOf (item: TopicItem | undefined): number {
  // Older versions mark a deletion without moving `earliest` in the same update.
  return item === undefined ? 1 : Math.max(item.earliest, (item.deletedAtOffset ?? 0) + 1)
}

/** The offset that the next message gets, or would get if the topic were not closed. */
export function endOf (item: TopicItem | undefined): number {
  const closed = closedOf(item)
  // Other implementations may append above `closed`. Those messages are not read.
  return closed === undefined ? Math.max((item?.currentOffset ?? 0) + 1, earliestOf(item)) : closed + 1
}

/**
 * Whether a fact is of the topic's present life. Deletions by older versions leave facts of an earlier life in the item.
 * @param last the fact's version
 */
export function counts (item: Pick<TopicItem, 'deletedAtOffset'>, last: number): boolean {
  // A close before the first message is at offset 0.
  return item.deletedAtOffset === undefined || last > item.deletedAtOffset
}

/** The topic's last offset for ever, if it is closed. */
export function closedOf (item: TopicItem | undefined): number | undefined {
  return item?.closed !== undefined && counts(item, item.closed) ? item.closed : undefined
}

/** The closing append whose outcome the item does not have, if there is one. */
export function closingOf (item: TopicItem | undefined): Fact | undefined {
  return item?.closing !== undefined && counts(item, item.closing.last) ? item.closing : undefined
}
