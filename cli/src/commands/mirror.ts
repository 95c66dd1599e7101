import { jsonText } from '../../../clients/typescript/src/index.ts'
import { addressOf, type Connection, connectionOf, impatient } from '../connection.ts'
import { copyInto, type Source } from '../copying.ts'
import { CommandError, usageError } from '../failures.ts'
import { counted, grouped } from '../output.ts'
import { Progress } from '../progress.ts'
import type { Session } from '../session.ts'

export interface MirrorOptions {
  readonly to?: string
  readonly follow?: boolean
  readonly origin?: boolean
  readonly retryFor: number
}

/** Copies a topic to another service, or to another topic, each message once; and goes on where an earlier run has ended. */
export async function mirror (session: Session, from: string, to: string | undefined, options: MirrorOptions): Promise<void> {
  const { signal, notes, connection } = session
  const { follow = false, origin = false, retryFor } = options
  const target = destination(session, options.to)
  if (addressOf(target.url) === addressOf(connection.url) && (to ?? from) === from) {
    throw usageError('mirror: expected another topic or another service', 'name a topic, or --to PROFILE|URL')
  }
  const name = to ?? from
  const { earliest, end } = await session.client.topic(from).describe({ signal })
  await session.clientWith({ retry: impatient }, target).health({ signal })
  const source = sourceOf(session, from, follow)
  const progress = await Progress.start(session, from, follow ? 0 : end - earliest)
  let began = earliest - 1
  const started = performance.now()
  if (follow) notes.note(`${from} → ${target.url} ${name}; Ctrl-C stops`)
  try {
    const copied = await copyInto(session, { connection: target, topic: name }, source, {
      deliveryMs: retryFor,
      origin,
      onBegin: async (position) => {
        began = position
        // The source may have grown, and another mirror may have been quicker.
        if (position >= end) notAhead(position, (await session.client.topic(from).describe({ signal })).end, from, name)
        if (position > earliest) notes.note(`${name}: has offsets up to ${grouped(position)} of ${from} already`)
      },
      onStored: ({ position, messages }) => { progress.update(position - earliest + 1, messages) }
    })
    progress.stop()
    session.result({ topic: from, to: name, count: copied.messages, lastSourceOffset: copied.position }, () => {
      const seconds = (performance.now() - started) / 1_000
      session.out.line(`${counted(copied.messages, 'message')} of ${from} in ${name}, ${grouped(copied.messages / seconds)}/s`)
    })
  } catch (error) {
    if (!signal.aborted) throw error
    if (follow) return
    throw new CommandError(`interrupted; ${name} has what was stored so far, after offset ${began} of ${from}`, {
      exit: session.interrupts.exit, hint: 'the same command goes on'
    })
  } finally {
    progress.stop()
  }
}

/** What is `end` is the next offset, so a position there or beyond comes from another source. */
function notAhead (position: number, end: number, from: string, name: string): void {
  if (position < end) return
  throw new CommandError(`${name} has offset ${position} of its source, but ${from} ends at ${end}: it mirrors another topic`, {
    exit: 'conflict', code: 'not_its_mirror', hint: 'choose another topic for the mirror'
  })
}

function sourceOf (session: Session, name: string, follow: boolean): Source {
  const { signal, notes } = session
  const topic = session.patientClient.topic<string>(name, { codec: jsonText })
  return {
    name,
    messages: (from) => follow
      ? topic.follow({ from, signal })
      : topic.read({
        from,
        signal,
        onTrimmed: (first, next) => {
          // Everything before the first message counts as removed.
          if (first > 1) notes.warn(`${name}: messages ${grouped(first)} to ${grouped(next - 1)} were removed before they were mirrored`)
        }
      })
  }
}

/** @param to a profile or a URL */
function destination ({ connection }: Session, to: string | undefined): Connection {
  if (to === undefined) return connection
  const { STREAMS_TO_TOKEN: token } = process.env
  return to.includes('://') ? connectionOf({ url: to }, { STREAMS_TOKEN: token }) : connectionOf({ profile: to })
}
