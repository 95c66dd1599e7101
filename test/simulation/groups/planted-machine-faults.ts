import type { smallCases } from './small-cases.ts'

/** A fault in a group (groups §13), as a change of the source, and what shows it. */
export interface PlantedGroupFault {
  /** Begins with its number in groups §13. */
  readonly name: string
  readonly file: string
  readonly replace: string
  readonly by: string
  /** The small case that shows it. */
  readonly small?: keyof typeof smallCases
  /** Otherwise: the seed to begin with, a little before one that shows it. */
  readonly from?: number
}

/** Faults that all histories of a small case show. */
export const plantedMachineFaults: readonly PlantedGroupFault[] = [
  {
    name: '3: a lease id without seq',
    file: 'domain/groups/settle.ts',
    replace: 'leases.find((lease) => lease.seq === seq && lease.tag === tag)',
    by: 'leases.find((lease) => lease.tag === tag)',
    small: 'late copies of a receive and of its ack'
  },
  {
    name: '4: a lease id without the life',
    file: 'domain/groups/settle.ts',
    replace: 'const lease = part.id.life === life ? liveLease(state, part.id) : undefined\n  if (lease === undefined && (part.id.life !== life || unsettledOf',
    by: 'const lease = liveLease(state, part.id)\n  if (lease === undefined && (unsettledOf',
    small: 'deletion and making anew'
  },
  {
    name: '5: an expired lease goes to retry, and is not ended',
    file: 'domain/groups/settle.ts',
    replace: 'ended = withDead(withRetry(withLease(ended, lease, []), retry)',
    by: 'ended = withDead(withRetry(ended, retry)',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '6: an ack by offsets, whoever has them',
    file: 'domain/groups/settle.ts',
    replace: '{ seq, tag }: LeaseId): Lease | undefined {\n  return leases.find((lease) => lease.seq === seq && lease.tag === tag)',
    by: '{ first, last }: LeaseId): Lease | undefined {\n  return leases.find(({ runs: [run] }) => run!.first >= first && run!.first <= last)',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '7: already for every lost lease',
    file: 'domain/groups/settle.ts',
    replace: '(part.id.life !== life || unsettledOf(state, part).length > 0)) throw',
    by: 'part.id.life !== life) throw',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '8: a message is dropped after its last attempt',
    file: 'domain/groups/settle.ts',
    replace: 'ended = withDead(withRetry(withLease(ended, lease, []), retry), dying, \'max_attempts\')',
    by: 'ended = withRetry(withLease(ended, lease, dying.slice(1, 1)), retry)',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '9: expiry does not count the attempt',
    file: 'domain/groups/settle.ts',
    replace: 'again.map((run) => ({ ...run, expired: true, notBefore: 0 }))',
    by: 'again.map((run) => ({ ...run, attempt: run.attempt - 1, expired: true, notBefore: 0 }))',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '10: committed is next',
    file: 'domain/groups/state.ts',
    replace: 'if (last >= state.committed) committed = Math.min(committed, Math.max(first, state.committed))',
    by: 'if (last < first) committed = first',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '11: next goes past a message that is not readable yet',
    file: 'domain/groups/receive.ts',
    replace: 'if (at.kind !== \'message\') break\n      const bucket',
    by: 'if (at.kind === \'open\' && !at.end) { offset++; next = offset; continue }\n      if (at.kind !== \'message\') break\n      const bucket',
    small: 'a sealed offset and a late message'
  },
  {
    name: '12: a seek keeps leases',
    file: 'domain/groups/manage.ts',
    replace: 'soughtSeq: state.seq, leases: [], retry: [], lanes: [] }',
    by: 'soughtSeq: state.seq, retry: [], lanes: [] }',
    small: 'a seek'
  },
  {
    name: '13: a seek empties dead',
    file: 'domain/groups/manage.ts',
    replace: 'soughtSeq: state.seq, leases: [], retry: [], lanes: [] }',
    by: 'soughtSeq: state.seq, leases: [], retry: [], lanes: [], dead: [] }',
    small: 'a seek'
  },
  {
    name: '14: a locked key is passed without a lane',
    file: 'domain/groups/receive.ts',
    replace: 'if (!known.has(bucket)) begun.push({ bucket, from: offset })',
    by: '',
    small: 'two keys, two workers, expiry'
  },
  {
    name: '15: new messages overtake their key\'s lane',
    file: 'domain/groups/receive.ts',
    replace: '      this.#busy.add(lane.bucket)\n',
    by: '',
    small: 'segments that can\'t be loaded for a while'
  },
  {
    name: '16: retry overtakes its key\'s lease',
    file: 'domain/groups/receive.ts',
    replace: 'if (run.bucket !== undefined && this.#busy.has(run.bucket)) {\n      this.#missing',
    by: 'if (run.bucket === -1) {\n      this.#missing',
    small: 'nacks of one and of all'
  },
  {
    name: '17: nack returns only the one message',
    file: 'domain/groups/settle.ts',
    replace: 'partRuns(left, isBehind(taken))',
    by: 'partRuns(left, (offset) => offset < 0 && isBehind(taken) === undefined)',
    small: 'nacks of one and of all'
  },
  {
    name: '18: a delayed message does not hold its key',
    file: 'domain/groups/receive.ts',
    replace: 'if (run.bucket !== undefined) this.#busy.add(run.bucket)\n    }\n    return joinRuns(stay)',
    by: 'if (run.bucket !== undefined && run.notBefore <= this.#now.low) this.#busy.add(run.bucket)\n    }\n    return joinRuns(stay)',
    small: 'nacks of one and of all'
  },
  {
    name: '19: a trim takes messages out of a live lease',
    file: 'domain/groups/receive.ts',
    replace: 'const state = endExpired(before, deps.config, now)',
    by: 'const expired = endExpired(before, deps.config, now)\n  const state = { ...expired, leases: expired.leases.filter(({ runs }) => runs[0]!.first >= log.earliest) }',
    small: 'a trim'
  },
  {
    name: '23: redrive does not look at what is pending',
    file: 'domain/groups/dead-letters.ts',
    replace: 'if (offset >= state.next || pending.has(offset) || inLane || taken.has(offset)) skipped++',
    by: 'if (offset >= state.next || taken.has(offset)) skipped++',
    small: 'a redrive and a seek'
  },
  {
    name: '24: committed falls by a redrive',
    file: 'domain/groups/dead-letters.ts',
    replace: 'return { state: { ...state, retry, redriven }',
    by: 'return { state: { ...state, retry, redriven, committed: Math.min(state.committed, ...again.map(({ first }) => first)) }',
    small: 'a redrive beside movers'
  },
  {
    name: '25: exclusive ignores the live lease',
    file: 'domain/groups/receive.ts',
    replace: 'if (exclusive && this.#busy.size > 0) {',
    by: 'if (exclusive && this.#state.leases.length > 0) this.#busy.clear()\n    if (exclusive && this.#busy.size > 0) {',
    small: 'exclusive, with a delay'
  },
  {
    name: '26: the room is ignored',
    file: 'domain/groups/receive.ts',
    replace: 'if (this.#fresh < this.#room) return true',
    by: 'if (this.#fresh < this.#room + 10) return true',
    small: 'room for three messages and one lane'
  },
  {
    name: '26: the lanes\' bound is ignored',
    file: 'domain/groups/receive.ts',
    replace: 'if (!known.has(bucket) && lanes.length + begun.length >= this.#limits.groupLanesMax) break',
    by: '',
    small: 'room for three messages and one lane'
  },
  {
    name: '26: the leases\' bound is ignored',
    file: 'domain/groups/receive.ts',
    replace: 'if (state.leases.length >= this.#limits.groupLeasesMax) {',
    by: 'if (state.leases.length > this.#limits.groupLeasesMax) {',
    small: 'three workers of two leases'
  },
  {
    name: '27: a last attempt in company',
    file: 'domain/groups/receive.ts',
    replace: 'return this.#taken.length === 0 || !this.#isAlone(run)',
    by: 'return true',
    small: 'nacks, last attempts and rejections'
  },
  {
    name: '27: a last attempt that others join',
    file: 'domain/groups/receive.ts',
    replace: 'if (this.#isAlone(run)) this.#full ||= this.#taken.length > 0',
    by: '',
    small: 'two keys, two workers, expiry'
  }
]
