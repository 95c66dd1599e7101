import { existsSync, renameSync, rmSync } from 'node:fs'
import { jsonText } from '../../../clients/typescript/src/index.ts'
import { usageError } from '../failures.ts'
import { type Compression, compressionOf, TextFile } from '../files.ts'
import { counted, grouped } from '../output.ts'
import { Progress } from '../progress.ts'
import type { Session } from '../session.ts'
import { lineOf } from '../show-message.ts'
import type { Start } from '../values.ts'
import { startOf } from './consume.ts'

export interface ExportOptions {
  readonly output: string
  readonly compress?: Compression
  readonly force?: boolean
  readonly from?: Start
  readonly since?: Date
  readonly until?: number
}

/** Writes messages to a file, as lines. The file has its name when it is complete. */
export async function exportTopic (session: Session, name: string, options: ExportOptions): Promise<void> {
  const { signal, notes } = session
  const { output, compress = compressionOf(output), force = false, until } = options
  const toFile = output !== '-'
  if (toFile && existsSync(output) && !force) {
    throw usageError(`${output}: expected a file that does not exist`, 'add --force to replace it')
  }
  const from = await startOf(session.client.topic(name), options, signal)
  const { end } = await session.client.topic(name).describe({ signal }).catch(() => ({ end: 0 }))
  const partial = `${output}.partial`
  const file = await TextFile.open(toFile ? partial : undefined, compress)
  const progress = await Progress.start(session, name, end)
  let messages = 0
  let removed = 0
  let last: number | undefined
  try {
    const topic = session.patientClient.topic<string>(name, { codec: jsonText })
    const read = topic.read({
      from, signal, ...until !== undefined && { until }, onTrimmed: (first, next) => { removed += next - first }
    })
    for await (const message of read) {
      await file.line(lineOf(message))
      last = message.offset
      if (++messages % 1_000 === 0) progress.update(last, messages)
    }
    await file.end()
  } catch (error) {
    file.destroy()
    if (toFile) rmSync(partial, { force: true })
    throw error
  } finally {
    progress.stop()
  }
  if (removed > 0) notes.warn(`${name}: at most ${counted(removed, 'message')} were removed before they were read`)
  if (!toFile) return notes.note(`${counted(messages, 'message')} of ${name}`)
  renameSync(partial, output)
  session.result({ topic: name, file: output, count: messages, lastOffset: last ?? null }, () => {
    session.out.line(`${counted(messages, 'message')} of ${name} in ${output}, ${grouped(progress.rateOf(messages))}/s`)
  })
}
