import { basename } from 'node:path'
import type { SingleBar } from 'cli-progress'
import { grouped } from './output.ts'
import type { Session } from './session.ts'

/** A bar on standard error, if that is a terminal. */
export class Progress {
  readonly #startedAt = performance.now()
  readonly #bar: SingleBar | undefined
  readonly #total: number

  private constructor (bar: SingleBar | undefined, total: number) {
    this.#bar = bar
    this.#total = total
  }

  /** @param total of whatever `update` is told, such as bytes; 0 if it is not known */
  static async start ({ notes }: Session, path: string, total: number, done = 0): Promise<Progress> {
    if (!notes.isLive) return new Progress(undefined, total)
    const name = basename(path)
    const { SingleBar } = (await import('cli-progress')).default
    const format = total === 0
      ? `${name}  {messages} messages  {rate}/s`
      : `${name} [{bar}] {percentage}%  {messages} messages  {rate}/s  {eta_formatted} left`
    const bar = new SingleBar({
      format,
      stream: process.stderr,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
      barsize: 30
    })
    bar.start(Math.max(1, total), done, { messages: 0, rate: 0 })
    return new Progress(bar, total)
  }

  update (done: number, messages: number): void {
    this.#bar?.update(this.#total === 0 ? 0 : done, { messages: grouped(messages), rate: grouped(this.rateOf(messages)) })
  }

  /** Of one second. */
  rateOf (messages: number): number {
    return messages / Math.max(0.001, (performance.now() - this.#startedAt) / 1_000)
  }

  get seconds (): number { return (performance.now() - this.#startedAt) / 1_000 }

  stop (): void {
    this.#bar?.stop()
  }
}
