import type { SegmentObject } from '../../ports/segment-store.ts'
import { applyTrim } from '../../ports/topic-changes.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { defaultLimits } from '../limits.ts'
import { earliestOf } from '../topics/state.ts'
import type { RangeOutcome } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import { openRanges } from './resolve.ts'
import { resolvedBelow } from './trim.ts'

/**
 * The item with the outcomes of all its facts, where no writer is left that could put one of the open ranges (log §8.3).
 * @param segmentAt what is stored at an offset
 * @param nowMs to tell which facts are so old that a lifecycle rule may have removed their segments
 */
export async function settled (
  item: TopicItem, segmentAt: (last: Offset) => Promise<SegmentObject | undefined>, nowMs: Ms
): Promise<TopicItem> {
  const outcomes = new Map<Offset, RangeOutcome>()
  for (const range of openRanges(item)) {
    const outcome = range.last < earliestOf(item) ? 'lost' : outcomeOf(range, await segmentAt(range.last), nowMs)
    outcomes.set(range.last, outcome)
  }
  if (outcomes.size === 0) return item
  return applyTrim(item, item.earliest, resolvedBelow(item, (last) => outcomes.get(last)!, Infinity))!
}

function outcomeOf ({ writer, timeS }: OpenRange, object: SegmentObject | undefined, nowMs: Ms): RangeOutcome {
  if (object !== undefined && object.metadata['sealed'] === undefined) {
    // Another writer's segment in a reserved range is damage: nothing is said of these appends.
    return object.metadata['writer'] === writer ? 'stands' : 'lost'
  }
  return nowMs - timeS * 1_000 > defaultLimits.factAgeMaxMs ? 'lost' : 'void'
}
