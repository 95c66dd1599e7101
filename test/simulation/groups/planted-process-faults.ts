import type { PlantedGroupFault } from './planted-machine-faults.ts'

/** Faults that need clocks, kept states, lost answers or the log to show: the simulation catches them. */
export const plantedProcessFaults: readonly PlantedGroupFault[] = [
  {
    name: '1: a write without the condition',
    file: 'adapters/memory/group-store.ts',
    replace: 'if (!isAt(there, expected)) return { kind: \'refused\', item: there, now: instant() }\n      groups.set',
    by: 'groups.set'
  },
  {
    name: '2: a condition on rev alone',
    file: 'adapters/memory/group-store.ts',
    replace: 'item?.gen === expected.gen && item.rev === expected.rev',
    by: 'item?.rev === expected.rev',
    from: 220
  },
  {
    name: '20: a batch is confirmed before it is appended',
    file: 'domain/groups/letter-mover.ts',
    replace: '  const lines = await linesOf(context, name.topic, first.batch.runs, operation)\n',
    by: '  await queue.submit(confirmation(group, first.seq, false), operation)\n' +
      '  const lines = await linesOf(context, name.topic, first.batch.runs, operation)\n'
  },
  {
    name: '21: letters are appended without a producer',
    file: 'domain/groups/letter-mover.ts',
    replace: '{ producer: { id: deadLetterProducer, epoch: 0, seq: first.seq - 1 } }',
    by: '{}',
    from: 100
  },
  {
    name: '22: letters are appended with a seq drawn at each try',
    file: 'domain/groups/letter-mover.ts',
    replace: '{ producer: { id: deadLetterProducer, epoch: 0, seq: first.seq - 1 } }',
    by: '{ producer: { id: context.randomHex(16), epoch: 0, seq: 0 } }',
    from: 100
  },
  {
    name: '28: an ack is refused because the clock is past expires',
    file: 'domain/groups/receiver.ts',
    replace: '      const { state, answer } = ack(view.state, view.life, part)\n      return',
    by: '      const isLate = view.state.leases.some(({ seq, expires }) => seq === part.id.seq && expires <= view.now.low)\n' +
      '      const { state, answer } = ack(view.state, isLate ? \'\' : view.life, part)\n      return'
  },
  {
    name: '29: lease_lost from a kept state',
    file: 'domain/groups/group-queue.ts',
    replace: 'readAt >= (waiting.command.since ?? waiting.arrivedAt)',
    by: 'readAt >= (waiting.command.since ?? waiting.arrivedAt) - 500'
  },
  {
    name: '30: leases are granted from low',
    file: 'domain/groups/receive.ts',
    replace: 'expires: this.#now.high + leaseMs',
    by: 'expires: this.#now.low + leaseMs'
  },
  {
    name: '30: leases are ended by high',
    file: 'domain/groups/settle.ts',
    replace: 'if (lease.expires > now.low) continue',
    by: 'if (lease.expires > now.high) continue'
  },
  {
    name: '31: a receive answers before its write',
    file: 'domain/groups/group-queue.ts',
    replace: '      if (await this.#traced(\'write group\', batch, () => this.#write(applied, base))) {',
    by: '      settle(applied.answers.filter(({ waiting }) => waiting.command.kind === \'receive\'))\n' +
      '      if (await this.#traced(\'write group\', batch, () => this.#write(applied, base))) {'
  },
  {
    name: '32: the producer of the dead letters is made of names',
    file: 'domain/groups/letter-mover.ts',
    replace: '{ producer: { id: deadLetterProducer, epoch: 0, seq: first.seq - 1 } }',
    by: '{ producer: { id: name.topic + name.group, epoch: 0, seq: first.seq - 1 } }',
    from: 145
  },
  {
    name: '33: a seek is repeated after an unknown outcome',
    file: 'domain/groups/manage.ts',
    replace: 'repeatable: false,',
    by: 'repeatable: true,',
    from: 1_005
  },
  {
    name: 'a failed receive keeps silent about its acks',
    file: 'domain/groups/receiver.ts',
    replace: 'throw this.#options.acks.length > 0 ? withAppliedUnknown(toLogError(error)) : error',
    by: 'throw this.#options.acks.length > 0 ? toLogError(error) : error'
  },
  {
    name: 'what takes too long is said to have changed nothing',
    file: 'domain/groups/many-groups.ts',
    replace: 'throw changes && !isOver ?',
    by: 'throw !changes && !isOver ?',
    from: 5_060
  },
  {
    name: 'expires_in_ms is counted from the answer',
    file: 'domain/groups/receiver.ts',
    replace: 'lease.expires - now.high - elapsed',
    by: 'lease.expires - now.high - 0 * elapsed'
  },
  {
    name: 'a claimed batch is never moved by anybody else',
    file: 'domain/groups/group-queue.ts',
    replace: 'group.state.movedUntil <= now.low',
    by: 'group.state.movedUntil === 0'
  },
  {
    name: 'the answer to a repeated receive is another lease',
    file: 'domain/groups/receive.ts',
    replace: 'tag === request.tag && expires > now.low)',
    by: 'tag === request.tag && expires < now.low)'
  }
]
