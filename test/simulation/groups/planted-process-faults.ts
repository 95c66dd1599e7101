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
    by: 'item?.rev === expected.rev'
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
    by: '{}'
  },
  {
    name: '22: letters are appended with a seq drawn at each try',
    file: 'domain/groups/letter-mover.ts',
    replace: '{ producer: { id: deadLetterProducer, epoch: 0, seq: first.seq - 1 } }',
    by: '{ producer: { id: context.randomHex(16), epoch: 0, seq: 0 } }'
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
    replace: 'readAt >= waiting.arrivedAt',
    by: 'readAt >= waiting.arrivedAt - 500'
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
    replace: '      if (await this.#write(applied, base)) {',
    by: '      settle(applied.answers.filter(({ waiting }) => waiting.command.kind === \'receive\'))\n' +
      '      if (await this.#write(applied, base)) {'
  },
  {
    name: '32: the producer of the dead letters is made of names',
    file: 'domain/groups/letter-mover.ts',
    replace: '{ producer: { id: deadLetterProducer, epoch: 0, seq: first.seq - 1 } }',
    by: '{ producer: { id: name.topic + name.group, epoch: 0, seq: first.seq - 1 } }'
  },
  {
    name: '33: a seek is repeated after an unknown outcome',
    file: 'domain/groups/manage.ts',
    replace: 'repeatable: false,',
    by: 'repeatable: true,'
  },
  {
    name: 'a refusal of a write that was sent twice counts as not applied',
    file: 'domain/groups/kept-group.ts',
    replace: 'isNext ? \'refused\' : \'unknown\'',
    by: 'unanswered && !isNext ? \'unknown\' : \'refused\''
  },
  {
    name: 'a write that makes a group is sent again',
    file: 'domain/groups/kept-group.ts',
    replace: 'if (unanswered && base.item === undefined) {',
    by: 'if (unanswered && clock.monotonic() < 0) {'
  },
  {
    name: 'a late confirmation of another producer',
    file: 'domain/groups/letter-mover.ts',
    replace: 'view.gen === gen && view.config.deadLetterProducer === config.deadLetterProducer',
    by: 'view.gen === gen && config !== undefined'
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
