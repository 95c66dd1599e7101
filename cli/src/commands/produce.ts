import { createHash } from 'node:crypto'
import { jsonText, type NewMessage, StreamsError } from '../../../clients/typescript/src/index.ts'
import { BatchCutter } from '../batches.ts'
import { CommandError, exitOf, hints, usageError } from '../failures.ts'
import { pathOf } from '../json-text.ts'
import { bytesOf, linesOf } from '../lines.ts'
import { type LineFormat, messageOf } from '../message-lines.ts'
import { preferSmallHeap } from '../memory.ts'
import { counted, grouped } from '../output.ts'
import { Progress } from '../progress.ts'
import { fileChanged, ResumeFile } from '../resume.ts'
import { Sequence, type SequencedBatch } from '../sequence.ts'
import type { Session } from '../session.ts'

export interface ProduceOptions {
  readonly file?: string
  readonly text?: boolean
  readonly messages?: boolean
  readonly key?: string
  readonly keyPath?: string
  readonly header?: Readonly<Record<string, string>>
  readonly resume?: boolean
  readonly restart?: boolean
  readonly expectedOffset?: number
  readonly idempotencyKey?: string
  readonly retryFor: number
}

/** Appends arguments, the lines of a file, or those of standard input. */
export async function produce (session: Session, topic: string, payloads: readonly string[], options: ProduceOptions): Promise<void> {
  const format = formatOf(options)
  const { file, expectedOffset, idempotencyKey, resume, restart } = options
  if (file !== undefined && payloads.length > 0) throw usageError('--file: expected no payloads beside it')
  if (payloads.length === 0 && (expectedOffset !== undefined || idempotencyKey !== undefined)) {
    throw usageError('--expected-offset, --idempotency-key: expected payloads as arguments beside them')
  }
  if (file === undefined && (resume === true || restart === true)) throw usageError('--resume, --restart: expected --file beside them')
  if (payloads.length > 0) return produceArguments(session, topic, payloads, format, options)
  if (file !== undefined && file !== '-') return produceFile(session, topic, file, format, options)
  return produceInput(session, topic, format, options)
}

function formatOf ({ text, messages, key, keyPath, header }: ProduceOptions): LineFormat {
  if (text === true && messages === true) throw usageError('--text and --messages: expected one of them, got both')
  if (keyPath !== undefined && (text === true || messages === true || key !== undefined)) {
    throw usageError('--key-path: expected JSON payloads, and no --key, --text or --messages beside it')
  }
  const path = keyPath === undefined ? undefined : pathOf(keyPath)
  if (keyPath !== undefined && path === undefined) throw usageError(`--key-path: expected a path such as customer.id, got ${keyPath}`)
  return { lines: text === true ? 'text' : messages === true ? 'messages' : 'json', key, keyPath: path, headers: header }
}

async function produceArguments (
  { client, out, signal }: Session, topic: string, payloads: readonly string[], format: LineFormat, options: ProduceOptions
): Promise<void> {
  const messages = payloads.map((payload, index) => {
    const message = messageOf(payload, payloads.length === 1 ? 'payload' : `payload ${index + 1}`, format)
    if (message === undefined) throw usageError('payload: expected JSON, got an empty text', 'add --text to send it as a text')
    return message
  })
  const { expectedOffset, idempotencyKey } = options
  const conditions = { expectedOffset, ...idempotencyKey !== undefined && { idempotencyKey }, signal }
  const appended = await client.topic<string>(topic, { codec: jsonText }).appendBatch(messages, conditions)
  const { offset, lastOffset, count, duplicate = false } = appended
  if (out.json) {
    out.value({ topic, offset, ...count > 1 && { last_offset: lastOffset, count }, ...duplicate && { duplicate } })
  } else {
    const where = count === 1 ? `at offset ${offset}` : `at offsets ${offset} to ${lastOffset}`
    out.line(`${counted(count, 'message')} in ${topic} ${where}${duplicate ? ', stored by an earlier request' : ''}`)
  }
}

/** What is known of an earlier run. */
interface Earlier {
  readonly resumedAfter?: number
  /** It was looked for, and there was none. */
  readonly isFirstRun?: boolean
}

/** What a run has stored. */
class Summary {
  first: number | undefined
  last: number | undefined
  messages = 0

  add (count: number, first: number | undefined, last: number | undefined): void {
    this.first ??= first
    this.last = last ?? this.last
    this.messages += count
  }

  show ({ out }: Session, topic: string, progress: Progress, more: Earlier = {}): void {
    const { first, last, messages } = this
    if (out.json) {
      const { resumedAfter = 0, isFirstRun = false } = more
      const offsets = messages === 0 ? {} : { offset: first, last_offset: last }
      const earlier = { ...resumedAfter > 0 && { resumed_after: resumedAfter }, ...isFirstRun && { earlier_run: false } }
      out.value({ topic, ...offsets, count: messages, ...earlier })
      return
    }
    const where = last === undefined ? '' : ` at offsets ${first ?? '?'} to ${last}`
    const rate = messages < 100 ? '' : `, in ${progress.seconds.toFixed(1)} s, ${grouped(progress.rateOf(messages))}/s`
    out.line(`${counted(messages, 'message')} in ${topic}${where}${rate}`)
  }
}

/** What is read is stored at once: lines wait for others only for some milliseconds. */
async function produceInput (session: Session, topic: string, format: LineFormat, { retryFor }: ProduceOptions): Promise<void> {
  const { signal, notes } = session
  if (process.stdin.isTTY) notes.note('Each line is a message. Ctrl-D ends.')
  const client = session.clientWith({ timeoutMs: retryFor })
  const producer = client.topic<string>(topic, { codec: jsonText }).producer({ stopOnError: true, deliveryTimeoutMs: retryFor })
  const progress = await Progress.start(session, topic, 0)
  const summary = new Summary()
  let sent = false
  let wrong: { readonly error: unknown } | undefined
  let failed: { readonly line: number, readonly error: unknown } | undefined
  const send = (message: NewMessage<string>, line: number): void => {
    sent = true
    producer.append(message.payload, message).then(({ offset }) => { summary.add(1, offset, offset) }, (error: unknown) => {
      failed ??= { line, error }
    })
  }
  const stop = (): void => { process.stdin.destroy() }
  signal.addEventListener('abort', stop)
  try {
    for await (const lines of linesOf(process.stdin, 'standard input')) {
      for (const { text, number } of lines) {
        const message = messageOf(text, `standard input:${number}`, format)
        if (message === undefined) continue
        await producer.ready
        send(message, number)
      }
      progress.update(0, summary.messages)
    }
  } catch (error) {
    wrong = { error }
  } finally {
    signal.removeEventListener('abort', stop)
    // What came before a wrong line is stored, so that the error can say up to where.
    await producer.close().catch((error: unknown) => { failed ??= { line: 0, error } })
    progress.stop()
  }
  const { messages } = summary
  const done = `${counted(messages, 'message')} before ${messages === 1 ? 'is' : 'are'} stored`
  if (failed !== undefined) throw atLine(failed.error, `standard input:${failed.line}`, messages, done)
  if (wrong !== undefined && !signal.aborted) {
    throw wrong.error instanceof CommandError ? wrong.error.after(messages, done, sent) : wrong.error
  }
  summary.show(session, topic, progress)
  signal.throwIfAborted()
}

interface FileBatch extends SequencedBatch {
  /** Of its last line. */
  readonly line: number
  readonly position: number
  /** Of all lines up to here. */
  readonly hash: string
}

/** Can be interrupted at any moment, and continued. */
async function produceFile (
  session: Session, topic: string, path: string, format: LineFormat, { resume, restart, retryFor }: ProduceOptions
): Promise<void> {
  preferSmallHeap()
  const { signal, connection } = session
  const how = resume === true ? 'resume' : restart === true ? 'restart' : undefined
  const file = ResumeFile.open({ url: connection.url, topic, path, format: JSON.stringify(format) }, how)
  const { id, size, messages: resumedAfter, seq: firstSeq, hash } = file.state
  if (file.state.done) {
    await checkUnchanged(path, format, hash, signal)
    session.notes.note(`${path}: all ${grouped(resumedAfter)} messages were stored by an earlier run`)
    if (session.out.json) session.out.value({ topic, count: 0, resumed_after: resumedAfter })
    return
  }
  file.write()
  const isFirstRun = resume === true && !file.known
  if (isFirstRun) {
    session.notes.warn(`${path}: no earlier run that sent this file to ${topic} at ${connection.url} is known here: it begins at line 1`)
  }
  if (resumedAfter > 0) session.notes.note(`${path}: going on after ${counted(resumedAfter, 'message')}, line ${grouped(file.state.line)}`)
  const client = session.clientWith({ retry: false }).topic<string>(topic, { codec: jsonText })
  const progress = await Progress.start(session, path, size, file.state.position)
  const summary = new Summary()
  let sent = false
  const sequence = new Sequence<FileBatch>({
    append: ({ messages, seq }) => client.appendBatch(messages, { producer: { id, epoch: 0, seq }, timeoutMs: 30_000 }),
    onStored: ({ seq, messages, line, position, hash }, stored) => {
      summary.add(messages.length, stored?.offset, stored?.lastOffset)
      file.write({ seq: seq + 1, position, line, hash, messages: file.state.messages + messages.length })
      progress.update(position, summary.messages)
    },
    deliveryMs: retryFor,
    signal,
    onRetry: (error, delayMs) => { session.tellOfRetry(error, delayMs) }
  })
  try {
    for await (const batch of fileBatches(path, format)) {
      if (signal.aborted) break
      if (batch.seq === firstSeq - 1 && batch.hash !== hash) throw fileChanged(path, `in its first ${counted(batch.line, 'line')}`)
      if (batch.seq < firstSeq) continue
      sent = true
      await sequence.add(batch)
    }
    await sequence.finish()
    signal.throwIfAborted()
    file.write({ done: true })
  } catch (error) {
    // What is on its way still counts, whatever is wrong behind it.
    await sequence.finish().catch(() => {})
    throw interrupted(error, file.state, { path, again: `streams produce ${topic} --file ${path} --resume`, sent, signal })
  } finally {
    progress.stop()
  }
  summary.show(session, topic, progress, { resumedAfter, isFirstRun })
}

/** @throws CommandError if a file that was sent is another one now, though of the same size */
async function checkUnchanged (path: string, format: LineFormat, sent: string, signal: AbortSignal): Promise<void> {
  let hash = ''
  try {
    for await (const batch of fileBatches(path, format)) {
      signal.throwIfAborted()
      hash = batch.hash
    }
  } catch (error) {
    // All lines that were sent were right.
    if (!(error instanceof CommandError)) throw error
    hash = 'none'
  }
  if (hash !== sent) throw fileChanged(path, 'since it was sent')
}

/** Always the same batches of the same lines, so that a seq stands for the same messages in each run. */
async function * fileBatches (path: string, format: LineFormat): AsyncGenerator<FileBatch, void, undefined> {
  const cutter = new BatchCutter()
  let seq = 0
  let last = { position: 0, line: 0 }
  let hash = createHash('sha256')
  const batch = (): FileBatch => {
    const digest = hash.digest('hex')
    hash = createHash('sha256').update(digest)
    return { seq: seq++, messages: cutter.take(), hash: digest, ...last }
  }
  for await (const lines of linesOf(bytesOf(path), path)) {
    for (const { text, number, end } of lines) {
      const message = messageOf(number === 1 ? text.replace(/^\uFEFF/, '') : text, `${path}:${number}`, format)
      if (message !== undefined) {
        if (cutter.isFull(message)) yield batch()
        cutter.add(message)
        hash.update(text).update('\n')
      }
      last = { position: end, line: number }
    }
  }
  if (cutter.messages.length > 0) yield batch()
}

interface Run {
  readonly path: string
  /** The command that goes on. */
  readonly again: string
  readonly sent: boolean
  readonly signal: AbortSignal
}

function interrupted (error: unknown, { messages, line }: ResumeFile['state'], { path, again, sent, signal }: Run): unknown {
  const stored = `${counted(messages, 'message')} up to line ${grouped(line)} ${messages === 1 ? 'is' : 'are'} stored`
  const done = `${path}: ${stored}`
  if (signal.aborted) return new CommandError(`${done}, then it was interrupted`, { exit: 'interrupted', hint: again, stored: messages })
  if (error instanceof StreamsError && error.code === 'producer_gap') {
    return new CommandError(`${done}, but the service does not know this run any more: the topic was deleted, or a week is over`, {
      exit: 'conflict',
      code: 'run_forgotten',
      cause: error,
      stored: messages,
      hint: 'look where the topic ends; --restart sends the whole file again'
    })
  }
  if (error instanceof StreamsError && error.code === 'idempotency_conflict') return fileChanged(path, 'since it was sent')
  if (error instanceof StreamsError) return atLine(error, path, messages, stored, again)
  if (!(error instanceof CommandError) || error.code === 'file_changed') return error
  const first = error.hint === undefined ? '' : `${error.hint}; or `
  return error.after(messages, stored, sent, `${first}correct the line, then: ${again}`)
}

function atLine (error: unknown, place: string, stored: number, done: string, again?: string): unknown {
  if (!(error instanceof StreamsError)) return error
  const { code, message } = error
  return new CommandError(`${place}: ${message}; ${done}`, { exit: exitOf(error), code, cause: error, stored, hint: again ?? hints[code] })
}
