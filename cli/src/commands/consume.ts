import { jsonText, type Message, type Position, StreamsError, type Topic } from '../../../clients/typescript/src/index.ts'
import { usageError } from '../failures.ts'
import { type Path, pathOf, textAt } from '../json-text.ts'
import { grouped, harmless } from '../output.ts'
import type { Session } from '../session.ts'
import { lineOf, MessagePrinter } from '../show-message.ts'
import type { Start } from '../values.ts'

export interface ConsumeOptions {
  readonly from?: Start
  readonly since?: Date
  readonly until?: number
  readonly limit?: number
  readonly follow?: boolean
  readonly key?: string
  readonly select?: readonly string[]
}

/** Shows messages: to the end of the topic, or as they come. */
export async function consume (session: Session, name: string, options: ConsumeOptions): Promise<void> {
  const { out, signal } = session
  const { follow = false, key, limit = Infinity, until } = options
  if (follow && until !== undefined) throw usageError('--follow and --until: expected one of them, got both')
  const print = printerOf(session, options.select?.map(selection))
  const topic = session.patientClient.topic<string>(name, { codec: jsonText })
  // Asked with little patience, so that a wrong address is told soon.
  const from = await startOf(session.client.topic(name), options, signal)
  const messages = follow
    ? topic.follow({ from, signal })
    : topic.read({
      from,
      signal,
      ...until !== undefined && { until },
      ...key === undefined && limit < 1_000 && { pageSize: limit },
      onTrimmed: (first, next) => { session.notes.warn(`${name}: messages ${grouped(first)} to ${grouped(next - 1)} were removed`) }
    })
  if (from === 1) await checkExists(session, name, follow)
  let count = 0
  try {
    for await (const message of messages) {
      if (key !== undefined && message.key !== key) continue
      print(message)
      if (++count >= limit) break
      await out.room
    }
  } catch (error) {
    if (!signal.aborted || !follow) throw error
  }
}

/** The service reads a topic that does not exist as an empty one, as it may be created. A person has probably misspelt it. */
async function checkExists ({ client, notes, signal }: Session, name: string, follow: boolean): Promise<void> {
  try {
    await client.topic(name).describe({ signal })
  } catch (error) {
    if (!(error instanceof StreamsError) || error.status !== 404) throw error
    if (!follow) throw error
    notes.note(`${name} does not exist yet: waiting for its first message`)
  }
}

/** An offset or a time, which is sure to exist. @throws StreamsError */
export async function startOf (
  topic: Topic, { from, since }: { readonly from?: Start, readonly since?: Date }, signal: AbortSignal
): Promise<Position> {
  if (from !== undefined && since !== undefined) throw usageError('--from and --since: expected one of them, got both')
  const position = since ?? (typeof from === 'object' ? 'latest' : from ?? 'earliest')
  const { nextOffset, messages, earliest } = await topic.page({ from: position, limit: 1, maxBytes: 1, signal })
  if (typeof from === 'object') return Math.max(earliest, nextOffset - from.fromEnd)
  return position instanceof Date || typeof position === 'string' ? messages[0]?.offset ?? nextOffset : position
}

function selection (text: string): Path {
  const path = pathOf(text)
  if (path === undefined) throw usageError(`--select: expected a path such as payload.items[0].name, got ${text}`)
  return path
}

function printerOf ({ out }: Session, paths: readonly Path[] | undefined): (message: Message<string>) => void {
  if (paths !== undefined) return (message) => { out.line(selected(lineOf(message), paths, out.json, out.isTerminal)) }
  if (out.json || !out.isTerminal) return (message) => { out.line(lineOf(message)) }
  const printer = new MessagePrinter(out)
  return (message) => { printer.print(message) }
}

/** One value as JSON, or several as an array; without --json strings without quotes, between tabs. */
function selected (line: string, paths: readonly Path[], json: boolean, isTerminal: boolean): string {
  const texts = paths.map((path) => textAt(line, path))
  if (json) return paths.length === 1 ? texts[0] ?? 'null' : `[${texts.map((text) => text ?? 'null').join(',')}]`
  return texts.map((text = '') => {
    const plain = text.startsWith('"') ? JSON.parse(text) as string : text
    // A string with a tab or a line end would look like several.
    return isTerminal || paths.length > 1 || plain.includes('\n') ? harmless(plain) : plain
  }).join('\t')
}
