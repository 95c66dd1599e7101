import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readIfThere, stateFolder, writePrivately } from './config.ts'
import { addressOf } from './connection.ts'
import { CommandError, usageError } from './failures.ts'
import { counted, grouped } from './output.ts'

/** How far a file is stored in a topic. It is written after each batch, so that a killed run can be continued. */
export interface ResumeState {
  readonly url: string
  readonly topic: string
  readonly file: string
  /** Of the file, in bytes, when the run began. */
  readonly size: number
  /** How lines become messages, as JSON: the same seq must always have the same messages. */
  readonly format: string
  /** The producer. */
  readonly id: string
  /** Of the next batch. */
  readonly seq: number
  /** Where the next batch begins, in bytes; and the line before. */
  readonly position: number
  readonly line: number
  /** Of all lines before, so that a file that was changed there is not taken for the same. */
  readonly hash: string
  readonly messages: number
  readonly done: boolean
}

export interface FileToSend {
  readonly url: string
  readonly topic: string
  readonly path: string
  readonly format: string
}

const dayMs = 86_400_000
/** After this time the service may have forgotten the producer. */
const usableMs = 7 * dayMs
/** States are kept for longer, so that a run that is too old is not taken for one that never was. */
const keptMs = 90 * dayMs

export class ResumeFile {
  readonly path: string
  /** Whether there was an earlier run. */
  readonly known: boolean
  state: ResumeState

  private constructor (path: string, known: boolean, state: ResumeState) {
    this.path = path
    this.known = known
    this.state = state
  }

  /**
   * @param how `resume`: goes on where an earlier run has ended, if there was one. `restart`: sends everything, whatever was before.
   * @throws CommandError if an earlier run has not finished and `how` does not say what to do, if it is too old, or if the file has changed
   */
  static open ({ url, topic, path, format }: FileToSend, how: 'resume' | 'restart' | undefined): ResumeFile {
    const file = realpathSync(path)
    const { size } = statSync(file)
    const name = createHash('sha256').update(JSON.stringify([addressOf(url), topic, file])).digest('hex').slice(0, 24)
    const statePath = join(stateFolder(), `produce-${name}.json`)
    const begin = { seq: 0, position: 0, line: 0, hash: '', messages: 0, done: false }
    const fresh = { url, topic, file, size, format, id: `streams-produce-${randomUUID()}`, ...begin }
    removeOld(statePath)
    const before = how === 'restart' ? undefined : read(statePath)
    if (before === undefined || (before.done && how !== 'resume')) return new ResumeFile(statePath, before !== undefined, fresh)
    if (!before.done && ageOf(statePath) > usableMs) throw tooOld(path, topic, before)
    if (how !== 'resume') {
      throw new CommandError(`${path}: an earlier run was interrupted after ${before.messages} messages`, {
        exit: 'usage',
        code: 'interrupted_run',
        hint: 'add --resume to go on without doubles, or --restart to send the whole file again'
      })
    }
    if (before.done && before.size !== size) throw fileChanged(path, 'since it was sent')
    if (before.format !== format) {
      throw usageError(`--resume: expected the same --text, --messages, --key, --key-path and --header as before: ${before.format}`)
    }
    return new ResumeFile(statePath, true, { ...before, size })
  }

  write (changes: Partial<ResumeState> = {}): void {
    this.state = { ...this.state, ...changes }
    try {
      writePrivately(this.path, JSON.stringify(this.state))
    } catch (error) {
      throw new CommandError(`${this.path}: it cannot be noted how far the file is: ${(error as Error).message}`, {
        code: 'state_not_written', hint: 'set XDG_STATE_HOME to a folder that can be written'
      })
    }
  }
}

export function fileChanged (path: string, where: string): CommandError {
  return new CommandError(`${path}: the file was changed ${where}, so it is not clear what is stored`, {
    exit: 'usage', code: 'file_changed', hint: 'put the old file back; or add --restart to send the whole file again'
  })
}

function tooOld (path: string, topic: string, { messages, line }: ResumeState): CommandError {
  const stored = `it has stored ${counted(messages, 'message')} up to line ${grouped(line)}`
  return new CommandError(`${path}: the earlier run is older than 7 days, so the service may have forgotten it; ${stored}`, {
    exit: 'usage', code: 'run_too_old', hint: `streams topics describe ${topic} tells what is there; --restart sends the whole file again`
  })
}

function read (path: string): ResumeState | undefined {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as ResumeState
  } catch {
    throw new CommandError(`${path}: expected the state of an earlier run, got something else`, { hint: '--restart sends the whole file' })
  }
}

function ageOf (path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
}

/** @param asked the state that is needed now */
function removeOld (asked: string): void {
  const folder = dirname(asked)
  let names: string[] = []
  try {
    names = readdirSync(folder)
  } catch {}
  for (const path of names.filter((name) => name.startsWith('produce-')).map((name) => join(folder, name))) {
    if (path !== asked && ageOf(path) > keptMs) rmSync(path, { force: true })
  }
}
