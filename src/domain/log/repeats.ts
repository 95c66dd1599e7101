import type { AppendRange } from '../producers/record.ts'
import { linePieces, type NewMessage } from '../segments/message.ts'
import { timestampOf } from '../segments/timestamp.ts'
import type { LogContext, TopicStorage } from './topic-storage.ts'

/**
 * Whether a repeat has the messages that are stored at its offsets. The messages are encoded with the offsets and the timestamp
 * of the stored lines, and compared with the lines byte by byte (log §6.4), large ones in slices. Messages that were trimmed
 * can't be compared, and count as the same.
 * @throws StoreError, LogError
 */
export async function isSameContent (
  { turns, limits: { sliceChars } }: Pick<LogContext, 'turns' | 'limits'>, storage: TopicStorage, { first, last }: AppendRange,
  messages: readonly NewMessage[]
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
  const { lines } = segment
  const timestamp = timestampOf(lines.at(first - segment.first))
  let at = lines.start(first - segment.first)
  for (const piece of linePieces(messages, first, String(timestamp), sliceChars)) {
    const bytes = Buffer.from(piece)
    if (!bytes.equals(lines.bytes.subarray(at, at + bytes.length))) return false
    at += bytes.length
    if (piece.length >= sliceChars) await turns.next()
  }
  return at === lines.end(last - segment.first)
}
