import { Command, Option } from 'commander'
import { Interrupts } from './interrupts.ts'
import { Session, type CommonOptions } from './session.ts'

/** What a command does with its arguments and options. */
type Act = (session: Session, args: readonly never[], options: never) => unknown

export interface Leaf {
  readonly name: string
  readonly does: string
  /** Arguments as commander writes them, and what they are. */
  readonly args?: ReadonlyArray<readonly [name: string, does: string, parse?: (text: string) => unknown]>
  readonly options?: readonly Option[]
  /** What people want, and the line that does it. */
  readonly examples: ReadonlyArray<readonly [line: string, does: string]>
  /** More text below the options. */
  readonly more?: string
  readonly run: Act
}

const interrupts = new Interrupts()
/** For the errors that come after a command has begun. */
let current: Session | undefined

export function currentSession (): Session | undefined { return current }

export { interrupts }

/** Options of all commands, which can stand before them, too. */
function commonOptions (): Option[] {
  return [
    new Option('--url <url>', 'address of the service; default: STREAMS_URL, the profile, http://127.0.0.1:9000'),
    new Option('--profile <name>', 'address and token of a profile; default: STREAMS_PROFILE, the current one'),
    new Option('--json', 'one JSON value a line on standard output, errors as JSON'),
    new Option('-q, --quiet', 'no progress and no notes'),
    new Option('-v, --verbose', 'each request and its status on standard error'),
    new Option('--no-color', 'no colours; NO_COLOR does the same')
  ]
}

/** To a command with subcommands. */
export function addCommonOptions (command: Command): void {
  command.enablePositionalOptions()
  for (const option of commonOptions()) command.addOption(option.helpGroup('Common options:'))
}

/** The options of a command, with those that stand before it. What stands last counts. */
function optionsOf (command: Command): CommonOptions {
  const options: Record<string, unknown> = { ...command.opts() }
  for (const option of commonOptions()) {
    const name = option.attributeName()
    let giver: Command | null = command
    while (giver !== null && giver.getOptionValueSource(name) !== 'cli') giver = giver.parent
    if (giver !== null) options[name] = giver.getOptionValue(name)
  }
  return options
}

export function addLeaf (parent: Command, { name, does, args = [], options = [], examples, more, run }: Leaf): Command {
  const command = parent.command(name).description(does)
  for (const [text, what, parse] of args) {
    if (parse === undefined) command.argument(text, what)
    else command.argument(text, what, parse as (text: string, before: unknown) => unknown)
  }
  for (const option of options) command.addOption(option)
  for (const option of commonOptions()) command.addOption(option.helpGroup('Common options:'))
  command.addHelpText('after', () => (more === undefined ? '' : `\n${more}\n`) + examplesText(examples))
  command.action(async (...given: unknown[]) => {
    const all = optionsOf(command)
    current = new Session(all, interrupts)
    await run(current, given.slice(0, args.length) as never[], all as never)
    await current.out.end()
  })
  return command
}

export function examplesText (examples: ReadonlyArray<readonly [line: string, does: string]>): string {
  return `\nExamples:\n${examples.map(([line, does]) => `  # ${does}\n  ${line}`).join('\n\n')}\n`
}
