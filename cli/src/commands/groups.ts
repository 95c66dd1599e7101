import type { GroupInfo, GroupMode } from '../../../clients/typescript/src/index.ts'
import { confirm } from '../confirm.ts'
import { usageError } from '../failures.ts'
import { counted, durationText, grouped, harmless, timeOf } from '../output.ts'
import type { Session } from '../session.ts'
import type { Start } from '../values.ts'

export async function list (session: Session, topic: string, { long = false }: { readonly long?: boolean }): Promise<void> {
  const { client, out, signal } = session
  const rows: string[][] = []
  for await (const group of client.topic(topic).groups({ signal })) {
    if (!long) {
      if (out.json) out.value({ topic, group })
      else out.line(harmless(group))
      continue
    }
    const info = await client.topic(topic).group(group).describe({ signal })
    session.result(info, () => { rows.push(rowOf(info)) })
  }
  if (long && !out.json) out.table(['GROUP', 'MODE', 'COMMITTED', 'LAG', 'IN FLIGHT', 'RETRYING'], rows, [2, 3, 4, 5])
}

function rowOf ({ group, mode, committedOffset, lag, inFlight, retrying }: GroupInfo): string[] {
  return [harmless(group), mode, String(committedOffset), grouped(lag), grouped(inFlight), grouped(retrying)]
}

export async function describe (session: Session, topic: string, group: string): Promise<void> {
  const info = await session.client.topic(topic).group(group).describe({ signal: session.signal })
  session.result(info, () => { show(session, info) })
}

function show ({ out }: Session, info: GroupInfo): void {
  const { deadLetterTopic: deadLetters } = info
  out.pairs([
    ['group', `${harmless(info.group)} of ${harmless(info.topic)}`],
    ['mode', info.mode],
    ['committed', `${info.committedOffset}; all messages below are done`],
    ['lag', `at most ${counted(info.lag, 'message')}`],
    ['in flight', counted(info.inFlight, 'message')],
    ['retrying', `${counted(info.retrying, 'message')}, ${grouped(info.delayed)} of them later`],
    ['lease', durationText(info.leaseMs)],
    ['attempts', info.maxAttempts === null ? 'without a limit' : grouped(info.maxAttempts)],
    ['dead letters', deadLetters === null ? 'none' : `to ${deadLetters}, ${grouped(info.deadLettersWaiting)} on their way`]
  ])
  if (info.leases.length === 0) return
  out.line('')
  out.table(['WORKER', 'MESSAGES', 'OFFSETS', 'UNTIL'], info.leases.map(({ consumer, messages, first, last, expiresAt }) => (
    [harmless(consumer ?? '-'), grouped(messages), `${first} to ${last}`, timeOf(expiresAt)])), [1])
}

export interface GroupOptions {
  readonly mode?: GroupMode
  readonly lease?: number
  readonly maxAttempts?: number | 'unlimited'
  readonly deadLetters?: string
  readonly maxInFlight?: number
  readonly start?: Start
}

export async function create (session: Session, topic: string, group: string, options: GroupOptions): Promise<void> {
  const { mode, lease, maxAttempts, deadLetters, maxInFlight, start } = options
  if (typeof start === 'object') throw usageError('--start: expected an offset, "earliest" or "latest"')
  const info = await session.client.topic(topic).group(group).create({
    ...mode !== undefined && { mode },
    ...lease !== undefined && { leaseMs: lease },
    ...maxAttempts !== undefined && { maxAttempts: maxAttempts === 'unlimited' ? null : maxAttempts },
    ...deadLetters !== undefined && { deadLetterTopic: deadLetters === 'none' ? null : deadLetters },
    ...maxInFlight !== undefined && { maxInFlight },
    ...start !== undefined && { start }
  }, { signal: session.signal })
  session.result(info, () => {
    session.out.line(`${info.created ? 'created' : 'configured'}: ${group} of ${topic}`)
    show(session, info)
  })
}

/** As `create`, of a group that exists. */
export async function config (session: Session, topic: string, group: string, options: GroupOptions): Promise<void> {
  await session.client.topic(topic).group(group).describe({ signal: session.signal })
  await create(session, topic, group, options)
}

export async function seek (
  session: Session, topic: string, group: string, to: Start, { yes }: { readonly yes?: boolean }
): Promise<void> {
  const { client, out, signal } = session
  const target = client.topic(topic).group(group)
  const { committedOffset, inFlight, end } = await target.describe({ signal })
  const offset = typeof to === 'object' ? Math.max(1, end - to.fromEnd) : to
  const held = inFlight === 0 ? '' : ` Workers hold ${counted(inFlight, 'message')}, and lose their leases.`
  await confirm(session, `Move ${group} of ${topic} from offset ${committedOffset} to ${offset}?${held}`, yes)
  const answer = await target.seek(offset, { signal })
  session.result(answer, () => {
    const ended = answer.endedLeases === 0 ? '' : `; ${counted(answer.endedLeases, 'lease')} ended`
    out.line(`${group} of ${topic} goes on at offset ${answer.committedOffset}${ended}`)
  })
}

export async function remove (
  session: Session, topic: string, group: string, { yes, force = false }: { readonly yes?: boolean, readonly force?: boolean }
): Promise<void> {
  const { client, out, signal } = session
  const target = client.topic(topic).group(group)
  const { committedOffset } = await target.describe({ signal })
  await confirm(session, `Delete ${group} of ${topic}, which is at offset ${committedOffset}? Its position is lost.`, yes)
  await target.delete({ force, signal })
  session.result({ topic, group, deleted: true }, () => { out.line(`deleted: ${group} of ${topic}`) })
}
