import type { AppendRange } from '../producers/record.ts'
import { encodeMessage, type NewMessage } from '../segments/message.ts'
import type { TopicStorage } from './topic-storage.ts'

/**
 * Whether a repeat has the messages that are stored at its offsets. The messages are encoded with the offsets and the timestamp
 * of the stored lines, and compared with the lines byte by byte (log §6.4). Messages that were trimmed can't be compared, and
 * count as the same.
 * @throws StoreError, LogError
 */
export async function isSameContent (
  storage: TopicStorage, { first, last }: AppendRange, messages: readonly NewMessage[]
): Promise<boolean> {
  if (messages.length !== last - first + 1) return false
  if (messages.length === 0) return true
  let key = storage.lastOffsetOfSegmentAt(first)
  if (key === undefined) {
    const [entry] = (await storage.list(first, 1)).entries
    key = entry?.lastOffset
  }
  const segment = key === undefined ? undefined : await storage.segment(key)
  if (segment?.kind !== 'messages' || segment.first > first || segment.last < last) return true
  const { timestamp } = JSON.parse(Buffer.from(segment.lines.at(first - segment.first)).toString()) as { timestamp: number }
  return messages.every((message, i) => {
    const line = segment.lines.at(first - segment.first + i)
    return Buffer.from(encodeMessage(message, first + i, String(timestamp))).equals(line)
  })
}
