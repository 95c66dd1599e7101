import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { delimiter, join } from 'node:path'
import {
  type Group, type HandlerContext, jsonText, type Message, RejectMessage, StreamsError
} from '../../../clients/typescript/src/index.ts'
import { CommandError } from '../failures.ts'
import { counted, grouped } from '../output.ts'
import type { Session } from '../session.ts'

export interface WorkOptions {
  readonly concurrency: number
  readonly lease?: number
  readonly timeout?: number
  readonly rejectOn?: readonly string[]
  readonly backoff?: number
  readonly limit?: number
  readonly drain?: boolean
  readonly consumer?: string
  readonly textStdin?: boolean
}

/** After SIGTERM, a command has so long to end. */
const killMs = 10_000
const detailCharsMax = 100

/** Runs a command for each message of a group, until it is stopped. */
export async function work (
  session: Session, topic: string, name: string, command: readonly string[], options: WorkOptions
): Promise<void> {
  const path = executable(command[0]!)
  const worker = new Worker(session, topic, name, [path, ...command.slice(1)], options)
  await worker.run()
}

class Worker {
  readonly #session: Session
  readonly #topic: string
  readonly #group: Group<string>
  readonly #command: readonly string[]
  readonly #options: WorkOptions
  readonly #children = new Set<ChildProcess>()
  readonly #stop = new AbortController()
  readonly #counts = { done: 0, failed: 0, dead: 0 }
  #begun = 0
  #toldOfNul = false

  constructor (session: Session, topic: string, name: string, command: readonly string[], options: WorkOptions) {
    this.#session = session
    this.#topic = topic
    this.#command = command
    this.#options = options
    this.#group = session.patientClient.topic<string>(topic, { codec: jsonText }).group(name)
  }

  async run (): Promise<void> {
    const { signal, interrupts, notes, client } = this.#session
    const { concurrency, lease, timeout, backoff, drain = false, consumer = `${hostname()}-${process.pid}` } = this.#options
    // Before anything is leased: a wrong address or token is told soon. The group itself may not exist yet.
    await client.topic(this.#topic).group(this.#group.name).describe({ signal }).catch((error: unknown) => {
      if (!(error instanceof StreamsError && error.status === 404)) throw error
    })
    signal.addEventListener('abort', () => {
      const held = this.#children.size === 0 ? '' : `: waiting for ${counted(this.#children.size, 'command')}; a second Ctrl-C kills`
      notes.note(`stopping${held}`)
      this.#stop.abort()
    })
    interrupts.onSecond = () => { for (const child of this.#children) killGroup(child, 'SIGKILL') }
    notes.note(`${this.#group.name} of ${this.#topic}: waiting for messages; Ctrl-C stops`)
    const drained = drain ? this.#stopWhenDrained() : undefined
    try {
      await this.#group.consume((message, context) => this.#handle(message, context), {
        signal: this.#stop.signal,
        concurrency,
        consumer,
        ...lease !== undefined && { leaseMs: lease },
        ...timeout !== undefined && { handlerTimeoutMs: timeout },
        ...backoff !== undefined && { backoff: { baseMs: backoff, maxMs: Math.max(60_000, backoff) } },
        onDeadLetter: ({ offset }) => {
          this.#counts.dead++
          notes.note(`${notes.style('red', `offset ${offset}`)}: dead letter`)
        },
        onLeaseLost: (offsets) => { notes.warn(`the lease of offsets ${offsets.join(', ')} is lost: they are delivered again`) }
      })
    } finally {
      this.#stop.abort()
      await drained
    }
    const { done, failed, dead } = this.#counts
    this.#session.result({ topic: this.#topic, group: this.#group.name, done, failed, dead }, () => {
      notes.note(`${counted(done, 'message')} done, ${grouped(failed)} failed, ${grouped(dead)} dead`)
    })
  }

  async #handle (message: Message<string>, { attempt, signal }: HandlerContext): Promise<void> {
    const { limit = Infinity } = this.#options
    // Others that are leased already go back, and do not count as tried.
    if (++this.#begun >= limit) this.#stop.abort()
    const failure = await this.#runCommand(message, attempt, signal)
    if (failure === undefined) {
      this.#counts.done++
      return
    }
    this.#counts.failed++
    const { notes } = this.#session
    notes.note(`${notes.style('red', `offset ${message.offset}`)}: ${failure.text}, attempt ${attempt}`)
    throw failure.reject ? new RejectMessage(failure.text) : new Error(failure.text)
  }

  async #runCommand (
    message: Message<string>, attempt: number, signal: AbortSignal
  ): Promise<{ readonly text: string, readonly reject: boolean } | undefined> {
    const [path = '', ...args] = this.#command
    const { rejectOn = [], textStdin = false } = this.#options
    const env = this.#environmentOf(message, attempt)
    let child: ChildProcess | undefined
    const kill = (): void => { if (child !== undefined) this.#end(child) }
    signal.addEventListener('abort', kill, { once: true })
    try {
      // It may throw, for instance if the environment is too long. A group of its own: Ctrl-C is for this program, which lets commands
      // finish.
      const started = child = spawn(path, args, { detached: true, stdio: ['pipe', 'inherit', 'inherit'], env })
      this.#children.add(started)
      // A command need not read its input.
      started.stdin.on('error', () => {})
      started.stdin.end(textStdin && message.payload.startsWith('"') ? JSON.parse(message.payload) as string : message.payload)
      const [code, killedBy] = await new Promise<[number | null, string | null]>((resolve, reject) => {
        started.once('error', reject)
        started.once('exit', (code, signal) => { resolve([code, signal]) })
      })
      if (code === 0) return undefined
      const text = code === null ? `killed by ${killedBy}` : `exit code ${code}`
      return { text, reject: code !== null && rejectOn.includes(String(code)) }
    } catch (error) {
      return { text: (error as Error).message.slice(0, detailCharsMax), reject: false }
    } finally {
      signal.removeEventListener('abort', kill)
      if (child !== undefined) this.#children.delete(child)
    }
  }

  #environmentOf ({ offset, timestamp, key, headers }: Message<string>, attempt: number): NodeJS.ProcessEnv {
    const { STREAMS_KEY: _key, STREAMS_HEADERS: _headers, ...environment } = process.env
    return {
      ...environment,
      STREAMS_TOPIC: this.#topic,
      STREAMS_GROUP: this.#group.name,
      STREAMS_OFFSET: String(offset),
      STREAMS_TIMESTAMP: String(timestamp),
      STREAMS_ATTEMPT: String(attempt),
      ...key !== undefined && this.#fits(key) && { STREAMS_KEY: key },
      ...headers !== undefined && { STREAMS_HEADERS: JSON.stringify(headers) }
    }
  }

  /** No variable of an environment can have a NUL in its value. Headers are JSON, which escapes it. */
  #fits (key: string): boolean {
    if (!key.includes('\0')) return true
    if (!this.#toldOfNul) this.#session.notes.warn('a key with a NUL character fits into no variable: such messages have no STREAMS_KEY')
    this.#toldOfNul = true
    return false
  }

  #end (child: ChildProcess): void {
    killGroup(child, 'SIGTERM')
    setTimeout(() => { if (this.#children.has(child)) killGroup(child, 'SIGKILL') }, killMs).unref()
  }

  /** Stops when nothing is left to do, in the group and here. */
  async #stopWhenDrained (): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const info = await this.#group.describe({ signal }).catch(() => undefined)
      if (info !== undefined && info.lag === 0 && info.retrying === 0 && this.#children.size === 0) {
        this.#stop.abort()
        return
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500)
        signal.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve()
        }, { once: true })
      })
    }
  }
}

/** The command with what it has started. */
function killGroup ({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch {}
}

/** @throws CommandError, before a message is leased for a command that does not exist */
function executable (name: string): string {
  if (process.platform === 'win32') return name
  const places = name.includes('/') ? [name] : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
  if (found !== undefined) return name
  throw new CommandError(`${name}: expected a command that can be run, there is none`, {
    exit: 'usage', code: 'command_not_found', hint: 'for a line of shell: streams work TOPIC GROUP -- sh -c \'jq .item\''
  })
}
