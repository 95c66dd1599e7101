import { createInterface } from 'node:readline/promises'
import { CommandError } from './failures.ts'
import type { Session } from './session.ts'

/** Asks before something that cannot be undone. @throws CommandError if the answer is no, or nobody can answer */
export async function confirm ({ signal }: Session, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return
  if (!process.stdin.isTTY) {
    throw new CommandError(`${question} Nobody can answer here`, { exit: 'usage', code: 'not_confirmed', hint: 'add --yes' })
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // The terminal is raw here, so that Ctrl-C is a character.
  lines.on('SIGINT', () => { process.kill(process.pid, 'SIGINT') })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was changed', { code: 'not_confirmed' })
  } finally {
    lines.close()
  }
}
