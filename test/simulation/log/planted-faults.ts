import type { SmallCase } from './interleavings.ts'

/**
 * Deliberate faults in the protocol, each a small change of the source. The simulation must catch every one: if it
 * can't see a planted bug, it proves nothing. A text that is no longer found exactly once fails the check, so that the
 * list follows the code.
 */
export interface PlantedFault {
  readonly name: string
  readonly file: string
  readonly replace: string
  readonly by: string
  /** The seed to begin with, for a fault that takes a rare coincidence to show: a little before one that shows it. */
  readonly from?: number
  /** A small case that shows it, all of whose interleavings are tried first. */
  readonly small?: SmallCase
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'seal bottom-up',
    file: 'domain/log/holes.ts',
    replace: `  let at = top
  while (at >= bottom && puts < budget) {`,
    by: `  for (let up = bottom; up <= top && puts < budget; up++, puts++) {
    await storage.put(up, encodeSeal(up, up, 'hole'), { reservedAtMs: null, timeoutMs: limits.putTimeoutMs })
  }
  let at = bottom - 1
  while (at >= bottom && puts < budget) {`
  },
  {
    name: 'go past a sealed hole without reading it again',
    file: 'domain/log/read.ts',
    replace: 'return await this.#seal(above.first - 1) ? \'again\' : \'done\'',
    by: 'await this.#seal(above.first - 1); this.#expected = above.first; return \'pass\''
  },
  {
    name: 'go on sealing inside a segment that refused a seal',
    file: 'domain/log/holes.ts',
    replace: 'at = found.first - 1',
    by: 'at = found.last - 1'
  },
  {
    name: 'pass a hole without judging it',
    file: 'domain/log/read.ts',
    replace: 'const verdict = judgeHoleBelow({ above, offsets: above.first - this.#expected, lastModified, now }, this.#context.limits)',
    by: 'const verdict = judgeHoleBelow({ above, offsets: above.first - this.#expected, lastModified, now }, this.#context.limits) && \'pass\''
  },
  {
    name: 'skip a segment that can\'t be loaded',
    file: 'domain/log/read.ts',
    replace: 'const segment = await lookahead.take(i)',
    by: 'const segment = await lookahead.take(i).catch(() => ({ kind: \'seal\', sealed: \'hole\', first: this.#expected, last: entries[i]!.lastOffset, writer: undefined, bytes: 0 }) as Segment)'
  },
  {
    name: 'believe a list that is out of order',
    file: 'domain/log/topic-storage.ts',
    replace: 'if (lastOffset <= above) throw',
    by: 'if (lastOffset < 0) throw'
  },
  {
    name: 'take a missing date for a very old one',
    from: 1_000,
    file: 'domain/log/topic-storage.ts',
    replace: 'if (!Number.isFinite(lastModified)) throw',
    by: 'if (!Number.isFinite(lastModified)) Object.assign(entries.find((entry) => entry.lastOffset === lastOffset)!, { lastModified: -1e12 })\n    if (lastOffset < 0) throw'
  },
  {
    name: 'acknowledge on 412 without looking',
    file: 'domain/log/reservation-writer.ts',
    replace: 'return put === \'created\' ? \'written\' : this.#resolveExisting()',
    by: 'return \'written\''
  },
  {
    name: 'say "not written" after a time-out without sealing',
    file: 'domain/log/reservation-writer.ts',
    replace: '    return this.#resolveBySeal(failure)',
    by: '    throw this.#notWritten(failure)'
  },
  {
    name: 'say "not written" when the range was trimmed meanwhile',
    from: 3100,
    file: 'domain/log/reservation-writer.ts',
    replace: 'return item !== undefined && earliestOf(item) <= this.#reservation.first',
    by: 'return true'
  },
  {
    name: 'sign a late put with the current time',
    from: 2700,
    file: 'domain/log/reservation-writer.ts',
    replace: 'this.#storage.put(last, object, { reservedAtMs, ',
    by: 'this.#storage.put(last, object, { reservedAtMs: clock.wall() + 0 * reservedAtMs, '
  },
  {
    name: 'a store that takes puts of any age',
    from: 5730,
    file: 'adapters/memory/segment-store.ts',
    replace: 'now() - reservedAtMs > PUT_ACCEPTED_MS',
    by: 'now() - reservedAtMs > 1e15 * PUT_ACCEPTED_MS'
  },
  {
    name: 'judge a hole by the reader\'s clock',
    file: 'domain/log/read.ts',
    replace: 'const verdict = judgeHoleBelow({ above, offsets: above.first - this.#expected, lastModified, now }, this.#context.limits)',
    by: 'const verdict = judgeHoleBelow({ above, offsets: above.first - this.#expected, lastModified, now: now * 0 + this.#context.clock.wall() }, this.#context.limits)'
  },
  {
    name: 'judge a hole by the age of a segment below it',
    from: 4500,
    file: 'domain/log/read.ts',
    replace: 'entries.slice(i).reduce(',
    by: 'entries.reduce('
  },
  {
    name: 'wait for a hole below a segment from the future',
    file: 'domain/log/holes.ts',
    replace: 'Math.abs(age) > limits.holeGraceMs',
    by: 'age > limits.holeGraceMs'
  },
  {
    name: 'wait for the time of a tail hole that is in the future',
    file: 'domain/log/holes.ts',
    replace: 'writerReservedAtMs === undefined || writerReservedAtMs - now > limits.holeGraceMs',
    by: 'writerReservedAtMs === undefined'
  },
  {
    name: 'an embedded store whose clock starts at the machine\'s, wherever it was before',
    file: 'adapters/sqlite/clock.ts',
    replace: 'Math.max(wall(), newestMs)',
    by: 'wall() + 0 * newestMs'
  },
  {
    name: 'pass a tail hole over as dead',
    file: 'domain/log/read.ts',
    replace: 'return verdict === \'seal\' && await this.#seal(endOf(item) - 1)',
    by: 'if (item.reservedAtMs !== undefined && now - item.reservedAtMs > this.#context.limits.holeUnfillableAfterMs) { this.#expected = item.currentOffset + 1; return false }\n    return verdict === \'seal\' && await this.#seal(endOf(item) - 1)',
    from: 330
  },
  {
    name: 'go on behind the last message found, whatever is below',
    file: 'domain/log/read.ts',
    replace: '      if (segment.first > this.#expected) {',
    by: '      if (segment.first > this.#expected) this.#expected = segment.first\n      if (segment.first > this.#expected) {'
  },
  {
    name: 'go on at the topic\'s end when the listing is at its end',
    file: 'domain/log/read.ts',
    replace: 'return await this.#tailHole(now) ? this.#expected : undefined',
    by: 'this.#expected = end\n    return undefined'
  },
  {
    name: 'hand offsets out again after a topic was deleted',
    file: 'ports/topic-changes.ts',
    replace: 'return { currentOffset, reservedAtMs, earliest: currentOffset + 1, deletedAtOffset: currentOffset, moves',
    by: 'return { currentOffset: 0 * currentOffset, reservedAtMs, earliest: 1, moves'
  },
  {
    name: 'delete before moving earliest',
    file: 'domain/log/trim.ts',
    replace: '    const answer = await storage.raiseEarliest(',
    by: '    await storage.remove([earliest, earliest - 1, earliest - 2])\n    const answer = await storage.raiseEarliest('
  },
  {
    name: 'a trim that deletes a young seal',
    from: 3600,
    file: 'domain/log/removal.ts',
    replace: 'return size <= SEAL_BYTES_MAX && ',
    by: 'return size < 0 * SEAL_BYTES_MAX && '
  },
  {
    name: 'a deadline that a look at the item may exceed',
    file: 'domain/log/group-commit.ts',
    replace: 'return new TopicStorage(this.#context, this.#topic, this.#operation, deadline)',
    by: 'return new TopicStorage(this.#context, this.#topic, this.#operation, deadline * 2)'
  },
  {
    name: 'a deadline of a read that its seals may exceed',
    file: 'domain/log/read.ts',
    replace: 'new TopicStorage(context, topic, operation, deadline, ',
    by: 'new TopicStorage(context, topic, operation, Infinity, '
  },
  {
    name: 'send a segment again in smaller ones although it may have been written',
    file: 'domain/log/group-commit.ts',
    replace: 'failure.code === \'append_timeout\' && failure.written === \'no\' && isTimeout(failure.cause)',
    by: 'isTimeout(failure.cause)',
    from: 860
  },
  {
    name: 'send an append whose deadline can\'t be met',
    file: 'domain/log/append-queue.ts',
    replace: 'return deadline - this.#context.limits.resolveBySealMs - this.#context.limits.putTimeoutMs',
    by: 'return deadline + 60_000'
  },
  {
    name: 'a reservation that is read, then written',
    file: 'adapters/memory/topic-store.ts',
    replace: 'const last = done.item.currentOffset',
    by: 'const last = done.item.currentOffset % 5 === 4 ? done.item.currentOffset - 1 : done.item.currentOffset'
  },
  {
    name: 'a put that replaces what is there',
    file: 'adapters/memory/segment-store.ts',
    replace: 'if (segments.objects.has(last)) return \'exists\'',
    by: 'if (segments.objects.delete(last)) segments.keys = segments.keys.filter((key) => key !== last)'
  },
  {
    name: 'put the first message of a batch by itself, then the batch',
    file: 'domain/log/reservation-writer.ts',
    replace: '    return await this.#putSegment(object) === \'written\' ? segment : \'sealed\'',
    by: `    const alone = encodeSegment(messages.slice(0, 1), { ...options, timestamp: 0 })
    if (messages.length > 1) await this.#storage.put(options.first, alone.object, { reservedAtMs: null, timeoutMs: limits.putTimeoutMs }).catch(() => {})
    return await this.#putSegment(object) === 'written' ? segment : 'sealed'`
  },
  {
    name: 'give each caller of a group commit the first offset',
    file: 'domain/log/group-commit.ts',
    replace: 'offset = next',
    by: 'offset += 0 * next'
  },
  {
    name: 'tell a reader to go on behind the page although it stopped inside a segment',
    file: 'domain/log/read.ts',
    replace: 'this.#page.take(segment, this.#expected) : segment.last + 1',
    by: '(this.#page.take(segment, this.#expected), segment.last + 1) : segment.last + 1'
  },
  {
    name: 'hand a segment to a follower that waits below it',
    file: 'domain/log/follow.ts',
    replace: 'if (from < segment.first) {',
    by: 'if (from < segment.first) notify({ version: this.version, page: pageOf(segment, segment.first, size, { earliest: 1, closes }) })\n      if (from < 0) {'
  },
  {
    name: 'tell a follower to go on behind a segment of which it got a part',
    file: 'domain/log/page.ts',
    replace: 'return { runs, count, nextOffset, end',
    by: 'return { runs, count, nextOffset: Math.max(nextOffset, segment.last + 1), end'
  },
  {
    name: 'followers that hear of their own process only',
    file: 'domain/log/follow.ts',
    replace: '      onCancel(() => { waiter.notify(undefined) })\n      this.#schedulePoll()',
    by: '      onCancel(() => { waiter.notify(undefined) })'
  }
]
