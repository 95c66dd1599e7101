import { CommanderError } from 'commander'
import { StreamsError } from '../../clients/typescript/src/index.ts'
import { currentSession, interrupts } from './command.ts'
import { CommandError, exitCodes, failureOf, type Failure } from './failures.ts'
import { Notes } from './output.ts'
import { createProgram } from './program.ts'

// A reader that has had enough, such as head, is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done)
    throw error
  })
}

const args = process.argv.slice(2)
/** Without those of a command that `work` runs. */
const ownArgs = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
const program = createProgram()
try {
  if (args.length === 0) {
    program.outputHelp()
  } else {
    await program.parseAsync(args, { from: 'user' })
  }
  // What is left, such as idle connections, is of no use any more.
  process.exit(exitCodes.done)
} catch (error) {
  await currentSession()?.out.end()
  process.exit(exitOf(error))
}

function exitOf (error: unknown): number {
  if (error instanceof CommanderError) return exitOfUsage(error)
  // What was waited for may have an error of its own for that.
  const known = error instanceof CommandError || error instanceof StreamsError
  if (interrupts.signal.aborted && !known) return exitCodes[interrupts.exit]
  const failure = failureOf(error)
  tell(failure.exit === 'interrupted' ? { ...failure, exit: interrupts.exit } : failure)
  return exitCodes[failure.exit === 'interrupted' ? interrupts.exit : failure.exit]
}

/** Help and the version are no errors; a command without its subcommand is. */
function exitOfUsage ({ code, message, exitCode }: CommanderError): number {
  if (exitCode === 0) return exitCodes.done
  if (code === 'commander.help') return exitCodes.usage
  const [first = '', ...more] = message.replace(/^error: /, '').split('\n')
  const begin = ownArgs.findIndex((word) => program.commands.some((command) => command.name() === word))
  const words = begin === -1 ? [] : ownArgs.slice(begin).filter((word) => !word.startsWith('-'))
  const path = words.slice(0, isGroup(words[0]) && code !== 'commander.unknownCommand' ? 2 : 1)
  const known = path.length > 0 && program.commands.some((command) => command.name() === path[0])
  const suggestion = more.map((line) => `${line.trim().replace(/^\(|\)$/g, '')} `).join('')
  tell({ exit: 'usage', code: 'usage', message: first, hint: `${suggestion}streams ${known ? `${path.join(' ')} ` : ''}--help` })
  return exitCodes.usage
}

function isGroup (name: string | undefined): boolean {
  return program.commands.some((command) => command.name() === name && command.commands.length > 0)
}

/** What went wrong, and what to do. */
function tell ({ exit, code, message, hint, requestId, written, stored }: Failure): void {
  const json = ownArgs.includes('--json')
  const notes = new Notes({ color: !ownArgs.includes('--no-color') })
  if (json) {
    const error = { code, message, exit_code: exitCodes[exit], hint, request_id: requestId, written, stored }
    process.stderr.write(`${JSON.stringify({ error })}\n`)
    return
  }
  process.stderr.write(`${notes.style('red', 'streams:')} ${message}\n`)
  if (written === 'unknown') {
    process.stderr.write(`  ${stored === undefined ? 'the message' : 'what was sent last'} may have been stored nevertheless\n`)
  }
  if (hint !== undefined) process.stderr.write(`  ${notes.style('bold', 'try:')} ${hint}\n`)
  if (requestId !== undefined) process.stderr.write(`  ${notes.style('dim', `request ${requestId}, code ${code}`)}\n`)
}
