import { exitCodes } from './failures.ts'

/** Ctrl-C and SIGTERM, as an `AbortSignal`. The second one ends the process at once. */
export class Interrupts {
  readonly #controller = new AbortController()
  #name: 'SIGINT' | 'SIGTERM' | undefined
  /** Called before the process ends at once. */
  onSecond: () => void = () => {}

  constructor () {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (this.#name !== undefined) {
          this.onSecond()
          process.exit(exitCodes[this.exit])
        }
        this.#name = name
        this.#controller.abort(new Interrupted())
      })
    }
  }

  get signal (): AbortSignal { return this.#controller.signal }

  /** The exit of a command that was interrupted before it was done. */
  get exit (): 'interrupted' | 'terminated' { return this.#name === 'SIGTERM' ? 'terminated' : 'interrupted' }
}

/** The reason of the signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}
