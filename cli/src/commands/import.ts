import { statSync } from 'node:fs'
import type { Message } from '../../../clients/typescript/src/index.ts'
import { copyInto, type Source } from '../copying.ts'
import { CommandError } from '../failures.ts'
import { damageOf, openText } from '../files.ts'
import { linesOf } from '../lines.ts'
import { messageOf } from '../message-lines.ts'
import { counted, grouped } from '../output.ts'
import { Progress } from '../progress.ts'
import type { Session } from '../session.ts'

export interface ImportOptions {
  readonly origin: boolean
  readonly retryFor: number
}

/** Appends the messages of an export. What is there already is left out, so that it can be interrupted and repeated. */
export async function importFile (
  session: Session, name: string, path: string, { origin, retryFor }: ImportOptions
): Promise<void> {
  const { signal, out, notes } = session
  const progress = await Progress.start(session, path, path === '-' ? 0 : statSync(path).size)
  let bytes = 0
  const source: Source = {
    name: path,
    messages: (from) => exported(path, from, signal, (read) => { bytes = read })
  }
  let position = 0
  let stored = 0
  try {
    const copied = await copyInto(session, { connection: session.connection, topic: name }, path === '-' ? once(source) : source, {
      deliveryMs: retryFor,
      origin,
      onBegin: (begun) => {
        position = begun
        if (begun > 1) notes.note(`${name}: has offsets up to ${grouped(begun)} of ${path} already`)
      },
      onStored: ({ messages }) => {
        stored = messages
        progress.update(bytes, messages)
      }
    })
    progress.stop()
    session.result({ topic: name, file: path, count: copied.messages, lastSourceOffset: copied.position }, () => {
      out.line(`${counted(copied.messages, 'message')} of ${path} in ${name}, ${grouped(progress.rateOf(copied.messages))}/s`)
    })
  } catch (error) {
    if (!signal.aborted) {
      if (!(error instanceof CommandError)) throw error
      throw error.after(stored, `this run has stored ${counted(stored, 'message')}`, stored > 0)
    }
    throw new CommandError(`${path}: interrupted; what is stored stays, from offset ${position} on`, {
      exit: session.interrupts.exit, hint: `streams import ${name} ${path} goes on`
    })
  } finally {
    progress.stop()
  }
}

/** Lines with ascending offsets. @throws CommandError */
async function * exported (
  path: string, from: number, signal: AbortSignal, onRead: (bytes: number) => void
): AsyncGenerator<Message<string>, void, undefined> {
  let bytes = 0
  let last = 0
  const stream = await openText(path, (count) => { onRead(bytes += count) })
  try {
    for await (const lines of linesOf(stream, path)) {
      for (const { text, number } of lines) {
        signal.throwIfAborted()
        const message = messageOf(text, `${path}:${number}`, { lines: 'messages' })
        if (message === undefined) continue
        const { offset, timestamp } = JSON.parse(text) as { offset?: unknown, timestamp?: unknown }
        if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset <= last) {
          throw new CommandError(`${path}:${number}: offset: expected a number above ${last}, got ${JSON.stringify(offset)}`, {
            exit: 'usage',
            code: 'invalid_message',
            hint: offset === undefined ? 'for lines without offsets: streams produce TOPIC --messages --file FILE' : undefined
          })
        }
        last = offset
        if (offset < from) continue
        const { payload, key, headers } = message
        const time = typeof timestamp === 'number' ? timestamp : NaN
        yield { offset, payload, timestamp: time, ...key !== undefined && { key }, ...headers !== undefined && { headers } }
      }
    }
  } catch (error) {
    throw damageOf(error, path)
  } finally {
    stream.destroy()
  }
}

/** Standard input can be read once only, and is asked for its first message before the others. */
function once (source: Source): Source {
  const iterator = source.messages(1)[Symbol.asyncIterator]()
  let ahead: Message<string> | undefined
  return {
    name: source.name,
    async * messages (from) {
      for (;;) {
        if (ahead === undefined) {
          const next = await iterator.next()
          if (next.done === true) return
          ahead = next.value
        }
        const message = ahead
        if (message.offset >= from) yield message
        // Only now: what was looked at and not taken comes again.
        ahead = undefined
      }
    }
  }
}
