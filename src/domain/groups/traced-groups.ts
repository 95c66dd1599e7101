import type { GroupName } from '../../ports/group-store.ts'
import type { TracedKind, TracedOperation, TracedResult, Traces } from '../../ports/traces.ts'
import type { Limits } from '../limits.ts'
import { traceparentsOfLines } from '../segments/traceparent.ts'
import type { Groups } from './groups.ts'

/** The groups, with a span for each receive, and for each operation on a lease. */
export function tracedGroups (groups: Groups, traces: Traces, limits: Limits): Groups {
  const operations: Pick<Groups, 'receive' | 'ack' | 'nack' | 'extend'> = {
    receive: (name, options, operation) => traces.operation(
      traced('receive', 'receive', name),
      () => groups.receive(name, options, operation),
      ({ lines }) => ({ messages: lines.length, traceparents: traceparentsOfLines(lines, limits) })
    ),

    ack: (name, part, operation) => traces.operation(
      traced('settle', 'ack', name), () => groups.ack(name, part, operation), ({ acked }) => ({ messages: acked })
    ),

    nack: (name, part, options, operation) => traces.operation(
      traced('settle', 'nack', name), () => groups.nack(name, part, options, operation), ({ nacked }) => ({ messages: nacked })
    ),

    extend: (name, id, leaseMs, operation) => traces.operation(
      traced('settle', 'extend', name), () => groups.extend(name, id, leaseMs, operation), nothing
    )
  }
  // The other methods are those of a class, and can't be spread.
  return Object.assign(Object.create(groups) as Groups, operations)
}

function traced (kind: TracedKind, name: string, { topic, group }: GroupName): TracedOperation {
  return { kind, name, topic, group }
}

function nothing (): TracedResult {
  return {}
}
